"""stripe: the vendor for payments."""

ADDRESS = "https://api.stripe.com"
"""Where the vendor is, unless a setting says otherwise."""

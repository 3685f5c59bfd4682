"""twilio: the vendor for SMS."""

ADDRESS = "https://api.twilio.com"
"""Where the vendor is, unless a setting says otherwise."""

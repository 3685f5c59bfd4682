"""loop: the vendor for returns."""

ADDRESS = "https://api.loopreturns.com"
"""Where the vendor is, unless a setting says otherwise."""

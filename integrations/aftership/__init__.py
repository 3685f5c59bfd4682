"""aftership: the vendor for carrier scans."""

ADDRESS = "https://api.aftership.com"
"""Where the vendor is, unless a setting says otherwise."""

"""easypost: the vendor for carrier scans."""

ADDRESS = "https://api.easypost.com"
"""Where the vendor is, unless a setting says otherwise."""

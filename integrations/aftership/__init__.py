"""aftership: the vendor for carrier scans."""

"""easypost: the vendor for carrier scans."""

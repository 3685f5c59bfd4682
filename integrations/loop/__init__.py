"""loop: the vendor for returns."""

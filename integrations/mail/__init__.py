"""mail: the vendor for mail."""

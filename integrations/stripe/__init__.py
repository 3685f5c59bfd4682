"""stripe: the vendor for payments."""

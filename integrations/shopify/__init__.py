"""shopify: the vendor for the shop."""

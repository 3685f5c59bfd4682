"""shopify: the shop system, where the orders are and where their money can go back from."""

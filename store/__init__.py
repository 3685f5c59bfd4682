"""What we heard, intended and did: the operational tables, one database of our own (never Prefect's)."""

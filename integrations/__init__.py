"""Vendors: one folder each with client.py (I/O), mapping.py (pure) and sandbox.py (the pretended vendor)."""

"""The books: append-only double entry, one writer, every figure traceable to a step and the vendor's reference."""

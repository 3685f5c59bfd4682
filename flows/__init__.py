"""What runs, in which order: one operation a file, each gather, decide, perform."""

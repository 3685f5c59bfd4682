"""Benchmarks: ratios against something measured in the same run, never a bare time as a pass mark."""

"""Decisions. Pure functions over frozen values; the standard library only, no clock, no I/O."""

"""Mistakes of ours: what may be said of an exception that nobody expected. Its words may hold personal data."""

from pathlib import Path
from traceback import extract_tb


def told(error: Exception) -> str:
    """The kind and the place of a mistake, without its words."""
    place = extract_tb(error.__traceback__)[-1]
    return f"our own mistake, {type(error).__name__} in {Path(place.filename).name}:{place.lineno}"

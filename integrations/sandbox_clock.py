"""The one clock of all pretended vendors: real time until it is set, then it stands where it was put.

Moving it tells the vendors that listen, so that what customers do on their own day has happened by then.
"""

from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """`now()` is always aware and in UTC; `set(None)` goes back to real time."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now: datetime | None = None
        self._listeners: list[Callable[[datetime], None]] = []
        self.set(now)

    def now(self) -> datetime:
        """The simulated instant, or the real one while nothing was set."""
        return self._now or datetime.now(UTC)

    def set(self, now: datetime | None) -> None:
        """Put the clock to an aware instant, forwards or back; a naive one is a ValueError."""
        if now is not None and now.tzinfo is None:
            raise ValueError("the clock needs an instant with a time zone, like 2026-01-15T09:00:00Z")
        self._now = now.astimezone(UTC) if now is not None else None
        for tell in self._listeners:
            tell(self.now())

    def set_text(self, text: str) -> None:
        """Put the clock to an ISO instant with a zone; a ValueError says what is wrong with another text."""
        self.set(datetime.fromisoformat(text))

    def listen(self, tell: Callable[[datetime], None]) -> None:
        """Call `tell(now)` after every move."""
        self._listeners.append(tell)

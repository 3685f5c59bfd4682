"""Webhook subscriptions: whether a vendor still sends us what we asked for, as that vendor itself says. Pure values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subscription:
    """One webhook as its vendor lists it, for the watchdog."""

    vendor: str
    id: str
    """The vendor's own id, by which it is switched on again."""
    url: str
    topic: str
    """What it is told of, in the vendor's own words."""
    active: bool
    said: str
    """The vendor's own word for its state, e.g. `deactivated`."""

"""News: what an event of any vendor tells us, in one vocabulary. Pure values.

News is a hint. Whoever acts on it reads the thing again at the vendor first, so a forged, old or doubled event can
cause a look, never an effect.
"""

from dataclasses import dataclass

from domain.scans import Scan


@dataclass(frozen=True, slots=True)
class ReturnTouched:
    """Something changed about a return: read it again at the portal."""

    portal: str
    portal_id: str


@dataclass(frozen=True, slots=True)
class OrderTouched:
    """Something changed about an order; `order` is the shop's own id."""

    order: str


@dataclass(frozen=True, slots=True)
class RefundTouched:
    """A refund changed its state at the shop or at the payments vendor; empty is what the event does not say."""

    vendor: str
    ref: str
    order: str = ""
    payment: str = ""


@dataclass(frozen=True, slots=True)
class DisputeTouched:
    """A dispute was opened or changed; empty is what the event does not say."""

    vendor: str
    ref: str
    order: str = ""
    payment: str = ""


@dataclass(frozen=True, slots=True)
class ProcessingFailed:
    """The portal could not process a return that it was asked to."""

    portal: str
    portal_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Understood, and nothing to do; `why` is a sentence for the person who looks at the inbox."""

    why: str


News = Scan | ReturnTouched | OrderTouched | RefundTouched | DisputeTouched | ProcessingFailed | Nothing

"""Everybody who sends us webhooks, in one table: how a delivery is verified, what event it is, and what it tells.

All three are pure. The receiver uses the first two before it stores a delivery, the operation the third when it acts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.news import News
from integrations.signing import ReadEnvelope, Verify


class Sender(NamedTuple):
    """One vendor's three functions, see `integrations.signing` for the shapes."""

    verify: Verify
    envelope: ReadEnvelope
    news: Callable[[Any, str], tuple[News, ...]]
    """`news(document, event)`: `event` is the id of the inbox row, kept with every scan it tells of."""


SENDERS: dict[str, Sender] = {}

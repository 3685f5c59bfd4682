"""Everybody who sends us webhooks, in one table: how a delivery is verified, what event it is, and what it tells.

All three are pure. The receiver uses the first two before it stores a delivery, the operation the third when it acts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.news import News
from integrations.gorgias import events as gorgias_events
from integrations.gorgias import signature as gorgias
from integrations.loop import events as loop_events
from integrations.loop import signature as loop
from integrations.signing import ReadEnvelope, Verify
from integrations.standard import events as standard_events
from integrations.standard import signature as standard
from integrations.twilio import events as twilio_events
from integrations.twilio import signature as twilio
from integrations.zendesk import events as zendesk_events
from integrations.zendesk import signature as zendesk


class Sender(NamedTuple):
    """One vendor's three functions, see `integrations.signing` for the shapes."""

    verify: Verify
    envelope: ReadEnvelope
    news: Callable[[Any, str], tuple[News, ...]]
    """`news(document, event)`: `event` is the id of the inbox row, kept with every scan it tells of."""


SENDERS: dict[str, Sender] = {
    "loop": Sender(loop.verify, loop_events.envelope, loop_events.news),
    "gorgias": Sender(gorgias.verify, gorgias_events.envelope, gorgias_events.news),
    "zendesk": Sender(zendesk.verify, zendesk_events.envelope, zendesk_events.news),
    "twilio": Sender(twilio.verify, twilio_events.envelope, twilio_events.news),
    "standard": Sender(standard.verify, standard_events.envelope, standard_events.news),
}

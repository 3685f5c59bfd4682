"""Everybody who sends us webhooks, in one table: how a delivery is verified, what event it is, and what it tells.

All three are pure. The receiver uses the first two before it stores a delivery, the operation the third when it acts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.news import News
from integrations.aftership import events as aftership_events
from integrations.aftership import signature as aftership
from integrations.easypost import events as easypost_events
from integrations.easypost import signature as easypost
from integrations.gorgias import events as gorgias_events
from integrations.gorgias import signature as gorgias
from integrations.loop import events as loop_events
from integrations.loop import signature as loop
from integrations.shopify import events as shopify_events
from integrations.shopify import signature as shopify
from integrations.signing import ReadEnvelope, Verify
from integrations.standard import events as standard_events
from integrations.standard import signature as standard
from integrations.stripe import events as stripe_events
from integrations.stripe import signature as stripe
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
    options: frozenset[str] = frozenset()
    """The options of its row in the configuration that `verify` reads."""
    forms: bool = False
    """Whether it also sends forms, not only JSON."""


SENDERS: dict[str, Sender] = {
    "loop": Sender(loop.verify, loop_events.envelope, loop_events.news, frozenset({loop.PHP_FORM})),
    "shopify": Sender(shopify.verify, shopify_events.envelope, shopify_events.news),
    "stripe": Sender(stripe.verify, stripe_events.envelope, stripe_events.news),
    "aftership": Sender(aftership.verify, aftership_events.envelope, aftership_events.news),
    "easypost": Sender(easypost.verify, easypost_events.envelope, easypost_events.news),
    "gorgias": Sender(gorgias.verify, gorgias_events.envelope, gorgias_events.news, frozenset({gorgias.STATIC_HEADER})),
    "zendesk": Sender(zendesk.verify, zendesk_events.envelope, zendesk_events.news),
    "twilio": Sender(twilio.verify, twilio_events.envelope, twilio_events.news, forms=True),
    "standard": Sender(standard.verify, standard_events.envelope, standard_events.news),
}

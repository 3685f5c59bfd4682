"""Which phase earned a recovered payment. The last thing that can have caused it, never two at once."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Phase = Literal["silent_retry", "customer_action", "message", "support"]


class Earned(NamedTuple):
    """The phase and the sentence that says why."""

    phase: Phase
    reason: str


def earned_by(
    *,
    paid_at: datetime,
    customer_acted: bool,
    last_message_at: datetime | None,
    last_support_at: datetime | None,
    window_days: int,
) -> Earned:
    """Credit an automatic charge to the silent retries, a customer's act to what reached them before it.

    `customer_acted`: they paid on a page or entered a new card. A message or a support mail claims that act
    for `window_days`; the later of two claims it. Without either the customer came by themselves.
    """
    if not customer_acted:
        return Earned("silent_retry", "a charge of the card on file succeeded without the customer's doing")
    oldest = paid_at - timedelta(days=window_days)
    support = last_support_at if last_support_at and oldest <= last_support_at <= paid_at else None
    message = last_message_at if last_message_at and oldest <= last_message_at <= paid_at else None
    if support and (message is None or support >= message):
        return Earned("support", f"the customer acted within {window_days} days of a personal mail from support")
    if message:
        return Earned("message", f"the customer acted within {window_days} days of a message")
    return Earned("customer_action", f"the customer acted with no message in the {window_days} days before")

"""Stripe's invoices, customers and payment methods as our renewals, people and cards: pure, field by field.

Shapes of API version 2026-10-28.endive: an invoice has no `paid`, `charge` or `payment_intent` of its own; the
subscription stands in `parent.subscription_details`, payments in the list `payments`. A field of another shape
raises `Damaged`, which the reader of a page turns into an item for quarantine.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, get_args

from domain.money import Money, exponent
from domain.payments import Card, Payment, Renewal, RenewalStatus
from domain.people import Person
from integrations.fields import Damaged, at, instant, many, need_instant, need_text, need_whole, reference, text, whole

STRIPE_PLACES = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe counts other places than ISO 4217 (docs.stripe.com/currencies, special cases, read 2026-11):
ISK and UGX have no minor unit, but for backwards compatibility amounts are hundredths that always end in 00;
MGA has one (a fifth of an ariary), but Stripe counts whole ariary. Three-decimal currencies (KWD and others) keep
their thousandths, only with a last digit of 0, so they need no conversion on the way in."""

SUBSCRIPTION_STATUS = {
    "": "none",
    "active": "active",
    "trialing": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "incomplete": "past_due",
    "paused": "paused",
    "canceled": "cancelled",
    "incomplete_expired": "cancelled",
}
THREE_PLACES = 3
FIRST_CHARGE_WITHIN = timedelta(minutes=5)
"""A payment this soon after the invoice was finalised is Stripe's own first charge."""


class PaidBy(NamedTuple):
    """Who made a payment, as far as Stripe tells."""

    step_key: str = ""
    """The idempotency key of our call where it was ours."""
    by_customer: bool = False


def money(minor: int, currency: str) -> Money:
    """Stripe's amount in Stripe's minor units as money in ISO minor units; Damaged where that is not exact."""
    code = currency.upper()
    shift = exponent(code) - STRIPE_PLACES.get(code, exponent(code))
    if shift >= 0:
        return Money(minor * 10**shift, code)
    whole_units, rest = divmod(minor, 10**-shift)
    if rest:
        raise Damaged(f"amount in {code}: Stripe promises {-shift} zeros at the end, and this one has others")
    return Money(whole_units, code)


def to_stripe(amount: Money) -> int:
    """The amount in Stripe's minor units; ValueError where Stripe cannot express it, above all a last thousandth."""
    code, places = amount.currency, exponent(amount.currency)
    shift = STRIPE_PLACES.get(code, places) - places
    step: int = 10 if places == THREE_PLACES else 10 ** max(-shift, 0)
    if amount.minor % step:
        raise ValueError(f"Stripe cannot express {amount}: it takes {code} in larger steps")
    factor: int = 10 ** max(shift, 0)
    return amount.minor * factor if shift >= 0 else amount.minor // step


def money_at(item: Any, path: str, currency_path: str = "currency") -> Money:
    """The amount at the path in the item's currency."""
    return money(need_whole(item, path), need_text(item, currency_path))


def read_renewal(raw: Any, paid_by: PaidBy | None = None) -> Renewal | None:
    """An invoice as a renewal; None for one that is not a subscription's, is sent by mail, or was never tried.

    `attempt_count` is Stripe's: the first try of anybody counts, after that only Stripe's own retries; charges
    of ours do not raise it. `cancelled_at` can be set while the subscription is active: the customer asked for
    the end of the period. `paid_by` comes from the event of the payment; without it see `paid_by_invoice`.
    """
    renewal_id, automatic = need_text(raw, "id"), need_text(raw, "collection_method") == "charge_automatically"
    subscription = at(raw, "parent.subscription_details.subscription")
    if not subscription or not automatic or not need_whole(raw, "attempt_count"):
        return None
    expanded = subscription if isinstance(subscription, dict) else None
    return Renewal(
        id=renewal_id,
        customer=read_person(at(raw, "customer")),
        subscription=reference(raw, "parent.subscription_details.subscription"),
        status=read_status(raw),
        amount_due=money_at(raw, "amount_due"),
        amount_remaining=money_at(raw, "amount_remaining"),
        created_at=need_instant(raw, "created"),
        attempt_count=need_whole(raw, "attempt_count"),
        next_vendor_attempt=instant(raw, "next_payment_attempt"),
        auto_charge=at(expanded, "pause_collection") is None,
        subscription_status=_subscription_status(expanded),
        cancelled_at=instant(expanded, "canceled_at"),
        card=read_card(_default_method(raw, expanded)),
        pay_link=text(raw, "hosted_invoice_url"),
        payment=_payment(raw, paid_by or paid_by_invoice(raw)),
    )


def read_status(raw: Any) -> RenewalStatus:
    """The invoice's status; Damaged where it is a word that Stripe did not have."""
    status = need_text(raw, "status")
    for known in get_args(RenewalStatus):
        if status == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped; these are the literal's own words
    raise Damaged(f"status: a word of {len(status)} letters that is none of an invoice's states")


def read_person(raw: Any) -> Person:
    """A customer. Ours are three keys of the metadata: `sms_consent` and `vip` ("yes"), `timezone` (IANA)."""
    if isinstance(raw, str) and raw:
        return Person(id=raw)
    locales = many(raw, "preferred_locales")
    language = locales[0].replace("_", "-").split("-")[0].lower() if locales and isinstance(locales[0], str) else ""
    return Person(
        id=need_text(raw, "id"),
        name=text(raw, "name"),
        email=text(raw, "email"),
        phone=text(raw, "phone"),
        language=language or "en",
        country=text(raw, "address.country"),
        region=text(raw, "address.state"),
        zone=text(raw, "metadata.timezone"),
        sms_consent=_yes(raw, "sms_consent"),
        vip=_yes(raw, "vip"),
    )


def read_card(raw: Any) -> Card | None:
    """A payment method, given whole or as its id alone; then fingerprint and network are empty until it is read."""
    if not raw:
        return None
    if isinstance(raw, str):
        return Card(id=raw, fingerprint="", network="")
    kind = text(raw, "type")
    network = text(raw, "card.networks.preferred") or text(raw, "card.display_brand") or text(raw, "card.brand")
    return Card(
        id=need_text(raw, "id"),
        fingerprint=text(raw, f"{kind}.fingerprint") if kind else "",
        network=read_network(network),
    )


def read_network(word: str) -> str:
    """A card network in lower case; empty where Stripe says it does not know."""
    name = word.lower().replace(" ", "_")
    return {"unknown": "", "american_express": "amex", "american_express_test": "amex"}.get(name, name)


def paid_by_event(event: Any, is_ours: bool) -> PaidBy:
    """Who paid, from the event of the payment.

    Stripe documents `request.id` as null where the event was automatic, "e.g. Stripe's automatic subscription
    handling": its own first charge or retry. Otherwise somebody made a call: we, where the idempotency key is
    one of our step keys, else the customer on Stripe's page. A person who pays an invoice from Stripe's
    dashboard cannot be told from that customer; Stripe does not say.
    """
    key = text(event, "request.idempotency_key")
    if is_ours:
        return PaidBy(step_key=key)
    return PaidBy(by_customer=bool(text(event, "request.id")))


def paid_by_invoice(raw: Any) -> PaidBy:
    """Who paid, where no event is left (Stripe keeps 30 days): as much as the invoice alone proves.

    A payment within minutes of finalising is the automatic first charge. Later, with Stripe's own count of tries
    still at one, no retry of Stripe's was recorded, so somebody acted. With a higher count the last counted
    try may have been the payment: it is taken as Stripe's retry.
    """
    first = paid_at_once(raw)
    return PaidBy(by_customer=not first and (whole(raw, "attempt_count") or 0) <= 1)


def paid_at_once(raw: Any) -> bool:
    """Whether the invoice was paid by the automatic first charge, so that no event needs to be asked."""
    paid, finalized = instant(raw, "status_transitions.paid_at"), instant(raw, "status_transitions.finalized_at")
    start = finalized or instant(raw, "created")
    return paid is not None and start is not None and paid - start <= FIRST_CHARGE_WITHIN


def paid_part(raw: Any) -> tuple[str, Money, datetime]:
    """The confirmed payment of a paid invoice as (reference, amount, time).

    The reference is the payment intent's id (or of whatever Stripe took the money with), of the latest payment
    where there are several; the amount is all of them. An invoice that a credit balance settled has no payment, and
    one that was marked as paid outside has none at Stripe: its own id and the amount that Stripe names stand in.
    """
    payments = [item for item in many(raw, "payments.data") if text(item, "status") == "paid"]
    when = instant(raw, "status_transitions.paid_at") or need_instant(raw, "created")
    if not payments:
        outside = whole(raw, "amount_paid_off_stripe")
        paid = money(outside, need_text(raw, "currency")) if outside else money_at(raw, "amount_paid")
        return need_text(raw, "id"), paid, when
    last = max(payments, key=lambda item: whole(item, "status_transitions.paid_at") or 0)
    kind = need_text(last, "payment.type")
    total = sum(need_whole(item, "amount_paid") for item in payments)
    ref = reference(last, f"payment.{kind}") or need_text(last, "id")
    return ref, money(total, need_text(last, "currency")), instant(last, "status_transitions.paid_at") or when


def _payment(raw: Any, paid_by: PaidBy) -> Payment | None:
    if read_status(raw) != "paid":
        return None
    ref, amount, when = paid_part(raw)
    outside = bool(whole(raw, "amount_paid_off_stripe")) and not many(raw, "payments.data")
    by_customer = paid_by.by_customer or outside
    return Payment(ref=ref, amount=amount, at=when, step_key=paid_by.step_key, by_customer=by_customer, outside=outside)


def _default_method(raw: Any, subscription: Any) -> Any:
    """What Stripe would charge next, in Stripe's own order (docs.stripe.com/billing/revenue-recovery)."""
    return (
        at(raw, "default_payment_method")
        or at(subscription, "default_payment_method")
        or at(subscription, "default_source")
        or _of_customer(raw, "invoice_settings.default_payment_method")
        or _of_customer(raw, "default_source")
    )


def _of_customer(raw: Any, path: str) -> Any:
    customer = at(raw, "customer")
    return at(customer, path) if isinstance(customer, dict) else None


def _subscription_status(subscription: Any) -> str:
    status = text(subscription, "status")
    if status not in SUBSCRIPTION_STATUS:
        raise Damaged(f"subscription.status: a word of {len(status)} letters that is none of a subscription's states")
    return SUBSCRIPTION_STATUS[status]


def _yes(raw: Any, name: str) -> bool:
    return text(raw, f"metadata.{name}").strip().lower() == "yes"

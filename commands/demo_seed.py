"""The demo's store: who renews on the 15th, whose renewal fails and why, and what each of them will do. Pure.

Everything random comes from one `random.Random(seed)`, drawn in a fixed order, so the same seed is the same month.
Only renewals that fail are lived through one by one; those that succeed are a number.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from commands.demo_people import Shopper, shopper

SHOP, ZONE, CURRENCY = "Northwind Outdoor", "America/New_York", "USD"
FIRST, LAST = date(2026, 6, 15), date(2026, 7, 14)
"""The billing month: from one renewal to the day before the next. Unpaid cases end on the 13th of July."""
MONTH = "2026-06"
RENEWING, CUSTOMERS = 2310, 97
"""Subscriptions that renew on the 15th, and customers whose renewal fails."""
TWO_SUBSCRIPTIONS_EVERY = 13
VENDOR_RETRIES_EVERY = 37
PLANS = ((1900, 18), (2900, 26), (3900, 22), (4990, 16), (7900, 12), (11900, 6))
"""Monthly prices in minor units, with their weights."""
NETWORKS = (("visa", 54), ("mastercard", 32), ("amex", 9), ("discover", 5))


class Decline(NamedTuple):
    """Why a renewal fails. `kind` is which of FATES its customers have; `advice` are Mastercard's own words."""

    code: str
    kind: str
    weight: int
    advice: tuple[str, ...] = ()


DECLINES = (
    Decline("insufficient_funds", "money", 36, ("", "", "", "26", "27")),
    Decline("card_velocity_exceeded", "money", 4),
    Decline("processing_error", "trouble", 5, ("", "24")),
    Decline("try_again_later", "trouble", 4),
    Decline("do_not_honor", "vague", 14, ("", "", "01", "03")),
    Decline("generic_decline", "vague", 10, ("", "02")),
    Decline("expired_card", "card", 11),
    Decline("authentication_required", "card", 5),
    Decline("lost_card", "card", 4),
    Decline("stolen_card", "card", 2),
    Decline("transaction_not_allowed", "card", 3),
    Decline("revocation_of_authorization", "revoked", 2),
)
VAGUE = DECLINES[4]
FATES = {
    "money": (("silent", 40), ("pays", 20), ("support", 14), ("cancels", 6), ("nothing", 20)),
    "trouble": (("silent", 85), ("pays", 5), ("nothing", 10)),
    "vague": (("silent", 18), ("pays", 26), ("support", 18), ("cancels", 10), ("nothing", 28)),
    "card": (("new_card", 40), ("pays", 6), ("support", 18), ("cancels", 10), ("nothing", 26)),
    "revoked": (("cancels", 60), ("nothing", 40)),
}
"""What becomes of a renewal, with weights: made up, in the order of what vendors publish."""
MONEY_ARRIVES = (1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 16)
"""Days after the failure on which a silent charge begins to go through; 16 is the 1st of July, a payday."""
REPLIES = {
    "en": "Thanks for writing, Maya. I got a new card last week and will put it in tonight.",
    "de": "Danke für die Nachricht. Ich habe eine neue Karte und trage sie heute Abend ein.",
    "fr": "Merci pour votre message. J'ai une nouvelle carte, je la saisis ce soir.",
}
TEXT_ANSWERS = ("STOP", "Please cancel my subscription", "STOP", "I'll pay on Friday, promise")
ANSWERS_EVERY, ANSWER_TICKETS, NEW_CARD = 9, 0.6, 0.5
LOST_ANSWER, TALKS = 7, 8
"""Two customers play the same part in every store: the charge whose answer gets lost, and the one who talks to us."""


@dataclass(slots=True)
class Store:
    """The seed for the pretended vendors, and what to say about it."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    renewals: list[dict[str, Any]] = field(default_factory=list)
    ticket_replies: list[dict[str, Any]] = field(default_factory=list)
    text_replies: list[dict[str, Any]] = field(default_factory=list)
    broken: str = ""
    """The renewal of which one charge is done while its answer is lost on the way."""

    @property
    def broken_call(self) -> str:
        """The call whose answer is lost, as a fault switch names it."""
        return f"POST /v1/invoices/{self.broken}/pay$"

    @property
    def broken_key(self) -> str:
        """The step that makes it: the first retry of the ladder."""
        return f"dunning/{self.broken}/retry-1"

    @property
    def sentence(self) -> str:
        """Who is in the store, in words; what is only counted says so."""
        failing, people = len(self.renewals), len(self.customers)
        return f"{RENEWING:,} renew on the 15th; {failing} fail, of {people} customers; the others are only counted"

    def seed(self) -> dict[str, Any]:
        """The pretended vendors' own shape."""
        return {
            "clock": at(FIRST, time(0)).isoformat(),
            "stripe": {"customers": self.customers, "renewals": self.renewals},
            "gorgias": {"replies": self.ticket_replies},
            "twilio": {"replies": self.text_replies},
        }


def store(seed: int) -> Store:
    """The whole store of a seed."""
    draw, made = random.Random(seed), Store()
    for number in range(1, CUSTOMERS + 1):
        person = shopper(draw, number)
        made.customers.append(person.record)
        renewals = _renewals(draw, person, number)
        made.renewals += renewals
        fate = renewals[0].pop("fate")
        if fate == "support" and person.email and (draw.random() < ANSWER_TICKETS or number == TALKS):
            answer = {"customer_email": person.email, "days": 0.3, "text": REPLIES[person.language]}
            made.ticket_replies.append({**answer, "after_message": draw.choice((1, 1, 2))})
        if person.phone and number % ANSWERS_EVERY == 0:
            text = TEXT_ANSWERS[number // ANSWERS_EVERY % len(TEXT_ANSWERS)]
            made.text_replies.append({"to": person.phone, "after_message": 1, "days": 0.1, "text": text})
    made.broken = f"in_NW{LOST_ANSWER:04d}"
    _give_back([item for item in made.renewals if item["id"] != made.broken])
    return made


def _renewals(draw: random.Random, person: Shopper, number: int) -> list[dict[str, Any]]:
    """The customer's one or two renewals; both fail alike, for they are on the same card."""
    network = _weighted(draw, NETWORKS)
    decline = draw.choices(DECLINES, [found.weight for found in DECLINES])[0]
    advice = draw.choice(decline.advice) if network == "mastercard" and decline.advice else ""
    fate = _weighted(draw, FATES[decline.kind])
    if number in (LOST_ANSWER, TALKS):
        network, advice = "visa", ""
        decline, fate = (DECLINES[0], "silent") if number == LOST_ANSWER else (VAGUE, "support")
    outcome: Any = {"code": decline.code, "network_advice": advice} if advice else decline.code
    created = at(FIRST, time(1)) + timedelta(seconds=35 * number)
    first = {
        "id": f"in_NW{number:04d}",
        "customer": person.id,
        "amount": _weighted(draw, PLANS),
        "currency": person.currency,
        "created": created.isoformat(),
        "card": {"fingerprint": f"fp{number:04d}", "network": network},
        "outcomes": [outcome],
        "actions": list(_actions(draw, fate, number)),
        "fate": fate,
    }
    if fate == "silent":
        first["ok_from"] = _arrives(draw.choice(MONEY_ARRIVES[:2] if decline.kind == "trouble" else MONEY_ARRIVES))
    if number == LOST_ANSWER:
        first["ok_from"] = _arrives(2)
    if number % VENDOR_RETRIES_EVERY == 0:
        first["vendor_retries"] = [at(FIRST + timedelta(days=days), time(5)).isoformat() for days in (3, 6)]
    if number % TWO_SUBSCRIPTIONS_EVERY:
        return [first]
    second = {**first, "id": f"{first['id']}b", "amount": _weighted(draw, PLANS), "actions": [*first["actions"]]}
    second |= {"subscription": f"sub_NW{number:04d}b"}
    second.pop("fate")
    return [first, second]


def _actions(draw: random.Random, fate: str, number: int) -> Iterator[dict[str, Any]]:
    """What the customer does at the payments vendor, and when."""
    evening = time(draw.randrange(11, 22), draw.randrange(60))
    days = {
        "pays": draw.choice((1, 3, 3, 4, 5, 6, 7, 9, 9, 11)),
        "new_card": draw.choice((0, 1, 2, 4, 5, 7, 8, 10, 11)),
        "support": draw.choice((14, 14, 15, 15, 16, 17, 18, 19, 20, 22)),
        "cancels": draw.choice((5, 12, 15, 16, 18)),
    }
    if fate not in days:
        return
    when = at(FIRST + timedelta(days=days[fate]), evening).isoformat()
    card = {"fingerprint": f"fn{number:04d}", "network": _weighted(draw, NETWORKS)}
    if fate == "cancels":
        yield {"at": when, "do": "cancels"}
    elif fate == "new_card":
        yield {"at": when, "do": "new_card", "card": card}
    elif draw.random() < NEW_CARD:
        yield {"at": when, "do": "pays", "card": card}
    else:
        yield {"at": when, "do": "pays"}


def _give_back(renewals: list[dict[str, Any]]) -> None:
    """Of those that come back early, one is refunded whole, one in part, and one is charged back by its bank."""
    early = [item for item in renewals if item.get("ok_from", "9") <= _arrives(5)]
    whole, part, bank = early[1], early[3], early[5]
    when = at(FIRST + timedelta(days=14), time(15)).isoformat()
    whole["actions"].append({"at": when, "do": "refund"})
    part["actions"].append({"at": when, "do": "refund", "amount": 1000})
    bank["actions"].append({"at": at(FIRST + timedelta(days=23), time(11)).isoformat(), "do": "disputes"})


def _arrives(days: int) -> str:
    return at(FIRST + timedelta(days=days), time(6)).isoformat()


def _weighted(draw: random.Random, choices: tuple[tuple[Any, int], ...]) -> Any:
    return draw.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


def at(day: date, time_of_day: time) -> datetime:
    """An instant from a time of day in the shop's zone."""
    return datetime.combine(day, time_of_day, ZoneInfo(ZONE)).astimezone(UTC)

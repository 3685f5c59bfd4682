"""The founding story as seeds of the pretended vendors, told from `founding_story.toml`. Pure: the same every time.

Only what people do is known here. What it adds up to is the books' business, and the tests'.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

PAGE = Path(__file__).with_suffix(".toml")
MONTHS = {"january": "2026-01", "february": "2026-02"}
FIRST_DAY, LAST_DAY = date(2026, 1, 14), date(2026, 3, 16)
"""From the day before the first billing to the day after February's last cases are written off."""

NAMES = ("Ana", "Ben", "Chloé", "Dora", "Emil", "Farah", "Greta", "Hugo", "Iris", "Jonas", "Kemal", "Lena")
FAMILIES = ("Abel", "Brandt", "Castro", "Dubois", "Eriksen", "Fischer", "García", "Haas", "Ito", "Jensen", "Kowalski")
NETWORKS = ("visa", "mastercard", "visa", "amex", "visa", "mastercard", "discover")
HOMES = (
    ("US", "NY", "en", "+1212555"), ("US", "CA", "en", "+1415555"), ("US", "TX", "en", "+1512555"),
    ("US", "FL", "en", "+1305555"), ("DE", "", "de", "+4930555"), ("US", "IL", "en", "+1312555"),
    ("FR", "", "fr", "+331555"), ("US", "WA", "en", "+1206555"),
)  # fmt: skip
"""(country, state, language, beginning of the phone number): people live in several time zones."""


class Customer(NamedTuple):
    """One customer of the brand."""

    id: str
    email: str
    phone: str
    boxes: tuple[str, ...]
    refusal: str


class Told(NamedTuple):
    """One renewal of the story. `month` is like 2026-01; `minor` in cents; `ends` and `back` as in the page."""

    id: str
    customer: Customer
    month: str
    minor: int
    group: str
    ends: str
    back: str


@dataclass(slots=True)
class Story:
    """The seeds and everything that is told in them."""

    zone: str
    shop: str
    currency: str
    seed: dict[str, Any]
    renewals: list[Told] = field(default_factory=list)

    def of(self, month: str, *ends: str) -> list[Told]:
        """The renewals that failed in a month and ended so; all of them where no end is named."""
        chosen = ends or tuple({told.ends for told in self.renewals if told.ends})
        return [told for told in self.renewals if told.month == month and told.ends in chosen]


def tell(one_in: int = 1) -> Story:
    """The whole story, or a smaller one with about one in so many customers of every group."""
    page = tomllib.loads(PAGE.read_text(encoding="utf-8"))
    story = Story(page["zone"], page["shop"], page["currency"], _empty())
    maker = _Maker(page, story, one_in)
    for group in page["group"]:
        maker.add(group)
    return story


def _empty() -> dict[str, Any]:
    return {"stripe": {"customers": [], "renewals": []}, "gorgias": {"replies": []}, "twilio": {"replies": []}}


class _Maker:
    """Makes customers and renewals one by one; the number of a customer is where all that is theirs comes from."""

    def __init__(self, page: Mapping[str, Any], story: Story, one_in: int) -> None:
        self.page, self.story, self.one_in = page, story, one_in
        self.made = 0

    def add(self, group: Mapping[str, Any]) -> None:
        """Both months of one group."""
        before: list[Customer] = []
        for month in MONTHS:
            boxes = list(self._boxes(group, month))[:: self.one_in]
            known = before[: group.get("again", 0) // self.one_in] if month == "february" else []
            new = [self._customer(group, number, box) for number, box in enumerate(boxes[len(known) :])]
            for number, customer in enumerate([*known, *new]):
                self._renew(group, month, customer, number)
            before = new

    def _boxes(self, group: Mapping[str, Any], month: str) -> Iterator[str]:
        wanted = group[month]
        if isinstance(wanted, int):
            return islice(cycle(self.page["boxes"]), wanted)
        return (box for box, count in wanted.items() for _ in range(count))

    def _customer(self, group: Mapping[str, Any], number: int, box: str) -> Customer:
        self.made += 1
        at = self.made
        country, state, language, phone = HOMES[at % len(HOMES)]
        name = f"{NAMES[at % len(NAMES)]} {FAMILIES[at % len(FAMILIES)]}"
        found = Customer(
            id=f"cus_{at:04}",
            email=f"{group.get('mailbox', 'customer')}+{at:04}@example.com",
            phone=f"{phone}{at:04}",
            boxes=(box,) * group.get("boxes_each", 1),
            refusal=group["refusals"][number % len(group["refusals"])],
        )
        consents = at % 4 or "texts" in group
        metadata = {"sms_consent": "yes" if consents else "no", "vip": "yes" if group.get("vip") else "no"}
        self.story.seed["stripe"]["customers"].append(
            {"id": found.id, "name": name, "email": found.email, "phone": found.phone, "language": language,
             "country": country, "state": state, "metadata": metadata}
        )  # fmt: skip
        self.story.seed["gorgias"]["replies"] += [
            {"customer_email": found.email} | item for item in group.get("desk", [])
        ]
        self.story.seed["twilio"]["replies"] += [{"to": found.phone} | item for item in group.get("texts", [])]
        return found

    def _renew(self, group: Mapping[str, Any], month: str, customer: Customer, number: int) -> None:
        billing = self.page["billing"][month]
        network = NETWORKS[int(customer.id[-4:]) % len(NETWORKS)]
        for place, box in enumerate(customer.boxes):
            id = f"in_{month[:3]}_{customer.id[4:]}_{place}"
            renewal = {
                "id": id,
                "customer": customer.id,
                "subscription": f"sub_{customer.id[4:]}_{place}",
                "amount": self.page["boxes"][box],
                "currency": self.page["currency"].lower(),
                "created": self._at(billing, 0, 0, number),
                "card": {"fingerprint": f"fp_{customer.id[4:]}", "network": network},
                "outcomes": [customer.refusal],
                "actions": [self._action(billing, item, customer, network, number) for item in group.get("does", [])],
            }
            if "card_works" in group and group.get("card_works_only", place) == place:
                renewal["ok_from"] = self._at(billing, group["card_works"], 1, 0)
            self.story.seed["stripe"]["renewals"].append(renewal)
            ends = group["ends"] if isinstance(group["ends"], str) else group["ends"][place]
            told = Told(id, customer, MONTHS[month], renewal["amount"], group["name"], ends, group.get("back", ""))
            self.story.renewals.append(told)

    def _action(
        self, billing: date, item: Mapping[str, Any], customer: Customer, network: str, number: int
    ) -> dict[str, Any]:
        action = {name: value for name, value in item.items() if name not in ("day", "hour")}
        if item["do"] == "new_card":
            fingerprint = f"fp_{customer.id[4:]}_{billing:%b}".lower()
            action |= {"card": {"fingerprint": fingerprint, "network": network}, "outcomes": ["ok"]}
        return action | {"at": self._at(billing, item["day"], item["hour"], number)}

    def _at(self, billing: date, day: int, hour: int, number: int) -> str:
        """An instant in the shop's zone; people of one group do things minutes apart."""
        moment = datetime.combine(billing + timedelta(days=day), time(hour, number % 60), ZoneInfo(self.page["zone"]))
        return moment.isoformat()

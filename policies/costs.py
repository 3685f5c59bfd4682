"""`policies/costs.toml`: what a message or a ticket costs, by channel, currency and the day it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from domain.money import Money
from policies.reading import Table, read_amounts

CHANNELS = ("sms", "ticket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The price of one message of a channel from a day on, in minor units by currency."""

    channel: str
    since: str
    """ISO date of the first day on which it counts."""
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Costs:
    """Every dated price."""

    entries: tuple[Cost, ...]

    def of(self, channel: str, currency: str, on: date) -> Money | None:
        """What one message cost on that day; None where the page names no price, which books nothing."""
        day = on.isoformat()
        valid = [cost for cost in self.entries if cost.channel == channel and cost.since <= day]
        latest = max(valid, key=lambda cost: cost.since, default=None)
        if latest is None or currency not in latest.amounts:
            return None
        return Money(latest.amounts[currency], currency)


def read_costs(table: Table) -> Costs:
    """The prices of the page; a channel with two prices from the same day is noted."""
    entries: list[Cost] = []
    for entry in table.tables("cost"):
        cost = Cost(
            channel=entry.text("channel", choices=CHANNELS),
            since=entry.day("from"),
            amounts=read_amounts(entry, ("channel", "from")),
        )
        if (cost.channel, cost.since) in {(other.channel, other.since) for other in entries}:
            entry.note("from", f"{cost.since} has two prices for {cost.channel}", "one price from each day on")
        entries.append(cost)
        entry.close()
    table.close()
    return Costs(tuple(entries))

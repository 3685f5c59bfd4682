"""One day of the demo: dunning as ever, then the afternoon's parcels, their money, and what came of earlier ones."""

from datetime import date, time

from commands.demo_hearing import Hearing
from commands.demo_returns import APPROVED_BECAUSE, APPROVER, PLAN, Returns
from commands.demo_seed import FIRST, LAST
from commands.simulation import Operation, Simulation

PICKED_UP, APPROVING, AFTERWARDS = time(16, 41), time(9, 30), time(17)
FOLLOWED_EVERY, COMPARED_EVERY = 5, 10
"""Days between two looks at the goods that are out, and between two comparisons; a shop does both every day."""
TWICE_ON, COPIES = 6, 4
"""One day on which the portal sends every event twice."""


async def live(shop: Simulation, heard: Hearing, store: Returns, day: date, operate: Operation) -> None:
    """Live through one day; refunds run when the carrier has been there, and when a person has said yes."""
    number = (day - FIRST).days

    async def afternoon() -> None:
        if number == TWICE_ON:
            heard.twice("loop", COPIES)
        shop.put(day, PICKED_UP)
        await heard.delivered()
        await operate("refunds", day, False)
        if number % FOLLOWED_EVERY == 0 or day == LAST:
            shop.put(day, AFTERWARDS)
            await operate("refunds-exposure", day, False)
        if number % COMPARED_EVERY == COMPARED_EVERY - 1 or day == LAST:
            await operate("refunds-reconcile", day, False)

    async def approval() -> None:
        if number == _approved_on():
            shop.put(day, APPROVING)
            _approve(shop, store)
            await operate("refunds", day, False)

    await shop.live(day, operate, before_noon=approval, afternoon=afternoon)


def _approved_on() -> int:
    """The morning after the parcel above the cap was scanned."""
    return next(day for day, kind in PLAN if kind == "above_cap") + 1


def _approve(shop: Simulation, store: Returns) -> None:
    """A person of the shop looks at the refund above the cap and says yes, as `recoup approve` would write it."""
    from tasks.refund_approving import approve

    approve(
        shop.c.engine, store.cases["above_cap"], approved=True, by=APPROVER, channel="demo", note=APPROVED_BECAUSE,
        now=shop.clock(),
    )  # fmt: skip

"""`recoup refunds settle CASE LINE`: a person says how a refunded line ends. Books it; sends nothing."""

import asyncio
import getpass

from commands.output import DONE, WRONG_USE, fail, next_commands, out


def settle(case: str, line: str, /, *, received: int, note: str, by: str = "") -> int:
    """Settle a refunded line: so many pieces are accepted, the rest is a loss. Books it; no rule changes it after.

    Parameters
    ----------
    case
        The case, as recoup refunds exposure names it: loop-98765/label-4.
    line
        The line of the return.
    received
        How many pieces are accepted as received; 0 writes the line off.
    note
        Why, for whoever reads it later. No personal data.
    by
        Who decides; your login name where it is left out.
    """
    who = by or getpass.getuser()
    try:
        said = asyncio.run(_settle(case, line, received, who, note))
    except ValueError as error:
        fail(str(error), "", "recoup refunds exposure lists the lines", WRONG_USE, "Nothing was booked.")
    out().print(said, markup=False, highlight=False, soft_wrap=True)
    next_commands((f"recoup ledger trace refunds/{case}", "everything that was booked for it"))
    return DONE


async def _settle(case: str, line: str, received: int, who: str, note: str) -> str:
    from domain.instants import day_in
    from settings import load
    from store import exposures
    from store.db import reading
    from tasks import exposure
    from tasks.connect import opened
    from tasks.performing import Run

    async with opened(load) as c:
        now = c.clock()
        with reading(c.engine) as connection:
            found = [each for each in exposures.by_case(connection, [case]) if each.line == line]
        if not found:
            raise ValueError(f"there is no refunded line {line} of {case}")
        if found[0].decided_by:
            raise ValueError(f"{found[0].decided_by} settled this line on {found[0].changed_at.date()} already")
        run = Run(exposure.OPERATION, day_in(now, c.zone), now, "")
        outcome = await exposure.settle_by_person(c, found[0], received, who, note, run)
        if outcome.state != "done":
            raise ValueError(outcome.detail)
        return f"Settled by {who}: {outcome.detail}"

"""`recoup demo`: live through a month of renewals and returns on this machine, book it, prove it, say where to look.

The flows, the ledger and Prefect are the real ones; only the vendors, the customers and the clock are made. It has a
home folder of its own, and a second run never mixes with the first.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from commands import demo_home
from commands.demo_display import Days, ready, result, save_picture, say
from commands.demo_prefect import prefect_server, through_prefect
from commands.output import DONE, INTERRUPTED, WRONG_USE, fail

if TYPE_CHECKING:
    from commands.demo_returns import Returns
    from commands.demo_seed import Store
    from commands.simulation import Operation
    from integrations.sandbox import Addresses
    from settings import Settings

Off = Annotated[bool, Parameter(negative="")]


@dataclass(slots=True)
class Stage:
    """What the days are lived on. `ui` is the address of Prefect's pages."""

    home: Path
    ui: str
    vendors: "Addresses"
    settings: "Settings"
    store: "Store"
    returns: "Returns"


def demo(*, seed: int = 7, fresh: Off = False, keep_ui: float = 30, stop: Off = False, svg: Path | None = None) -> int:
    """Live through a billing month and book the result. No accounts needed; nothing is sent, no money moves.

    Parameters
    ----------
    seed
        Another number is another store; the same number gives the same books.
    fresh
        Begin again where an earlier demo left its ledger.
    keep_ui
        Minutes for which Prefect's pages stay after the end; 0 ends them at once.
    stop
        End the pages that an earlier demo left, and do nothing else.
    svg
        Also keep the month as a picture, for a page about recoup.
    """
    from commands.demo_seed import FIRST, LAST, SHOP

    home = demo_home.folder()
    if stop:
        return _stop(home)
    month = f"{FIRST:%-d %B} to {LAST:%-d %B %Y}"
    title = f'recoup demo · store "{SHOP}" · {month} · seed {seed}'
    say(title)
    say("  Everything runs on this machine. Nothing is sent, no money moves.", "")
    with demo_home.taken(home):
        _make_room(home, fresh, seed)
        days = Days(title, (LAST - FIRST).days + 1)
        try:
            with prefect_server(home) as (prefect, keep):
                with _stage(home, seed, prefect) as stage:
                    _live(stage, days, through_prefect)
                if len(days.rows) == days.days:
                    return _end(stage, days, keep if keep_ui > 0 else None, keep_ui, svg)
        except (KeyboardInterrupt, asyncio.CancelledError):
            # Before the first day, or pressed twice.
            pass
        return _stopped(days)


def _make_room(home: Path, fresh: bool, seed: int) -> None:
    from deployments import lingering

    found = demo_home.entries(home)
    if found and not fresh:
        fail(
            f"A demo ledger exists ({found:,} entries)",
            f"It is kept in {demo_home.shown(home)}, and two demos are never mixed",
            f"Look at it: {demo_home.command(home)} ledger statement; or begin again: "
            f"{demo_home.command()} demo --fresh",
            WRONG_USE,
            "Nothing was changed.",
        )
    lingering.end(demo_home.prefect_home(home))
    demo_home.empty(home, seed)


@contextmanager
def _stage(home: Path, seed: int, prefect: Callable[[], str]) -> Iterator[Stage]:
    """Start the vendors, make the books and the store while Prefect starts; all ends with the days."""
    from integrations.sandbox import start_in_process

    started = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        starting = beside.submit(start_in_process)
        import flows.dunning  # noqa: F401  # It is half of the waiting; the server starts meanwhile.
        from commands import demo_returns, demo_seed

        store, returns = demo_seed.store(seed), demo_returns.returns(seed)
        vendors = starting.result()
    try:
        ready(
            "Vendors",
            "pretended shop, portal, carriers, payments, helpdesk, texts and mail",
            time.monotonic() - started,
        )
        settings = _settings(home, vendors)
        _books(settings)
        ready("Store", store.sentence, time.monotonic() - started)
        ready("Returns", returns.sentence, time.monotonic() - started)
        yield Stage(home, prefect(), vendors, settings, store, returns)
    finally:
        vendors.stop()


def _settings(home: Path, vendors: "Addresses") -> "Settings":
    """Settings for the pretended vendors, also as the folder's file, so that other commands find the same."""
    import settings
    from commands import pretended, simulation
    from commands.demo_seed import CURRENCY, SHOP, ZONE

    chosen = simulation.environment(vendors, home, name=SHOP, zone=ZONE, currency=CURRENCY)
    pretended.write_file(home, chosen)
    found = settings.load(env=chosen)
    settings.use(found)
    return found


def _books(settings: "Settings") -> None:
    from ledger.accounts import CHART
    from tasks.database import open_database

    started = time.monotonic()
    open_database(settings).dispose()
    ready("Ledger", f"created, {len(CHART)} accounts", time.monotonic() - started)


def _live(stage: Stage, days: Days, operate: "Operation") -> None:
    """Live through the days; the first Ctrl-C ends after the current one, the second at once."""
    asyncio.run(_days(stage, days, operate))


async def _days(stage: Stage, days: Days, operate: "Operation") -> None:
    from commands import demo_days, demo_seed
    from commands.demo_figures import day_figures
    from commands.demo_hearing import hearing
    from commands.simulation import MORNING, simulated
    from store.db import reading

    asked: list[bool] = []
    task = asyncio.current_task()

    def ask() -> None:
        if asked and task:
            task.cancel()
        asked.append(True)

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ask)
    async with simulated(stage.settings, stage.vendors, demo_seed.at(demo_seed.FIRST, MORNING)) as shop:
        shop.control.seed(stage.store.seed() | stage.returns.seed())
        shop.control.fault("stripe", stage.store.broken_call, "drop_after", times=3)
        with hearing(shop, stage.home) as heard, days.shown():
            for number in range(days.days):
                day = demo_seed.FIRST + timedelta(days=number)
                await demo_days.live(shop, heard, stage.returns, day, operate)
                with reading(shop.c.engine) as connection:
                    days.add(day_figures(connection, day, days.rows[-1].entries if days.rows else 0))
                if asked:
                    return


def _stopped(days: Days) -> int:
    when = f"after {days.rows[-1].day}" if days.rows else "before the first day"
    say("", f"Stopped {when}; begin again with `{demo_home.command()} demo --fresh`.")
    return INTERRUPTED


def _end(stage: Stage, days: Days, keep: Callable[[float], None] | None, minutes: float, svg: Path | None) -> int:
    """The month's statement, its proof, Prefect's pages, and how to go on."""
    from commands.demo_ending import ending, next_lines, own_part
    from commands.demo_seed import MONTH

    end = ending(stage.settings)
    result("", *end.lines)
    if keep:
        keep(minutes * 60)
    say("", *_pages(stage.ui, minutes), "", *next_lines(stage.home, end.case, stage.store, stage.returns))
    if svg:
        save_picture(svg, days, MONTH, own_part(end))
    return DONE


def _pages(ui: str, minutes: float) -> list[str]:
    if minutes <= 0:
        return ["  Prefect's pages are ended; --keep-ui MINUTES lets them stay."]
    until = f"for {minutes:g} minutes; end them: {demo_home.command()} demo --stop"
    return [f"  Every run can be seen at {ui}/runs ({until})"]


def _stop(home: Path) -> int:
    from deployments import lingering

    ended = lingering.end(demo_home.prefect_home(home))
    say("Prefect's pages are ended." if ended else "Nothing of a demo is running.")
    return DONE

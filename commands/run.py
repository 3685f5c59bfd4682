"""`recoup run`: do what is due for a day, or exactly what a plan says. Sends messages and moves money.

Where a Prefect server answers, the run stands in its UI; else the same effects run here and say so.
"""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.output import FOUND, NOT_AUTHORISED, WRONG_USE, err, fail, out

if TYPE_CHECKING:
    from tasks.report import Report

OPERATIONS = ("dunning", "dunning-follow-up", "reconcile", "refunds", "refunds-exposure", "refunds-reconcile")


def run(what: str, *, on: str = "today") -> int:
    """Do what is due for a day, or exactly what a plan file says. Sends messages and moves money.

    Parameters
    ----------
    what
        dunning, dunning-follow-up, reconcile, refunds, refunds-exposure, refunds-reconcile, or the file of a plan.
    on
        The day to act for: today, or a date like 2026-01-27. Not with a plan, which has its own.
    """
    if what in OPERATIONS:
        err().print(f"recoup run {what} · for {on} · sends messages and moves money")
        return _operation(what, on)
    path = Path(what)
    if not path.is_file():
        known = ", ".join(OPERATIONS)
        fail(f"{what} is neither an operation nor a plan file", fix=f"one of {known}, or FILE", code=WRONG_USE)
    if on != "today":
        fail("--on does not go with a plan, which has its own day", fix=f"recoup run {path}", code=WRONG_USE)
    err().print(f"recoup run {path} · sends messages and moves money")
    return asyncio.run(_plan(path))


def _operation(what: str, on: str) -> int:
    import settings

    found = settings.load()
    api = _prefect(found.prefect_api_url)
    if api:
        _point_at(found, api)
        return asyncio.run(_in_prefect(what, on))
    err().print("Prefect does not answer; this run will not stand in its UI. Start it with: recoup up")
    report = asyncio.run(_here(what, on))
    return finish(report)


def _point_at(found: Any, api: str) -> None:
    """Let Prefect's client find our server and log in to it, whatever profile the person has."""
    from deployments.processes import prefect_env

    secret = found.prefect.auth_string.get_secret_value()
    login = {"PREFECT_API_AUTH_STRING": secret} if secret else {}
    os.environ.update(prefect_env(found.home / "prefect", api, login))


async def _in_prefect(what: str, on: str) -> int:
    from flows.dunning import dunning, dunning_follow_up
    from flows.reconcile import reconcile
    from flows.refunds import refunds
    from flows.refunds_watch import refunds_exposure, refunds_reconcile

    flows: dict[str, Any] = {
        "dunning": dunning, "dunning-follow-up": dunning_follow_up, "reconcile": reconcile, "refunds": refunds,
        "refunds-exposure": refunds_exposure, "refunds-reconcile": refunds_reconcile,
    }  # fmt: skip
    flow = flows[what]
    state = await flow(on=on, return_state=True)
    out().print(f"{'✓' if state.is_completed() else '✗'} {state.name}: {state.message or ''}")
    return 0 if state.is_completed() else FOUND


async def _here(what: str, on: str) -> "Report":
    from flows import refunds_watch
    from flows.dunning import follow_up, take_steps
    from flows.reconcile import settle_unknown
    from flows.refunds import send_refunds
    from flows.work import work

    acts: dict[str, Any] = {
        "dunning": take_steps, "dunning-follow-up": follow_up, "reconcile": settle_unknown, "refunds": send_refunds,
        "refunds-exposure": refunds_watch.follow, "refunds-reconcile": refunds_watch.compare,
    }  # fmt: skip
    act = acts[what]
    async with work(what, on, alone=what != "refunds") as w:
        if w.busy:
            fail("another run of this operation is at work; nothing was done here", fix="wait until it has ended")
        await act(w)
        return w.report


async def _plan(path: Path) -> int:
    """Do the plan's steps that are still decided the same way, amount and all; skip and report the others."""
    import settings
    from flows.work import work
    from tasks.connect import opened
    from tasks.plans import make, read
    from tasks.shells import CHUNK, PLAIN

    async with opened(settings.load) as c:
        plan = read(path, now=c.clock(), policy=c.rules.now.version)
        wanted = {action["key"]: action for action in plan.actions}
        async with work(plan.operation, plan.day.isoformat()) as w:
            if w.busy:
                fail("another run of this operation is at work; nothing was done here", fix="wait until it has ended")
            w.report.took_in(await PLAIN.read_payments(w.run))
            again = make(c, plan.operation, w.run.day, w.run.now, made_at=c.clock())
            agreed = {action["key"] for action in again.actions if action == wanted.get(action["key"])}
            due = [step for step in again.steps if step.key in agreed]
            for start in range(0, len(due), CHUNK):
                w.report.add_outcomes(await PLAIN.perform(due[start : start + CHUNK], w.run))
            report = w.report
    skipped = len(wanted) - len(due)
    out().print(
        f"Did {len(due)} of {len(wanted)}." + (f" {skipped} skipped because the world changed:" if skipped else "")
    )
    for key in sorted(set(wanted) - agreed)[:20]:
        out().print(f"  {key}")
    return max(finish(report), FOUND if skipped else 0)


def finish(report: "Report") -> int:
    """Print what was done and return the exit code: 3 where something is left, 4 where credentials were refused."""
    from commands.output import table

    rows = [(action, state, count) for (action, state), count in sorted(report.actions.items())]
    if rows:
        out().print(table("", ("action", "outcome", "steps"), rows, right=("steps",)))
    out().print(f"{'✗' if report.failures else '✓'} {report.sentence}.")
    for problem in report.problems[:10]:
        err().print(f"! {problem}", markup=False)
    if any("credentials" in row.detail for row in report.rows):
        return NOT_AUTHORISED
    if report.failures:
        example = next(row for row in report.rows if row.state in ("failed", "unknown", "void"))
        err().print(f"  for example {example.key}: {example.detail}", markup=False)
        return FOUND
    return 0


def _prefect(url: str) -> str:
    """The API's address where it answers within a second, else empty."""
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{url}/health", timeout=1) as answer:  # The address is our own setting.
            return url if answer.status == 200 else ""  # noqa: PLR2004
    except (URLError, OSError, ValueError):
        return ""

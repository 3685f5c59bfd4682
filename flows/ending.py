"""How a run ends: its page in the Prefect UI, and failed where something was left undone, after all was tried."""

from collections.abc import Sequence
from uuid import UUID

from prefect import State
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.runtime import flow_run
from prefect.states import Completed

from domain.money import Money
from flows.work import StepsFailed, Work
from tasks.report import FAILED

TABLE_ROWS = 200
"""Rows of the table artifact, what is not done first; `recoup explain` and our own tables have the rest."""
REASONS = 30
FULL = 100.0

_progress: dict[str, UUID] = {}
"""The progress artifact of each run of this process, by flow run."""


async def progress(w: Work) -> None:
    """Show how far the run is, of the cases decided so far; a run with nothing to do shows none."""
    if not flow_run.id or not w.report.states:
        return
    settled, decided = sum(w.report.states.values()), max(1, w.report.decided)
    percent = min(FULL, FULL * (settled + sum(w.report.held.values())) / decided)
    known = _progress.get(w.run.flow_run)
    if known is None:
        key, description = f"progress-{w.report.operation}", f"{w.report.operation} {w.report.day}"
        made = await acreate_progress_artifact(progress=percent, key=key, description=description)
        _progress[w.run.flow_run] = UUID(str(made))
    else:
        await aupdate_progress_artifact(artifact_id=known, progress=percent)


async def end(w: Work) -> State[str]:
    """Publish the run's page and say in the run's state what was done.

    Raises StepsFailed with a count where something was left undone.
    """
    if w.busy:
        return _completed("Another run of this operation is at work; nothing was done here and nothing is lost.")
    report = w.report
    if flow_run.id:
        if w.run.flow_run in _progress:
            # What was over before anybody could look needs none, and a woken run has others waiting behind it.
            await progress(w)
        await acreate_markdown_artifact(key=f"run-{report.operation}", markdown=page(w), description=report.sentence)
        rows = [
            {"step": row.key, "action": row.action, "outcome": row.state, "detail": row.detail[:200]}
            for row in sorted(report.rows, key=lambda row: row.state not in FAILED)[:TABLE_ROWS]
        ]
        if rows:
            await acreate_table_artifact(key=f"steps-{report.operation}", table=rows, description=report.sentence)
        _progress.pop(w.run.flow_run, None)
    if report.failures:
        raise StepsFailed(f"{report.failures} of {sum(report.states.values())} steps are not done. {report.sentence}")
    return _completed(report.sentence)


def _completed(sentence: str) -> State[str]:
    return Completed(message=sentence, data=sentence)


def page(w: Work) -> str:
    """The run as Markdown: done, held by reason, refused, unknown, money. No personal data."""
    report = w.report
    lines = [f"**{report.sentence}.** {report.operation}, {report.day}.", ""]
    if read := {name: count for name, count in report.read.items() if count}:
        lines += ["Read: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in read.items()), ""]
    lines += _table(
        ("action", "outcome", "steps"),
        [(action, state, count) for (action, state), count in sorted(report.actions.items())],
    )
    undone = [row for row in report.rows if row.state in FAILED][:REASONS]
    if undone:
        # A list, for Prefect cuts a table's long cells off.
        lines += ["Not done:", *[f"- `{row.key}` {row.state}: {row.detail}" for row in undone], ""]
    if report.money:
        amounts = ", ".join(str(Money(minor, currency)) for currency, minor in sorted(report.money.items()))
        lines += [f"Recovered by charges in this run: **{amounts}**", ""]
    if report.refunded:
        amounts = ", ".join(str(Money(minor, currency)) for currency, minor in sorted(report.refunded.items()))
        lines += [f"Went back to customers in this run: **{amounts}**", ""]
    held = report.held.most_common(REASONS)
    lines += _table(("rule", "held because", "cases"), [(rule, reason, count) for (rule, reason), count in held])
    if report.person:
        lines += [f"{report.person} cases wait for a person.", ""]
    if report.problems:
        lines += ["Problems:", *[f"- {problem}" for problem in report.problems[:REASONS]], ""]
    lines.append("More: `recoup explain CASE` tells the story of one case; `recoup ledger statement` the money.")
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, str, int]]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *[f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows], ""]

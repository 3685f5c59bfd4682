"""Exposure of early refunds: the goods are booked as expected, then every line is followed until it ends.

What changes is one settlement under the number of the line's change, then the line itself; after a crash in between
the stored step says what was booked, and the line follows it. Whatever needs a person is found from the lines, so no
task is lost with a run.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, cast

from domain import exposure
from domain.decisions import Hold, Step
from domain.exposure import Change, Exposure, ExposureRules, Heard, Inspection
from domain.instants import day_in, from_text
from domain.money import Money
from domain.parcels import own_scans
from domain.refund_json import return_from_json
from domain.returns import Return
from domain.scans import Scan
from ledger import refund_entries
from ledger.entries import Entry
from ledger.errors import LedgerError
from ledger.settlements import NewStep, Settlement
from store import cases, exposures, returns, scans, steps
from store.db import reading, transaction
from tasks import booking
from tasks.connect import Connections
from tasks.performing import Outcome, Run
from tasks.refund_telling import task
from tasks.settling import settle_all

OPERATION: Final = "refunds"
ACTION: Final = "goods"
EXPECTED_RULE: Final = "X-00"
MESSAGE: Final = "staff_refund_exposure"


@dataclass(frozen=True, slots=True)
class Followed:
    """What a sweep did, what it left as it is, and what persons have to do."""

    outcomes: list[Outcome]
    holds: list[Hold]


class Known(NamedTuple):
    """Everything about one case that its lines are judged by."""

    case: Any
    money: Any
    """The refund's step."""
    heard: Heard
    ret: Return | None
    stored: dict[str, Any]
    """All steps of the case by key."""


async def follow_all(c: Connections, run: Run) -> Followed:
    """Book what is not booked yet, then follow every line that may still change."""
    done = Followed(await book_expected(c, run), [])
    after = ""
    while page := _page(c, run, after):
        found = await follow_cases(c, page, run)
        done.outcomes.extend(found.outcomes)
        done.holds.extend(found.holds)
        after = page[-1]
    return done


async def book_expected(c: Connections, run: Run) -> list[Outcome]:
    """The goods of every refund that is done and of which the books do not know yet are to come back."""
    outcomes: list[Outcome] = []
    while True:
        with transaction(c.engine) as connection:
            page = exposures.not_booked(connection)
            rows = cases.by_id(connection, page)
            money = steps.by_keys(connection, [_key(case) for case in page])
            made = [_expected(c, connection, rows[case], money[_key(case)], run) for case in page]
        if not made:
            return outcomes
        found = await _settle(c, made)
        outcomes += found
        if any(outcome.state == "failed" for outcome in found):
            # What the ledger refuses stays on the list; the run fails with it instead of trying for ever.
            return outcomes


async def follow_cases(c: Connections, wanted: Sequence[str], run: Run) -> Followed:
    """Follow the lines of these cases now, e.g. because their refund failed."""
    known, lines = _known(c, wanted)
    holds: list[Hold] = []
    due: list[tuple[Exposure, Change, Settlement]] = []
    for line in lines:
        about = known.get(line.case)
        if about is None or line.decided_by:
            continue
        change = _stored(line, about) or exposure.follow(line, _heard(line, about), rules(c), run.now, c.zone)
        if change is not None:
            due.append((line, change, _settlement(c, line, change, about, run)))
        elif line.state == "open":
            holds.append(Hold(line.case, "X-00", exposure.RULES["X-00"]))
    outcomes = await _settle(c, [settlement for _, _, settlement in due])
    with transaction(c.engine) as connection:
        for (line, change, _), outcome in zip(due, outcomes, strict=True):
            if outcome.state == "done":
                # What a person said and a crash kept from the line is theirs: their name stands before the colon.
                by = change.why.partition(":")[0] if change.rule == "X-20" else ""
                exposures.change(connection, line, exposure.changed(line, change, by))
    return Followed(outcomes, holds)


async def settle_by_person(c: Connections, line: Exposure, received: int, by: str, note: str, run: Run) -> Outcome:
    """A person says how the line ends: so many pieces accepted, the rest written off. No rule changes it any more."""
    known, _ = _known(c, [line.case])
    if line.case not in known:
        raise ValueError(f"the refund of {line.case} is not done, so there is nothing to settle yet")
    change = exposure.settle(line, received, run.now, f"{by}: {note}")
    (outcome,) = await _settle(c, [_settlement(c, line, change, known[line.case], run)])
    if outcome.state == "done":
        with transaction(c.engine) as connection:
            exposures.change(connection, line, exposure.changed(line, change, by))
    return outcome


def person_tasks(c: Connections) -> list[Step]:
    """One task per case and reason for everything that is open again, except those that are there already."""
    with reading(c.engine) as connection:
        lines = exposures.by_case(connection, sorted({row.case_id for row in exposures.out(connection)}))
        wanted: dict[str, Step] = {}
        for line in lines:
            if rule := exposure.asks_for(line):
                step = task(line.case, exposure.WORDS[rule], rule, f"{line.why}: {line.next_action}", MESSAGE)
                wanted.setdefault(step.key, step)
        there = steps.by_keys(connection, wanted)
    return [step for key, step in wanted.items() if key not in there or there[key].state in ("void", "dropped")]


def rules(c: Connections) -> ExposureRules:
    """How long we wait, by the policy in force."""
    policy = c.rules.refunds.policy
    return ExposureRules(
        delivery_is_enough=policy.delivery_is_enough,
        inspect_days=policy.inspect_days,
        write_off_days=policy.write_off_days,
    )


def _page(c: Connections, run: Run, after: str) -> list[str]:
    with reading(c.engine) as connection:
        return exposures.to_follow(connection, run.now, after=after)


def _known(c: Connections, wanted: Sequence[str]) -> tuple[dict[str, Known], tuple[Exposure, ...]]:
    """What is known of the cases, in one snapshot."""
    with reading(c.engine) as connection:
        lines = exposures.by_case(connection, wanted)
        rows = cases.by_id(connection, wanted)
        stored: dict[str, dict[str, Any]] = defaultdict(dict)
        for step in steps.of_cases(connection, wanted):
            stored[step.case_id][step.key] = step
        labels = returns.labels_by_case(connection, wanted)
        parents = returns.by_ids(connection, {label.return_id for label in labels.values()})
        told = scans.of_numbers(connection, {label.tracking for label in labels.values() if label.tracking})
    read = {ident: return_from_json(row.body) for ident, row in parents.items()}
    found = {}
    for case, row in rows.items():
        money = stored[case].get(_key(case))
        if money is not None and money.state == "done":
            label = labels.get(case)
            ret = read.get(label.return_id) if label is not None else None
            heard = _parcel(case, ret, told.get(label.tracking, ()) if label is not None else (), stored[case])
            found[case] = Known(row, money, heard, ret, stored[case])
    return found, lines


def _parcel(case: str, ret: Return | None, told: Sequence[Scan], stored: dict[str, Any]) -> Heard:
    """What was heard of the whole parcel."""
    label = ret.label(case.removeprefix(f"{ret.id}/label-")) if ret else None
    failed = [step for step in stored.values() if step.action == "refund_failed" and step.state == "done"]
    return Heard(
        scans=own_scans(told, label.made_at if label else None),
        voided=bool(label and label.voided),
        failed_at=from_text(failed[0].settled_at) if failed else None,
    )


def _heard(line: Exposure, known: Known) -> Heard:
    """What was heard of one line: its parcel's news, and what the inspection says of it."""
    found = next((each for each in known.ret.lines if each.id == line.line), None) if known.ret else None
    if known.ret is None or found is None or found.received is None:
        return known.heard
    return replace(known.heard, inspection=Inspection(found.received, found.condition, known.ret.edited_at))


def _stored(line: Exposure, known: Known) -> Change | None:
    """The change that was booked under the line's next number and never reached the line."""
    step = known.stored.get(_change_key(line))
    if step is None or step.state != "done":
        return None
    state, _, received = step.rung.rpartition("-")
    action, owner = exposure.NEXT.get(step.rule, ("", "")) if state == "reopened" else ("", "")
    named = cast(exposure.State, state)
    return Change(step.rule, named, int(received), from_text(step.settled_at), step.reason, action, owner)


def _settlement(c: Connections, line: Exposure, change: Change, known: Known, run: Run) -> Settlement:
    key, ref = _change_key(line), known.money.vendor_ref
    about = booking.context(known.case, key, change.at, c.zone, vendor=known.money.vendor, ref=ref, run=run.flow_run)
    booked: list[Entry] = []
    for move in exposure.moves(line, change):
        end = f"{line.line}-{line.changes + 1}-{move.now}"
        context = replace(refund_entries.line_context(about, end), key=f"{key}/{move.was}-{move.now}")
        entry = refund_entries.moved(context, move.was, move.now, move.refunded, move.cost)
        booked += [entry] if entry else []
    return Settlement(
        key=key, state="done", at=change.at, vendor=known.money.vendor, vendor_ref=ref, detail=change.why,
        entries=tuple(booked), new_step=_step(c, known.case, f"{change.state}-{change.received}", change, run),
    )  # fmt: skip


def _expected(c: Connections, connection: Any, case: Any, money: Any, run: Run) -> Settlement:
    key, at = f"{_key(case.id)}/expected", from_text(money.settled_at)
    lines = exposures.confirm(connection, case.id, Money(money.amount_minor, money.currency))
    about = booking.context(case, key, at, c.zone, vendor=money.vendor, ref=money.vendor_ref, run=run.flow_run)
    change = Change(EXPECTED_RULE, "open", 0, at, f"{len(lines)} lines are to come back")
    return Settlement(
        key=key, state="done", at=at, vendor=money.vendor, vendor_ref=money.vendor_ref, detail=change.why,
        entries=refund_entries.expected(about, [(line.line, line.refunded, line.cost) for line in lines]),
        new_step=_step(c, case, "expected", change, run),
    )  # fmt: skip


def _step(c: Connections, case: Any, rung: str, change: Change, run: Run) -> NewStep:
    return NewStep(
        operation=OPERATION, case_id=case.id, action=ACTION, rung=rung, day=day_in(change.at, c.zone).isoformat(),
        rule=change.rule, reason=change.why, policy_version=case.policy_version, flow_run=run.flow_run,
    )  # fmt: skip


async def _settle(c: Connections, made: Sequence[Settlement]) -> list[Outcome]:
    answers = await settle_all(c, made)
    return [
        Outcome(each.key, ACTION, "failed", f"not booked: {answer}")
        if isinstance(answer, LedgerError)
        else Outcome(each.key, ACTION, "done", each.detail)
        for each, answer in zip(made, answers, strict=True)
    ]


def _change_key(line: Exposure) -> str:
    return f"{_key(line.case)}/goods-{line.line}-{line.changes + 1}"


def _key(case: str) -> str:
    return f"{OPERATION}/{case}"

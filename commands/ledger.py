"""`recoup ledger statement | verify | trace`: read the books and prove them. Changes nothing.

The books are read even where the guards of the database are missing: that is when one wants to verify them.
"""

import json as json_text
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import format
from commands.output import DONE, FOUND, LEDGER_BROKEN, WRONG_USE, Failure, err, fail, next_commands, out

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from ledger.checks import Verification
    from ledger.tracing import Trace, TracedEntry


def statement(*, month: str = "", json: bool = False) -> int:
    """The month's P&L, what became of the renewals that failed in it, and the early refunds. Changes nothing.

    Parameters
    ----------
    month
        The month, like 2026-01. Left out, the newest month in the books.
    json
        Print data instead of a table: whole minor units, all lines.
    """
    import settings
    from commands.refund_statements import refund_data, render_refunds
    from commands.statements import render_statement, statement_data
    from ledger import refund_reports, reports

    with books() as (_, connection):
        wanted = month or _newest_month(connection)
        try:
            report = reports.statement(connection, wanted)
        except ValueError as error:
            fail(f"--month {wanted}: {error}", code=WRONG_USE, not_done="Nothing was read.")
        refunds = refund_reports.refund_part(connection, wanted, settings.load().shop.time_zone)
    if json:
        print_json({**statement_data(report), "refunds": refund_data(refunds)})
        return DONE
    shown = [text for text in (render_statement(report), render_refunds(refunds, wanted)) if text]
    out().print("\n\n".join(shown), markup=False, highlight=False, soft_wrap=True)
    next_commands(("recoup ledger verify", "prove the books behind these figures"))
    return DONE


def verify(*, json: bool = False) -> int:
    """Prove balance, sequence, chain, head and roll-up again. Exit 5 where they do not hold. Changes nothing.

    Parameters
    ----------
    json
        Print the result as data; the exit code is the same.
    """
    from ledger import checks
    from store import schema

    started = time.monotonic()
    with books() as (engine, connection):
        result = checks.verify(connection)
        guards = schema.check(engine)
    if json:
        print_json({**verification_data(result), "guards": guards})
    elif result.proven:
        seconds = time.monotonic() - started
        out().print(f"{render_proof(result)} ({seconds:.1f} s)", markup=False, highlight=False, soft_wrap=True)
    else:
        raise broken(result)
    for finding in guards:
        err().print(f"! {finding}", markup=False, highlight=False, soft_wrap=True)
    if not result.proven:
        return LEDGER_BROKEN
    return FOUND if guards else DONE


def trace(key: str, /, *, json: bool = False) -> int:
    """From a step's key, an entry's number or a vendor's reference to everything behind it. Changes nothing.

    Parameters
    ----------
    key
        For example dunning/in_123/retry-1, 4711 or the payments vendor's own reference.
    json
        Print data instead of text.
    """
    from ledger import tracing

    with books() as (_, connection):
        traces = tracing.trace(connection, key)
    if not traces:
        fail(
            f"Nothing is on record under {key}",
            "No step, entry or vendor's reference has this name",
            "recoup explain CUSTOMER lists the steps of a person's cases",
            WRONG_USE,
        )
    if json:
        print_json([trace_data(found) for found in traces])
    else:
        out().print("\n\n".join(map(render_trace, traces)), markup=False, highlight=False, soft_wrap=True)
    return DONE


def render_proof(result: "Verification") -> str:
    """One line for books that hold."""
    entries, postings = format.number(result.entries), format.number(result.postings)
    return (
        f"✓ Verified: {entries} entries, {postings} postings. Balance, sequence, chain, head and roll-up hold. "
        f"Last hash {format.short_hash(result.head)}"
    )


def broken(result: "Verification") -> Failure:
    """The failure for books that do not hold: the first thing that is wrong, its hashes, the number of findings."""
    assert result.first is not None
    effects = f"First of {format.number(result.further + 1)} findings: " if result.further else ""
    cause = (
        f"{result.first.what}: expected {result.first.expected or 'nothing'}, found {result.first.found or 'nothing'}"
    )
    fix = "Keep this file as it is, compare it with a backup, and find out who wrote to it"
    return Failure(f"{effects}{result.first.message}", cause, fix, LEDGER_BROKEN, "Nothing was changed.")


def verification_data(result: "Verification") -> dict[str, Any]:
    """The verification for machines."""
    return {
        "proven": result.proven,
        "entries": result.entries,
        "postings": result.postings,
        "head": result.head,
        "first": result.first._asdict() if result.first else None,
        "further": result.further,
    }


def render_trace(found: "Trace") -> str:
    """A step with its vendor's reference and flow run, then its entries line by line."""
    lines = [found.key]
    if found.step:
        step = found.step
        lines += [
            f"  step      {step['action']} {step['rung']}: {step['state']} {step['settled_at'] or step['intended_at']}",
            f"            because {step['rule']}: {step['reason']}",
            f"  vendor    {step['vendor'] or '-'} {step['vendor_ref']}".rstrip(),
            f"  flow run  {step['flow_run'] or '-'} · policy {step['policy_version'] or '-'}",
        ]
    else:
        lines.append("  step      none has this key")
    for entry in found.entries:
        lines += _entry_lines(entry)
    if not found.entries:
        lines.append("  entry     none: nothing was booked for this step")
    return "\n".join(lines)


def trace_data(found: "Trace") -> dict[str, Any]:
    """The trace for machines."""
    return {
        "key": found.key,
        "step": found.step,
        "entries": [
            {
                **entry.row,
                "postings": [posting._asdict() for posting in entry.postings],
                "taken_back_by": list(entry.taken_back_by),
            }
            for entry in found.entries
        ],
    }


def _entry_lines(entry: "TracedEntry") -> Iterator[str]:
    row = entry.row
    yield f"  entry     {row['seq']} · {row['kind']} · {row['effective_on']} · failed in {row['belongs_to']}"
    yield f"            occurred {row['occurred_at']} · recorded {row['recorded_at']}"
    if row["vendor_ref"]:
        yield f"            {row['vendor']} {row['vendor_ref']} · flow run {row['flow_run'] or '-'}"
    for account, minor, currency in entry.postings:
        yield f"              {account:<44}{format.money(minor, currency):>14} {currency}"
    if row["reverses"]:
        yield f"            takes back {row['reverses']}"
    for key in entry.taken_back_by:
        yield f"            taken back by {key}"
    yield f"            hash {format.short_hash(row['hash'])} after {format.short_hash(row['prev_hash'])}"


@contextmanager
def books() -> "Iterator[tuple[Engine, Connection]]":
    """The database of the settings, open for reading in one snapshot; a Failure where there are no books yet."""
    import settings
    from store import db, schema

    url = settings.load().database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        fail(
            "There are no books yet",
            f"No file at {url.removeprefix('sqlite:///')}",
            "recoup demo, or recoup up",
            WRONG_USE,
        )
    engine = db.connect(url)
    try:
        if not schema.has_books(engine):
            fail("There are no books yet", "The database has no ledger tables", "recoup up creates them", WRONG_USE)
        with db.reading(engine) as connection:
            yield engine, connection
    finally:
        engine.dispose()


def _newest_month(connection: "Connection") -> str:
    found = connection.exec_driver_sql("SELECT MAX(month) FROM ledger_rollup").scalar()
    if not found:
        fail("Nothing is booked yet", "", "recoup demo, or recoup run dunning --on DATE", WRONG_USE)
    return str(found)


def print_json(data: object) -> None:
    out().print(json_text.dumps(data, indent=2, ensure_ascii=False), markup=False, highlight=False, soft_wrap=True)

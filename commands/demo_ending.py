"""How the demo ends: the month's statement with its early refunds, the proof, and three commands that go on from it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from commands import demo_home, format
from commands.demo_figures import story, webhooks
from commands.demo_returns import APPROVER, Returns
from commands.demo_seed import CURRENCY, MONTH, ZONE, Store
from commands.ledger import broken, render_proof
from commands.refund_statements import render_refunds
from commands.statements import render_statement

if TYPE_CHECKING:
    from ledger.refund_reports import RefundPart
    from ledger.reports import Statement
    from settings import Settings


class Ending(NamedTuple):
    """What the books and tables say at the end; `case` is a renewal worth reading."""

    statement: "Statement"
    refunds: "RefundPart"
    proven: tuple[str, ...]
    case: str

    @property
    def lines(self) -> list[str]:
        """All of it, as text."""
        return [render_statement(self.statement), "", render_refunds(self.refunds, MONTH), *self.proven]


def ending(settings: "Settings") -> Ending:
    """Read the books, prove them, and count what was heard. Raises the failure of books that do not hold."""
    from ledger import checks, refund_reports, reports
    from store.db import connect, reading

    engine = connect(settings.database_url)
    with reading(engine) as connection:
        statement = reports.statement(connection, MONTH)
        refunds = refund_reports.refund_part(connection, MONTH, ZONE)
        proof, digest = checks.verify(connection), reports.content_digest(connection)
        (heard, copies), case = webhooks(connection), story(connection)
    engine.dispose()
    if not proof.proven:
        raise broken(proof)
    told = f"  {format.number(heard)} webhooks came over HTTP, signed; {copies} of them twice, and counted once"
    return Ending(statement, refunds, ("", render_proof(proof), f"  Content digest {digest}", told), case)


def own_part(end: Ending) -> list[str]:
    """The end with the shop's own currency only, for a picture."""
    own = end.statement._replace(books=tuple(book for book in end.statement.books if book.currency == CURRENCY))
    return end._replace(statement=own).lines


def next_lines(home: Path, case: str, store: Store, returns: Returns) -> list[str]:
    """Three commands that work as they are printed."""
    program = demo_home.command(home)
    approved = returns.cases["above_cap"]
    commands = (
        ("How one renewal came back: charges, mails, a person, a payment", f"explain {case}"),
        (f"A refund above the cap: a person was asked, {APPROVER} said yes, the goods came", f"explain {approved}"),
        ("A charge whose answer got lost on the way, and that was booked once", f"ledger trace {store.broken_key}"),
    )
    return ["  Next", *(line for why, words in commands for line in (f"    {why}:", f"      {program} {words}"))]

"""Any sequence of posting, replaying, contradicting and reversing, against a model of a few lines."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from domain.money import Money
from ledger import checks, entries
from ledger.entries import Entry
from ledger.errors import AlreadyBooked, Conflict, NoSuchStep, NotReversible
from ledger.posting import Posted, Writer
from store import db, schema
from tests.ledger.examples import about, clock, failed, recovered, rows, settled

AMOUNTS = st.integers(1, 10**9)


class Books(RuleBasedStateMachine):
    """The model: what was booked, in order, and which entry takes back which."""

    failures = Bundle("failures")
    payments = Bundle("payments")
    reversals = Bundle("reversals")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="recoup-machine-")
        self.engine = db.connect(f"sqlite:///{Path(self.folder.name) / 'books.db'}")
        schema.migrate(self.engine)
        self.model: list[Entry] = []
        self.paid_back: dict[str, int] = {}

    @initialize()
    def start(self) -> None:
        self.writer = Writer(self.engine, clock=clock)

    def post(self, *booked: Entry, **changes: Any) -> Any:
        (answer,) = self.writer.post([settled(*booked, **changes)])
        return answer

    def accept(self, entry: Entry) -> Entry:
        assert self.post(entry) == Posted(entry.source_key, len(self.model) + 1, 1, False)
        self.model.append(entry)
        return entry

    @rule(target=failures, minor=AMOUNTS, month=st.sampled_from(["2025-12", "2026-01"]))
    def fail(self, minor: int, month: str) -> Entry:
        return self.accept(failed(f"k{len(self.model)}", Money(minor, "EUR"), belongs_to=month))

    @rule(target=payments, paid=AMOUNTS, owed=AMOUNTS, currency=st.sampled_from(["EUR", "JPY"]))
    def recover(self, paid: int, owed: int, currency: str) -> Entry:
        return self.accept(recovered(f"k{len(self.model)}", Money(paid, currency), Money(owed, currency)))

    @rule(entry=st.one_of(failures, payments, reversals))
    def replay(self, entry: Entry) -> None:
        seq = self.model.index(entry) + 1
        assert self.post(entry) == Posted(entry.source_key, seq, 1, True)

    @rule(entry=failures, more=AMOUNTS)
    def contradict(self, entry: Entry, more: int) -> None:
        amount = Money(abs(entry.postings[0].minor) + more, "EUR")
        other = failed(entry.source_key, amount, belongs_to=entry.belongs_to)
        answer = self.post(other)
        assert isinstance(answer, Conflict) and answer.fields == ("postings",)

    @rule(entry=failures, minor=AMOUNTS)
    def book_the_same_reference_under_another_key(self, entry: Entry, minor: int) -> None:
        answer = self.post(failed("other-key", Money(minor, "EUR"), vendor_ref=entry.vendor_ref))
        assert isinstance(answer, AlreadyBooked) and answer.booked_as == entry.source_key

    @rule(minor=AMOUNTS)
    def settle_what_was_never_intended(self, minor: int) -> None:
        assert isinstance(self.post(failed("ghost", Money(minor, "EUR")), new_step=None), NoSuchStep)

    @rule(target=reversals, entry=st.one_of(consumes(failures), consumes(reversals)))
    def reverse_once(self, entry: Entry) -> Entry:
        back = entries.reversal(entry, about(f"k{len(self.model)}", days=40, belongs_to=entry.belongs_to))
        accepted = self.accept(back)
        assert isinstance(self.post(entries.reversal(entry, about("again", days=41))), NotReversible)
        return accepted

    @rule(entry=payments, minor=AMOUNTS, kind=st.sampled_from(["refund", "chargeback"]))
    def give_back(self, entry: Entry, minor: int, kind: str) -> None:
        paid, before = entries.paid_in(entry), self.paid_back.get(entry.source_key, 0)
        already = Money(before, paid.currency)
        back = entries.money_back(
            entry, about(f"k{len(self.model)}", days=3), Money(minor, paid.currency), kind, already
        )
        if before + minor <= paid.minor:
            self.accept(back)
            self.paid_back[entry.source_key] = before + minor
        else:
            assert isinstance(self.post(back), NotReversible)

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        totals: dict[str, int] = {}
        for entry in self.model:
            for account, minor, currency in entry.postings:
                totals[f"{account} {currency}"] = totals.get(f"{account} {currency}", 0) + minor
        query = "SELECT account || ' ' || currency, SUM(amount_minor) FROM ledger_rollup GROUP BY account, currency"
        assert {name: minor for name, minor in rows(self.engine, query)} == totals

    def teardown(self) -> None:
        with db.reading(self.engine) as connection:
            proof = checks.verify(connection)
        assert proof.proven and proof.entries == len(self.model)
        self.engine.dispose()
        self.folder.cleanup()


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

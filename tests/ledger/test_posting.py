"""Posting: all of a settlement or nothing, the same again is a no-op, and one bad one loses only itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.money import Money
from ledger import entries
from ledger.errors import (
    AlreadyBooked,
    BadSettlement,
    Conflict,
    NoSuchStep,
    StepClosed,
)
from ledger.posting import Posted, Writer
from ledger.settlements import Settlement
from store import db
from tests.ledger.examples import (
    AT,
    EUR_49_90,
    about,
    clock,
    failed,
    intend,
    new_step,
    post,
    post_well,
    recovered,
    rows,
    settled,
)

TABLES = ("ledger_entries", "ledger_postings", "ledger_head", "ledger_rollup", "steps", "contacts", "cases")


def everything(engine: Engine) -> dict[str, Any]:
    """All rows of all tables that a settlement may touch."""
    return {table: sorted(map(tuple, rows(engine, f"SELECT * FROM {table}"))) for table in TABLES}


def test_a_settlement_writes_the_step_the_entry_its_postings_the_head_and_the_rollup(engine: Engine) -> None:
    intend(engine, "k")
    (answer,) = post_well(engine, settled(recovered("k"), amount=EUR_49_90, detail="paid", new_step=None))
    assert answer == Posted("k", 1, 1, False)
    step = rows(engine, "SELECT state, vendor, vendor_ref, currency, amount_minor, detail, settled_at FROM steps")
    assert step == [("done", "stripe", "ref-k", "EUR", 4990, "paid", "2026-01-15T08:00:00.000000Z")]
    head = rows(engine, "SELECT seq, hash, recorded_at FROM ledger_head")
    assert head == rows(engine, "SELECT seq, hash, recorded_at FROM ledger_entries")
    assert rows(engine, "SELECT recorded_at, occurred_at FROM ledger_entries") == [
        ("2026-01-16T12:00:00.000000Z", "2026-01-15T08:00:00.000000Z")
    ]
    rollup = rows(engine, "SELECT account, month, belongs_to, amount_minor, count FROM ledger_rollup ORDER BY account")
    assert rollup == [
        ("Assets:Clearing:Payments", "2026-01", "2026-01", 4990, 1),
        ("Income:Recovered:Dunning:Message", "2026-01", "2026-01", -4990, -1),
        ("Memo:Dunning:Open", "2026-01", "2026-01", -4990, -1),
        ("Memo:Dunning:Recovered:Message", "2026-01", "2026-01", 4990, 1),
    ]


def test_a_settlement_changes_its_contact_and_its_case(engine: Engine) -> None:
    intend(engine, "k", case="in_7")
    with db.transaction(engine) as connection:
        names = ", ".join(db.METADATA.tables["cases"].c.keys())
        for case in ("in_7", "in_8"):
            values = ["0" if c.type.python_type is int else f"'{case}'" for c in db.METADATA.tables["cases"].c]
            connection.exec_driver_sql(f"INSERT INTO cases ({names}) VALUES ({', '.join(values)})")
        for key in ("k", "other"):
            connection.exec_driver_sql(
                "INSERT INTO contacts (key, person, channel, purpose, operation, case_id, state, day, at) "
                f"VALUES ('{key}', 'cus_1', 'mail', 'dunning', 'dunning', 'in_7', 'reserved', '2026-01-15', '')"
            )
    changes = (("state", "closed"), ("remaining_minor", 5))
    post_well(engine, settled(key="k", vendor_ref="m1", contact="sent", case_changes=changes, new_step=None))
    assert rows(engine, "SELECT state, at FROM contacts ORDER BY key") == [
        ("sent", "2026-01-15T08:00:00.000000Z"),
        ("reserved", ""),
    ]
    assert rows(engine, "SELECT id, state, remaining_minor FROM cases ORDER BY id") == [
        ("in_7", "closed", 5),
        ("in_8", "in_8", 0),
    ]


def test_the_same_settlement_again_is_a_replay_that_writes_nothing(engine: Engine) -> None:
    settlement = settled(recovered("k"), amount=EUR_49_90)
    post_well(engine, settlement)
    before = everything(engine)
    (again,) = post_well(engine, replace(settlement, at=AT + timedelta(hours=1), detail="heard of it once more"))
    assert again == Posted("k", 1, 1, True)
    assert everything(engine) == before


def test_another_run_and_another_policy_may_report_the_same_fact(engine: Engine) -> None:
    post_well(engine, settled(failed("k")))
    (again,) = post_well(engine, settled(failed("k", flow_run="calm-owl", policy_version="p2")))
    assert again.replayed
    assert rows(engine, "SELECT flow_run FROM ledger_entries") == [("brave-otter",)]


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        (settled(recovered("k", Money(5000, "EUR")), amount=Money(5000, "EUR")), ("amount", "postings")),
        (settled(recovered("k", phase="support"), amount=EUR_49_90), ("postings",)),
        (settled(recovered("k", case="in_2"), amount=EUR_49_90), ("case",)),
        (settled(recovered("k", vendor_ref="pi_2"), amount=EUR_49_90), ("vendor_ref",)),
        (settled(recovered("k", days=1), amount=EUR_49_90), ("occurred_at", "effective_on")),
        (settled(recovered("k", belongs_to="2025-12"), amount=EUR_49_90), ("belongs_to",)),
        (settled(recovered("k"), amount=EUR_49_90, vendor="adyen"), ("vendor",)),
        (settled(recovered("k"), recovered("k/2"), amount=EUR_49_90), ("entries",)),
        (settled(key="k", state="refused", amount=EUR_49_90, vendor_ref="ref-k"), ("state",)),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else "",
)
def test_the_same_key_with_other_content_is_a_conflict_that_names_the_fields(
    engine: Engine, changed: Settlement, fields: tuple[str, ...]
) -> None:
    post_well(engine, settled(recovered("k"), amount=EUR_49_90))
    before = everything(engine)
    (answer,) = post(engine, changed)
    assert isinstance(answer, Conflict)
    assert set(fields) <= set(answer.fields) and "Nothing was booked again" in str(answer)
    assert everything(engine) == before


def test_one_payment_seen_by_two_runs_under_two_keys_is_booked_once(engine: Engine) -> None:
    post_well(engine, settled(recovered("dunning/in_1/retry-1", vendor_ref="pi_1")))
    (answer,) = post(engine, settled(recovered("dunning/in_1/paid-pi_1", vendor_ref="pi_1")))
    assert isinstance(answer, AlreadyBooked) and answer.booked_as == "dunning/in_1/retry-1"
    assert rows(engine, "SELECT COUNT(*) FROM steps") == [(1,)]
    other_vendor = settled(recovered("dunning/in_1/other", vendor="adyen", vendor_ref="pi_1"))
    other_kind = settled(failed("dunning/in_1/failed", vendor_ref="pi_1"))
    post_well(engine, other_vendor, other_kind)


def test_one_payment_under_two_keys_in_the_same_batch_is_booked_once(engine: Engine) -> None:
    answers = post(engine, settled(recovered("a", vendor_ref="pi_1")), settled(recovered("b", vendor_ref="pi_1")))
    assert isinstance(answers[0], Posted) and isinstance(answers[1], AlreadyBooked)


def test_entries_without_a_reference_do_not_stand_in_each_others_way(engine: Engine) -> None:
    post_well(engine, settled(failed("a", vendor_ref="")), settled(failed("b", vendor_ref="")))


def test_the_same_key_twice_in_a_batch_is_booked_once(engine: Engine) -> None:
    settlement = settled(failed("k"))
    answers = post(engine, settlement, settlement, settled(failed("k", Money(1, "EUR"))))
    assert answers[:2] == [Posted("k", 1, 1, False), Posted("k", 1, 1, True)]
    assert isinstance(answers[2], Conflict)


def test_the_sequence_has_no_gaps_whatever_is_refused_in_between(engine: Engine) -> None:
    for number in range(5):
        post(
            engine, settled(failed(f"a{number}")), settled(failed("a0", Money(1, "EUR"))), settled(failed(f"b{number}"))
        )
    assert rows(engine, "SELECT seq FROM ledger_entries ORDER BY seq") == [(seq,) for seq in range(1, 11)]


def test_an_outcome_of_a_key_that_was_never_intended_is_refused(engine: Engine) -> None:
    (answer,) = post(engine, settled(failed("k"), new_step=None))
    assert isinstance(answer, NoSuchStep) and "never intended" in str(answer)
    assert rows(engine, "SELECT COUNT(*) FROM ledger_entries") == [(0,)]


def test_unknown_becomes_known_once_and_stays(engine: Engine) -> None:
    intend(engine, "k")
    unknown = settled(key="k", state="unknown", vendor_ref="", new_step=None)
    post_well(engine, unknown, unknown)
    assert rows(engine, "SELECT state FROM steps") == [("unknown",)]
    post_well(engine, settled(recovered("k"), new_step=None))
    (late,) = post(engine, unknown)
    assert isinstance(late, Conflict) and "state" in late.fields
    assert rows(engine, "SELECT state FROM steps") == [("done",)]


@pytest.mark.parametrize("state", ["void", "dropped"])
def test_a_step_that_ended_without_a_call_has_to_be_intended_again(engine: Engine, state: str) -> None:
    intend(engine, "k")
    ended = settled(key="k", state=state, vendor_ref="", new_step=None)
    post_well(engine, ended)
    (again,) = post_well(engine, ended)
    assert again.replayed
    (answer,) = post(engine, settled(recovered("k"), new_step=None))
    assert isinstance(answer, StepClosed) and state in str(answer)
    assert rows(engine, "SELECT COUNT(*) FROM ledger_entries") == [(0,)]


def test_a_refused_step_is_final_and_books_nothing(engine: Engine) -> None:
    intend(engine, "k")
    refused = settled(key="k", state="refused", vendor_ref="ch_1", detail="insufficient_funds", new_step=None)
    assert post_well(engine, refused) == [Posted("k", 0, 0, False)]
    assert post_well(engine, refused) == [Posted("k", 0, 0, True)]
    assert isinstance(post(engine, settled(recovered("k"), new_step=None))[0], Conflict)


def test_one_step_may_book_several_entries_all_or_none(engine: Engine) -> None:
    cost = entries.message_cost(about("k/cost"), Money(8, "EUR"), "sms")
    (answer,) = post_well(engine, settled(recovered("k"), cost))
    assert (answer.first_seq, answer.entries) == (1, 2)
    (bad,) = post(
        engine,
        settled(recovered("m"), failed("m/f", vendor_ref="x")),
    )
    assert isinstance(bad, Posted)
    taken = settled(failed("n"), recovered("n/r", vendor_ref="ref-m"))
    (answer,) = post(engine, taken)
    assert isinstance(answer, AlreadyBooked)
    assert rows(engine, "SELECT source_key FROM ledger_entries WHERE source_key >= 'n'") == []


def test_a_settlement_that_contradicts_itself_does_not_exist() -> None:
    with pytest.raises(BadSettlement, match="not a known outcome"):
        settled(failed("k"), state="unknown")
    with pytest.raises(BadSettlement, match="does not carry the step's key"):
        settled(failed("other"), key="k")
    with pytest.raises(BadSettlement, match="same source key"):
        settled(failed("k"), failed("k"))
    with pytest.raises(BadSettlement, match="no column 'colour'"):
        settled(failed("k"), case_changes=(("colour", "red"),))
    with pytest.raises(BadSettlement, match="no column 'id'"):
        settled(failed("k"), case_changes=(("id", "in_2"),))


def test_posting_nothing_writes_nothing(engine: Engine) -> None:
    assert Writer(engine, clock=clock).post([]) == []


def test_the_roll_up_is_by_the_month_that_the_money_moved_in_and_by_the_cohort(engine: Engine) -> None:
    post_well(
        engine, settled(failed("a")), settled(recovered("b", days=20, effective_on=(AT + timedelta(days=20)).date()))
    )
    found = rows(engine, "SELECT DISTINCT month, belongs_to FROM ledger_rollup ORDER BY month")
    assert found == [("2026-01", "2026-01"), ("2026-02", "2026-01")]


def test_a_new_step_is_written_whole(engine: Engine) -> None:
    post_well(engine, settled(failed("k"), amount=EUR_49_90, detail="heard", new_step=replace(new_step(), rung="seen")))
    names = "operation, case_id, action, rung, state, day, rule, reason, intended_at, settled_at, message, tries"
    at = "2026-01-15T08:00:00.000000Z"
    assert rows(engine, f"SELECT {names} FROM steps") == [
        ("dunning", "in_1", "note", "seen", "done", "2026-01-15", "D-01", "it failed", at, at, "", 0)
    ]

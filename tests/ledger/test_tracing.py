"""One string to search everywhere: a trace walks from it to everything behind it."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from domain.money import Money
from ledger import entries
from ledger.tracing import Trace, trace
from store import db
from tests.ledger.examples import about, failed, intend, new_step, post_well, recovered, settled


@pytest.fixture
def books(engine: Engine) -> Engine:
    """A payment with its cost, its refund, and a step that booked nothing."""
    paid = recovered("dunning/in_1/retry-1", vendor_ref="pi_1")
    cost = entries.message_cost(about("dunning/in_1/retry-1/cost", vendor_ref=""), Money(8, "EUR"), "sms")
    step = replace(new_step(), flow_run="brave-otter")
    post_well(engine, settled(failed("dunning/in_1/failed", vendor_ref="in_1")))
    post_well(engine, settled(paid, cost, new_step=step))
    back = entries.money_back(paid, about("dunning/in_1/refund-re_1", vendor_ref="re_1"), Money(4990, "EUR"), "refund")
    post_well(engine, settled(back))
    intend(engine, "dunning/in_1/retry-10")
    return engine


def traced(engine: Engine, key: str) -> tuple[Trace, ...]:
    with db.reading(engine) as connection:
        return trace(connection, key)


@pytest.mark.parametrize("key", ["dunning/in_1/retry-1", "dunning/in_1/retry-1/cost", "pi_1", "2"])
def test_a_key_an_entry_a_reference_and_a_number_lead_to_the_same_step(books: Engine, key: str) -> None:
    (found,) = traced(books, key)
    assert found.key == "dunning/in_1/retry-1"
    assert found.step is not None and found.step["vendor_ref"] == "pi_1" and found.step["flow_run"] == "brave-otter"
    assert [entry.row["source_key"] for entry in found.entries] == ["dunning/in_1/retry-1", "dunning/in_1/retry-1/cost"]
    first = found.entries[0]
    assert first.taken_back_by == ("dunning/in_1/refund-re_1",)
    assert [posting.minor for posting in first.postings] == [4990, -4990, 4990, -4990]


def test_the_trace_of_a_refund_names_what_it_takes_back(books: Engine) -> None:
    (found,) = traced(books, "re_1")
    assert found.entries[0].row["reverses"] == "dunning/in_1/retry-1"


def test_a_step_that_booked_nothing_is_traced_too(books: Engine) -> None:
    (found,) = traced(books, "dunning/in_1/retry-10")
    assert found.entries == () and found.step is not None and found.step["state"] == "intended"


def test_nothing_is_on_record_under_a_key_that_is_not_known_or_empty(books: Engine) -> None:
    assert traced(books, "dunning/in_1") == () == traced(books, "")
    assert traced(books, "x' OR '1'='1") == ()

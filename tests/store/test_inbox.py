"""The inbox on both databases: once whatever comes twice, a lease for whoever works on it, and never two at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select

from domain.strict_json import UnreadableJson
from store import db, inbox, inbox_admin
from store.event_tables import inbox as table
from store.inbox import Heard

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def heard(identity: str = "evt_1", **more: Any) -> Heard:
    usual = Heard("loop", "loop", "refunds", "label.updated", identity, b'{"a":1.50}', "key-1", "waiting")
    return usual._replace(**more)


def keep(engine: Engine, *items: Heard, at: datetime = AT) -> list[bool]:
    with db.transaction(engine) as connection:
        return inbox.keep(connection, items, at)


def claim(engine: Engine, holder: str = "me", at: datetime = AT, **more: Any) -> list[Any]:
    with db.transaction(engine) as connection:
        return inbox.claim(connection, "refunds", holder, at, **more)


def rows(engine: Engine) -> list[Any]:
    with db.reading(engine) as connection:
        return list(connection.execute(select(table).order_by(table.c.identity)))


def test_a_second_delivery_counts_and_changes_nothing_else(engine: Engine) -> None:
    assert keep(engine, heard(), heard("evt_2")) == [True, True]
    assert keep(engine, heard(body=b"{}", state="quarantined"), heard("evt_3"), heard("evt_3"), at=AT + MINUTE) == [
        False,
        True,
        False,
    ]
    found = rows(engine)
    assert [(row.identity, row.copies, row.state) for row in found] == [
        ("evt_1", 1, "waiting"),
        ("evt_2", 0, "waiting"),
        ("evt_3", 1, "waiting"),
    ]
    assert found[0].body == '{"a":1.50}'
    assert found[0].secret == "key-1"


def test_what_makes_an_event_is_the_sender_the_topic_and_the_identity(engine: Engine) -> None:
    others = [heard(sender="b"), heard(topic="x"), heard("y"), heard(sender="loo", topic="plabel.updated")]
    assert keep(engine, heard(), *others) == [True] * 5


def test_text_that_no_database_keeps_is_kept_in_another_form(engine: Engine) -> None:
    odd = [b"\xff\xfe", b"a\0b", "ünï".encode(), b""]
    keep(engine, *(heard(f"{n}\0\ud800" + "x" * 999, body=body, state="quarantined") for n, body in enumerate(odd)))
    found = rows(engine)
    assert [inbox.body(row) for row in found] == odd
    assert all(len(row.identity) <= inbox.LONGEST_TEXT for row in found)
    assert len({row.id for row in found}) == 4


def test_the_oldest_come_first_and_only_once_until_the_lease_ran_out(engine: Engine) -> None:
    for number in (3, 1, 2):
        keep(engine, heard(f"evt_{number}"), at=AT + number * MINUTE)
    later = AT + 5 * MINUTE
    first = claim(engine, "a", later, limit=2)
    assert [row.identity for row in first] == ["evt_1", "evt_2"]
    assert [row.identity for row in claim(engine, "b", later)] == ["evt_3"]
    assert claim(engine, "c", later + inbox.LEASE) == []
    taken = claim(engine, "c", later + inbox.LEASE + MINUTE)
    assert [(row.identity, row.tries, row.claimed_by) for row in taken] == [
        ("evt_1", 2, "c"),
        ("evt_2", 2, "c"),
        ("evt_3", 2, "c"),
    ]


def test_renewing_keeps_a_claim_and_releasing_gives_it_back(engine: Engine) -> None:
    keep(engine, heard("evt_1"), heard("evt_2"))
    mine = claim(engine, "a", AT, limit=1)
    claim(engine, "b", AT)
    with db.transaction(engine) as connection:
        inbox.renew(connection, "a", AT + 4 * MINUTE)
    assert [row.claimed_by for row in claim(engine, "c", AT + 6 * MINUTE)] == ["c"]
    with db.transaction(engine) as connection:
        inbox.release(connection, [row.id for row in mine])
    assert [(row.id, row.tries) for row in claim(engine, "d", AT + 6 * MINUTE)] == [(mine[0].id, 1)]


def test_what_failed_is_due_again_at_its_time_or_never(engine: Engine) -> None:
    keep(engine, heard("evt_1"), heard("evt_2"), heard("evt_3"))
    one, two, three = claim(engine)
    with db.transaction(engine) as connection:
        inbox.failed(connection, one.id, "the portal is away", AT, AT + MINUTE)
        inbox.failed(connection, two.id, "cannot be read", AT, None)
        inbox.done(connection, {three.id: "refunded\nnow"}, AT)
        assert inbox.waiting(connection, "refunds", AT) == 0
        assert inbox.waiting(connection, "refunds", AT + MINUTE) == 1
        assert inbox.waiting(connection, "other", AT + MINUTE) == 0
    again = claim(engine, at=AT + MINUTE)
    assert [(row.id, row.tries, row.outcome) for row in again] == [(one.id, 2, "the portal is away")]
    states = {row.id: (row.state, row.outcome) for row in rows(engine)}
    assert states[three.id] == ("done", "refunded?now")
    assert states[two.id] == ("failed", "cannot be read")


def test_only_what_waits_is_claimed(engine: Engine) -> None:
    keep(engine, heard("a", state="quarantined"), heard("b", state="unrouted", operation=""), heard("c", operation="x"))
    assert claim(engine) == []
    with db.transaction(engine) as connection:
        inbox.done(connection, {row.id: "never claimed" for row in rows(engine)}, AT)
    assert {row.state for row in rows(engine)} == {"quarantined", "unrouted", "waiting"}


def test_two_at_once_never_get_the_same_event(engine: Engine) -> None:
    keep(engine, *(heard(f"evt_{number}") for number in range(60)))

    def take(holder: str) -> list[str]:
        found: list[str] = []
        while taken := claim(engine, holder, limit=7):
            found += [row.id for row in taken]
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [ident for found in pool.map(take, "abcd") for ident in found]
    assert len(taken) == len(set(taken)) == 60


def test_many_who_keep_the_same_events_at_once_keep_each_once(engine: Engine) -> None:
    items = [heard(f"evt_{number}") for number in range(20)]

    def store(way: int) -> int:
        return sum(keep(engine, *(items if way % 2 else reversed(items))))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(store, range(12))) == 20
    assert {row.copies for row in rows(engine)} == {11}


def test_a_document_is_strict_json_or_the_fields_of_a_form(engine: Engine) -> None:
    bodies = [b'{"a":1.50}', b"a=1&b=%C3%BC&b=2&c=", b'{"a":1,"a":2}', b"\xff"]
    keep(engine, *(heard(f"{n}", body=body, form=n == 1) for n, body in enumerate(bodies)))
    good, form, twice, binary = rows(engine)
    assert inbox.document(good) == {"a": Decimal("1.50")}
    assert inbox.document(form) == {"a": "1", "b": ["ü", "2"], "c": ""}
    for row in (twice, binary):
        with pytest.raises(UnreadableJson):
            inbox.document(row)


def test_bodies_are_forgotten_and_the_event_is_still_known(engine: Engine) -> None:
    keep(engine, heard("done"), heard("failed"), heard("left", state="quarantined"))
    keep(engine, heard("waiting"), at=AT + MINUTE)
    keep(engine, heard("new", state="unrouted"), at=AT + timedelta(days=90))
    by_name = {row.identity: row for row in claim(engine, at=AT)}
    with db.transaction(engine) as connection:
        inbox.done(connection, {by_name["done"].id: "done"}, AT)
        inbox.failed(connection, by_name["failed"].id, "away", AT, AT + MINUTE)
        purged_at = AT + timedelta(days=91)
        assert inbox_admin.purge(connection, AT + timedelta(days=1), purged_at) == 3
        assert inbox_admin.purge(connection, AT + timedelta(days=1), purged_at) == 0
    found = {row.identity: row for row in rows(engine)}
    assert {name for name, row in found.items() if not row.body} == {"done", "failed", "left"}
    assert all(len(row.fingerprint) == 64 and row.size for row in found.values())
    with pytest.raises(UnreadableJson, match="purged"):
        inbox.document(found["done"])
    assert [row.identity for row in claim(engine, at=AT + timedelta(days=92))] == ["waiting"]
    assert keep(engine, heard("done")) == [False]


def test_trying_again_puts_what_is_over_back_and_leaves_the_rest(engine: Engine) -> None:
    keep(
        engine, heard("a", state="quarantined", operation="", topic=""), heard("b", topic="", operation=""), heard("c")
    )
    (claimed,) = claim(engine)
    waits = next(row for row in rows(engine) if row.identity == "b")
    over = next(row for row in rows(engine) if row.identity == "a")
    now = {"operation": "refunds", "topic": "label.updated"}
    with db.transaction(engine) as connection:
        assert inbox_admin.replay(connection, claimed.id, AT, **now) == "claimed"
        assert inbox_admin.replay(connection, waits.id, AT, **now) == "waiting"
        assert inbox_admin.replay(connection, "nothing", AT, **now) == ""
        assert inbox_admin.replay(connection, over.id, AT, **now, outcome="still not JSON") == "quarantined"
        assert inbox_admin.replay(connection, over.id, AT, operation="", topic="x") == "unrouted"
        assert inbox_admin.replay(connection, over.id, AT, **now) == "waiting"
    assert [(row.identity, row.topic) for row in claim(engine)] == [("a", "label.updated")]


def test_the_listing_shows_what_is_not_over_newest_first_and_what_each_secret_signed(engine: Engine) -> None:
    keep(engine, heard("a"), heard("b", state="quarantined", secret="old"))
    keep(engine, heard("c", state="unrouted"), heard("d", sender="shop"), at=AT + MINUTE)
    with db.reading(engine) as connection:
        assert next(iter(inbox_admin.listing(connection))).identity == "d"
        assert {row.identity for row in inbox_admin.listing(connection)} == {"a", "b", "d"}
        assert [row.identity for row in inbox_admin.listing(connection, states=("unrouted",))] == ["c"]
        assert [row.identity for row in inbox_admin.listing(connection, sender="shop")] == ["d"]
        assert inbox_admin.counts(connection) == {"waiting": 2, "quarantined": 1, "unrouted": 1}
        uses = [(use.sender, use.secret, use.events) for use in inbox_admin.used(connection)]
        assert uses == [("loop", "key-1", 2), ("loop", "old", 1), ("shop", "key-1", 1)]
        ident = inbox_admin.listing(connection)[0].id
        assert [row.id for row in inbox_admin.find(connection, ident[:8])] == [ident]
        assert len(inbox_admin.find(connection, "")) == 2
        assert inbox_admin.find(connection, "%") == []

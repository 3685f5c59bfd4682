"""Messages that people sent to us: each is handled once, on both databases."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from store import contacts
from store.db import transaction

AT = datetime(2026, 1, 27, 18, tzinfo=UTC)


def test_a_reply_is_new_once_and_known_ever_after(engine: Engine) -> None:
    seen = []
    for _ in range(3):
        with transaction(engine) as connection:
            seen.append(contacts.receive(connection, "inbound/SM1/cus_1", "cus_1", "sms", AT, "America/New_York"))
    assert seen == [True, False, False]

"""The receiver over real HTTP and both databases: what is signed is kept, then answered; the rest leaves no trace."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, event, select

from integrations.senders import SENDERS
from integrations.signing import Secret
from settings_file import SettingsError
from store import db
from store.event_tables import inbox
from store.inbox import Heard
from tests.integrations.serving import serve
from tests.web.receiving import (
    KEY,
    NOW,
    PUBLIC,
    SIGN,
    app_of,
    b64,
    configured,
    deliver,
    encoded,
    path_of,
    query_of,
    receiver_of,
    row,
    run,
    seal,
    signed,
)
from web.hooks import Receiver
from web.keeping import Keeper, NotKept
from web.sender_file import with_secret, write
from web.senders import BODY_LIMIT, Configured, Senders, read

LABEL = {
    "topic": "label", "trigger": "label.updated", "shop_id": "9876", "return_id": "12345", "label_status": "in_transit",
    "tracking_number": "28735625627856237856287", "label_updated_at": "2026-11-23T11:00:00+00:00", "carrier": "USPS",
}  # fmt: skip
BODY = json.dumps(LABEL).encode()


def rows(engine: Engine) -> list[Any]:
    with db.reading(engine) as connection:
        return list(connection.execute(select(inbox).order_by(inbox.c.received_at, inbox.c.id)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "hooks.toml"


@contextmanager
def receiving(engine: Engine, senders: Senders, woken: list[str] | None = None) -> Iterator[Any]:
    receiver = receiver_of(engine, senders, woken)
    try:
        yield app_of(receiver)
    finally:
        receiver.close()


@contextmanager
def serving(engine: Engine, senders: Senders, woken: list[str] | None = None) -> Iterator[httpx.Client]:
    with receiving(engine, senders, woken) as app, serve(app) as url, httpx.Client(base_url=url) as http:
        yield http


def asked(http: httpx.Client, text: str, wait: bool = True) -> bytes:
    """What comes back for these bytes on a connection of their own; nothing where nobody waits for it."""
    host = urlsplit(str(http.base_url))
    with socket.create_connection((str(host.hostname), host.port or 80), timeout=5) as connection:
        connection.sendall(text.encode("latin-1"))
        return connection.recv(100) if wait else b""


def test_a_signed_delivery_is_kept_and_wakes_its_operation_and_a_copy_does_not(engine: Engine, file: Path) -> None:
    woken: list[str] = []
    with serving(engine, configured(file, row("loop")), woken) as http:
        for _ in range(3):
            answer = http.post(path_of("loop"), content=BODY, headers=SIGN["loop"](BODY))
            assert (answer.status_code, answer.content) == (200, b"")
    (kept,) = rows(engine)
    assert (kept.sender, kept.vendor, kept.operation, kept.topic) == ("loop", "loop", "refunds", "label")
    assert (kept.state, kept.copies, kept.secret, kept.size) == ("waiting", 2, "key-1", len(BODY))
    assert kept.body.encode() == BODY
    assert woken == ["refunds"]


@pytest.mark.parametrize("vendor", sorted(set(SENDERS) & set(SIGN)))
def test_every_sender_is_heard_over_http(sqlite_engine: Engine, file: Path, vendor: str) -> None:
    body = b'[{"id":"EZ1","type":"x"}]' if vendor == "twilio" else b'{"id":"evt_1","object":"Event"}'
    with serving(sqlite_engine, configured(file, row(vendor))) as http:
        address = f"{path_of(vendor)}?{query_of(vendor, body)}".rstrip("?")
        refused = http.post(address, content=body + b" ", headers=SIGN[vendor](body))
        taken = http.post(address, content=body, headers=SIGN[vendor](body))
    assert (refused.status_code, taken.status_code) == (401, 200)
    (kept,) = rows(sqlite_engine)
    assert kept.vendor == vendor


def test_a_form_of_twilio_is_kept_with_its_fields(sqlite_engine: Engine, file: Path) -> None:
    body = b"MessageSid=SM1&MessageStatus=delivered&AccountSid=AC1"
    address = f"{PUBLIC}{path_of('twilio')}?x=1" + "AccountSidAC1MessageSidSM1MessageStatusdelivered"
    headers = {"x-twilio-signature": b64(seal(address.encode(), kind="sha1"))}
    headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
    with serving(sqlite_engine, configured(file, row("twilio"))) as http:
        assert http.post(f"{path_of('twilio')}?x=1", content=body, headers=headers).status_code == 200
    (kept,) = rows(sqlite_engine)
    assert (kept.encoding, kept.topic, kept.identity, kept.state) == (
        "form",
        "message.status",
        "SM1/delivered",
        "unrouted",
    )


def test_an_address_that_is_not_there_and_one_of_another_vendor_are_answered_alike(
    sqlite_engine: Engine, file: Path
) -> None:
    with serving(sqlite_engine, configured(file, row("loop"))) as http:
        wrong = [path_of("loop") + "x", path_of("stripe"), path_of("loop").replace("/loop/", "/stripe/"), "/hooks/a/b"]
        answers = [http.post(path, content=BODY, headers=SIGN["loop"](BODY)) for path in wrong]
        assert http.get(path_of("loop")).status_code == 405
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, b"")}
    assert len({tuple(name for name, _ in answer.headers.items()) for answer in answers}) == 1
    assert rows(sqlite_engine) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused_before_its_signature_is_looked_at(
    sqlite_engine: Engine, file: Path, chunked: bool
) -> None:
    small = replace(row("loop"), body_limit=1000)
    body = b"x" * 1001
    with serving(sqlite_engine, configured(file, small)) as http:
        content: Any = iter([body[:600], body[600:]]) if chunked else body
        assert http.post(path_of("loop"), content=content, headers=SIGN["loop"](body)).status_code == 413
        fits: Any = iter([body[:600], body[600:1000]]) if chunked else body[:1000]
        assert http.post(path_of("loop"), content=fits, headers=SIGN["loop"](body[:1000])).status_code == 200
        assert b" 413 " in asked(
            http, f"POST {path_of('loop')} HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n"
        )
        assert http.post("/hooks/loop/nobody", content=b"x" * (BODY_LIMIT + 1)).status_code == 413
    assert [kept.state for kept in rows(sqlite_engine)] == ["quarantined"]


def test_headers_beyond_the_limit_are_refused(sqlite_engine: Engine, file: Path) -> None:
    with serving(sqlite_engine, configured(file, row("loop"))) as http:
        answer = http.post(path_of("loop"), content=BODY, headers=SIGN["loop"](BODY) | {"x-long": "y" * 17_000})
    assert answer.status_code == 431


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"topic":"label","topic":"return"}', "cannot be read: an object has the same name twice"),
        (b'{"a":NaN}', "NaN"),
        (b"\xff\x00", "not UTF-8"),
        (b"[" * 5000, "nested deeper"),
        (b"[]", "object"),
        (b"", "not JSON"),
    ],
)
def test_what_is_signed_and_unreadable_is_quarantined_and_visible(
    engine: Engine, file: Path, body: bytes, why: str
) -> None:
    woken: list[str] = []
    with receiving(engine, configured(file, row("loop")), woken) as app:
        assert run(signed(app, "loop", body)) == 200
        assert run(signed(app, "loop", body)) == 200
    (kept,) = rows(engine)
    assert (kept.state, kept.operation, kept.copies) == ("quarantined", "", 1)
    assert why in kept.outcome
    assert woken == []


def test_an_event_for_another_shop_is_quarantined_and_does_not_take_the_place_of_ours(
    sqlite_engine: Engine, file: Path
) -> None:
    other = json.dumps(LABEL | {"shop_id": "1"}).encode()
    with receiving(sqlite_engine, configured(file, row("loop", shop_id="9876"))) as app:
        assert run(signed(app, "loop", other)) == 200
        assert run(signed(app, "loop", BODY)) == 200
    assert sorted((kept.state, kept.topic) for kept in rows(sqlite_engine)) == [
        ("quarantined", "label"),
        ("waiting", "label"),
    ]


def test_without_an_active_secret_the_sender_is_told_to_come_again(sqlite_engine: Engine, file: Path) -> None:
    for secrets in ((), (Secret("old", KEY, NOW),)):
        with serving(sqlite_engine, configured(file, row("loop", secrets=secrets))) as http:
            answer = http.post(path_of("loop"), content=BODY, headers=SIGN["loop"](BODY))
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert rows(sqlite_engine) == []


def test_a_database_that_cannot_be_written_is_503_and_the_next_delivery_after_it_is_kept(
    sqlite_file: Path, file: Path
) -> None:
    engine = db.connect(f"sqlite:///{sqlite_file}")
    with receiving(engine, configured(file, row("loop"))) as app:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE inbox RENAME TO inbox_away")
        assert run(signed(app, "loop", BODY)) == 503
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE inbox_away RENAME TO inbox")
        assert run(signed(app, "loop", BODY)) == 200
    assert len(rows(engine)) == 1
    engine.dispose()


def test_whoever_waits_too_long_for_the_database_is_refused_and_known_when_it_comes_again(
    sqlite_engine: Engine, file: Path
) -> None:
    keeper = Keeper(sqlite_engine, lambda: NOW)
    heard = Heard("loop", "loop", "refunds", "label", "evt_1", BODY, "key-1", "waiting")
    with sqlite_engine.begin(), pytest.raises(NotKept, match="within"):
        asyncio.run(keeper.keep(heard, patience=0.2))
    keeper.close()
    assert asyncio.run(keeper.keep(heard)) is False
    keeper.close()
    assert len(rows(sqlite_engine)) == 1


def test_many_at_once_are_each_kept_and_share_commits(engine: Engine, file: Path) -> None:
    async def all_at_once(app: Any) -> list[int]:
        bodies = [json.dumps(LABEL | {"return_id": str(number % 90)}).encode() for number in range(120)]
        return list(await asyncio.gather(*(signed(app, "loop", body) for body in bodies)))

    commits: list[int] = []
    event.listen(engine, "commit", lambda _connection: commits.append(1))
    with receiving(engine, configured(file, row("loop"))) as app:
        assert set(run(all_at_once(app))) == {200}
    kept = rows(engine)
    assert (len(kept), sum(each.copies for each in kept)) == (90, 30)
    assert len(commits) < 60


def test_a_wake_that_fails_is_not_the_senders_trouble(sqlite_engine: Engine, file: Path) -> None:
    def broken(_operation: str) -> None:
        raise RuntimeError("no dispatcher")

    receiver = Receiver(sqlite_engine, configured(file, row("loop")), lambda: NOW, broken)
    assert run(signed(app_of(receiver), "loop", BODY)) == 200
    receiver.close()
    assert len(rows(sqlite_engine)) == 1


def test_a_body_that_never_ends_and_a_sender_that_goes_away_are_4xx(sqlite_engine: Engine, file: Path) -> None:
    with serving(sqlite_engine, configured(file, row("loop"))) as http:
        asked(http, f"POST {path_of('loop')} HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nabc", wait=False)
        assert b" 40" in asked(http, "POST /hooks/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 40" in asked(http, "\x00\x01\x02\r\n\r\n")
        assert http.post(path_of("loop"), content=BODY, headers=SIGN["loop"](BODY)).status_code == 200
    assert len(rows(sqlite_engine)) == 1


def test_nothing_that_is_logged_tells_a_body_a_signature_a_secret_or_an_address(
    sqlite_engine: Engine, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"topic":"label","customer":"me@myself.example"}'
    other = json.dumps(LABEL | {"shop_id": "another-shop"}).encode()
    with receiving(sqlite_engine, configured(file, row("loop", shop_id="9876"), row("stripe", secrets=()))) as app:
        wrong = encoded({"x-loop-signature": b64(b"wrong")})
        assert run(deliver(app, path_of("loop"), wrong, [body])) == 401
        assert run(signed(app, "loop", body + b"]")) == 200
        assert run(signed(app, "loop", other)) == 200
        assert run(signed(app, "stripe", body)) == 503
    assert "refused" in caplog.text and "quarantined" in caplog.text
    for secret in ("myself", KEY, b64(b"wrong"), "tenant-of", "another-shop", SIGN["loop"](body)["x-loop-signature"]):
        assert secret not in caplog.text


def test_a_changed_file_is_read_again_and_a_broken_one_leaves_the_senders_as_they_were(
    sqlite_engine: Engine, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    senders = configured(file, row("loop"))
    with receiving(sqlite_engine, senders) as app:
        assert run(signed(app, "stripe", b"{}")) == 404
        write(file, Configured(PUBLIC, (row("loop"), row("stripe"))))
        assert run(signed(app, "stripe", b"{}")) == 200
        file.write_text("[[sender]]\nname = 'x'\n")
        assert run(signed(app, "loop", BODY)) == 200
        assert "cannot be used" in caplog.text
        file.unlink()
        assert run(signed(app, "loop", BODY)) == 404


def test_a_file_of_senders_comes_back_as_it_was_written(file: Path) -> None:
    secrets = (Secret("new", 'a"\\ü\x7f'), Secret("old", "b", NOW + timedelta(days=7)))
    rows_ = (row("loop", secrets=secrets, body_limit=5, shop_id="9", options={"php_form": "yes"}), row("stripe"))
    write(file, Configured(PUBLIC, rows_))
    assert read(file) == Configured(PUBLIC, rows_)
    assert oct(os.stat(file).st_mode & 0o777) == "0o600"
    assert KEY not in repr(rows_) and "tenant-of" not in repr(rows_)


def test_a_new_secret_ends_the_one_before_it_and_drops_older_ones() -> None:
    until = NOW + timedelta(days=7)
    first = with_secret(row("loop"), Secret("b", "2"), until)
    assert [(each.name, each.until) for each in first.secrets] == [("b", None), ("key-1", until)]
    second = with_secret(first, Secret("c", "3"), NOW)
    assert [(each.name, each.until) for each in second.secrets] == [("c", None), ("b", NOW)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1\n", "x: is not read by anybody"),
        ("sender = 3\n", "sender: is a whole number"),
        ("public_url = 3\n", "public_url"),
        ("[[sender]]\nvendor = 'lop'\n", "Did you mean loop?"),
        ("[[sender]]\nname = 'A b'\n", "sender 1.name: is a text of 3 characters"),
        ("[[sender]]\ntenant = 'short'\n", "sender 1.tenant: is a text of 5 characters"),
        ("[[sender]]\nvendor = 'loop'\noptions = { phpform = 'yes' }\n", "Did you mean php_form?"),
        ("[[sender]]\n[[sender.secret]]\nvalue = ' a'\n", "secret.value: is a text of 2 characters"),
        ("[[sender]]\n[[sender.secret]]\nuntil = 2026-01-01\n", "secret.until"),
        ("[[sender]]\n[[sender.secret]]\n[[sender.secret]]\n[[sender.secret]]\n", "there are 3"),
        ("[[sender]]\nbody_limit = 99999999\n", "body_limit"),
        ("[[sender]", "cannot be read"),
        (f"[[sender]]\ntenant='{'t' * 30}'\n[[sender]]\ntenant='{'t' * 30}'\n", "same for two senders"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_what_without_a_value(file: Path, text: str, names: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsError) as found:
        read(file)
    assert names in str(found.value)
    assert "' a'" not in str(found.value) and "t" * 30 not in str(found.value)


def test_a_file_that_others_can_read_is_refused(file: Path) -> None:
    write(file, Configured(PUBLIC, (row("loop"),)))
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        read(file)

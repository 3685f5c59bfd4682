"""The receiver under whatever bytes anybody sends: no 5xx, nothing unsigned kept, everything signed kept.

The examples are as many as fit a minute in CI; RECOUP_TEST_FUZZ_SECONDS makes it longer for whoever looks for more.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from integrations.senders import SENDERS
from store import db
from store.event_tables import inbox
from tests.integrations.serving import serve
from tests.web.receiving import SIGN, app_of, configured, deliver, encoded, path_of, query_of, receiver_of, row

VENDORS = sorted(set(SENDERS) & set(SIGN))
SECONDS = int(os.environ.get("RECOUP_TEST_FUZZ_SECONDS", "20"))
UNSIGNED, SIGNED, HARDLY = SECONDS * 150, SECONDS * 60, SECONDS * 100
"""Examples of the three tests; each takes a third of the time, as measured on two cores that do nothing else."""


def still(seconds: float) -> Callable[[], bool]:
    """False once this test has had its time: on a busy machine the examples that are left are passed over."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


fuzz = settings(
    max_examples=UNSIGNED,
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

names = st.sampled_from(sorted({name for sign in SIGN.values() for name in sign(b"")} | {"content-type", "host", "x"}))
values = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"=", b",", b"t=,v1=", b"v1,", b"\xff", b"application/x-www-form-urlencoded", b"0" * 64]),
)
headers = st.lists(st.tuples(names.map(str.encode), values), max_size=8)
known = st.sampled_from([path_of(vendor) for vendor in VENDORS])
paths = st.one_of(known, st.text(max_size=30).map("/hooks/{}".format))
methods = st.sampled_from(["POST", "GET", "X"])
words = st.sampled_from(
    ["id", "topic", "event", "type", "object", "data", "msg", "result", "shop_id", "label", "return", "labels", "tag",
     "tracker.updated", "refund.updated", "label_status", "return_id", "status", "checkpoints", "event_id", "livemode"]
)  # fmt: skip
texts = words | st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=12,
)
bodies = st.one_of(
    documents.map(lambda document: json.dumps(document).encode("utf-8", "surrogatepass")),
    st.dictionaries(words, documents, max_size=8).map(lambda document: json.dumps(document).encode()),
    st.binary(max_size=300),
    st.text(st.sampled_from('{}[]",:0eE.\\u-NaN\0 '), max_size=60).map(str.encode),
)


def kept(engine: Engine) -> tuple[int, int]:
    """Rows, and deliveries that were a copy of one."""
    with db.reading(engine) as connection:
        found = connection.execute(select(func.count(), func.coalesce(func.sum(inbox.c.copies), 0))).one()
        return found[0], found[1]


@pytest.fixture
def receiving(sqlite_engine: Engine, tmp_path: Path) -> Iterator[Any]:
    senders = configured(tmp_path / "hooks.toml", *(row(vendor, options=options(vendor)) for vendor in VENDORS))
    receiver = receiver_of(sqlite_engine, senders)
    yield app_of(receiver)
    receiver.close()


def options(vendor: str) -> dict[str, str]:
    """Every option there is, so that the code behind them is reached."""
    return {name: "yes" if name == "php_form" else "X" for name in SENDERS[vendor].options}


def test_whatever_is_not_signed_is_4xx_and_leaves_no_trace(receiving: Any, sqlite_engine: Engine) -> None:
    there_is_time = still(SECONDS / 2)

    @fuzz
    @given(paths, headers, st.lists(st.binary(max_size=100), max_size=4), st.binary(max_size=30), methods)
    def attack(path: str, told: list[tuple[bytes, bytes]], chunks: list[bytes], query: bytes, method: str) -> None:
        status = asyncio.run(deliver(receiving, path, told, chunks, query, method)) if there_is_time() else 404
        assert 400 <= status < 500

    attack()
    assert kept(sqlite_engine) == (0, 0)


@pytest.mark.parametrize("vendor", VENDORS)
def test_whatever_is_signed_is_2xx_and_kept(receiving: Any, sqlite_engine: Engine, vendor: str) -> None:
    taken = 0
    there_is_time = still(SECONDS / 2 / len(VENDORS))

    @settings(fuzz, max_examples=SIGNED // len(VENDORS))
    @given(bodies, headers)
    def send(body: bytes, more: list[tuple[bytes, bytes]]) -> None:
        nonlocal taken
        if not there_is_time():
            return
        told = SIGN[vendor](body) | {"host": "hooks.example.com"}
        others = [(name, value) for name, value in more if name.decode() not in told and name != b"svix-signature"]
        status = asyncio.run(
            deliver(receiving, path_of(vendor), encoded(told) + others, [body], query_of(vendor, body).encode())
        )
        assert status == 200
        taken += 1

    send()
    rows, copies = kept(sqlite_engine)
    assert rows + copies == taken > 0


def test_bytes_that_are_hardly_http_never_make_the_server_fail(receiving: Any, sqlite_engine: Engine) -> None:
    lines = [b"host: x\r\n", b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n"]
    chunks = [b"3\r\nabc\r\n", b"0\r\n\r\n", b"\r\n"]
    words = [b"POST ", b"GET ", path_of("loop").encode(), b" HTTP/1.1\r\n", b"%ff%00", b"?"]
    pieces = st.sampled_from([*lines, *chunks, *words])
    requests = st.lists(st.one_of(pieces, st.binary(max_size=20)), max_size=12).map(b"".join)
    there_is_time = still(SECONDS / 2)
    with serve(receiving) as url:
        host = urlsplit(url)

        @settings(fuzz, max_examples=HARDLY)
        @given(requests)
        def send(request: bytes) -> None:
            if not there_is_time():
                return
            with socket.create_connection((str(host.hostname), host.port or 80), timeout=5) as connection:
                connection.sendall(request + b"\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while more := connection.recv(4096):
                    answer += more
            assert not answer or b"HTTP/1.1 4" in answer or b"HTTP/1.1 100" in answer
            assert b"HTTP/1.1 5" not in answer and b"HTTP/1.1 2" not in answer

        send()
    assert kept(sqlite_engine) == (0, 0)

"""Mail: over a real SMTP connection, by phase, with headers nobody can break into, and never a second mail."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import OutgoingMail
from integrations.errors import NoAnswer, Refused, Unauthorised, Unavailable
from integrations.mail import mapping
from integrations.mail.client import Mailer, Security, Server
from integrations.mail.sandbox import Sink
from integrations.sandbox_clock import Clock

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 18, 14, 0, tzinfo=UTC)
KEY = "dunning/in_1/mail-1"
MAIL = OutgoingMail(
    to="bo@example.com",
    to_name="Bo Ek",
    sender_name="Anna Müller",
    sender_email="anna@shop.example",
    subject="Your card was declined: Größe M ✓",
    body="Hi Bo,\n\n.\n.a line with a dot\nGrüße 你好\n\nAnna\n",
    language="en",
    reply_to="help@shop.example",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    made = Sink(Clock(AT))
    yield made
    made.stop()


@pytest.fixture
async def mailer(sink: Sink) -> AsyncIterator[Mailer]:
    async with Mailer(at(await sink.start())) as made:
        yield made


def at(port: int, security: Security = "none", **more: Any) -> Server:
    return Server("127.0.0.1", port, security, timeout=0.5, **more)


def strike(sink: Sink, fault: str, call: str = "", times: int | None = 1) -> None:
    sink.faults.set({"call": call, "fault": fault, "times": times, "seconds": 0.2 if fault == "slow" else 1.0})


def counts(sink: Sink) -> dict[str, int]:
    keys = [mail["key"] for mail in sink.mails]
    return {key: keys.count(key) for key in keys}


async def test_a_mail_arrives_as_written(mailer: Mailer, sink: Sink) -> None:
    sent = await mailer.send(MAIL, key=KEY, at=AT)
    assert sent.state == "accepted"
    [mail] = sink.mails
    assert mail["message_id"] == sent.ref
    assert mail["key"] == KEY
    assert mail["from"] == "Anna Müller <anna@shop.example>"
    assert mail["to"] == "Bo Ek <bo@example.com>"
    assert mail["reply_to"] == "help@shop.example"
    assert mail["subject"] == MAIL.subject
    assert mail["body"] == MAIL.body
    assert mail["language"] == "en"
    assert mail["envelope_from"] == "anna@shop.example"
    assert mail["envelope_to"] == ["bo@example.com"]


async def test_the_date_is_the_argument_s_and_not_the_machine_s(mailer: Mailer, sink: Sink) -> None:
    await mailer.send(MAIL, key=KEY, at=AT)
    assert sink.mails[0]["date"] == "Sun, 18 Jan 2026 14:00:00 +0000"


def test_the_message_id_follows_from_the_key_and_stands_in_the_sender_s_domain() -> None:
    first = mapping.message_id(KEY, "anna@shop.example")
    assert first == mapping.message_id(KEY, "anna@shop.example")
    assert first != mapping.message_id("dunning/in_1/mail-2", "anna@shop.example")
    assert first.endswith("@shop.example>")


async def test_a_follow_up_threads_under_the_earlier_mail(mailer: Mailer, sink: Sink) -> None:
    first = await mailer.send(MAIL, key=KEY, at=AT)
    await mailer.send(replace(MAIL, in_reply_to=first.ref), key="dunning/in_1/mail-2", at=AT)
    assert sink.mails[1]["in_reply_to"] == first.ref


async def test_a_burst_shares_a_few_connections(mailer: Mailer, sink: Sink) -> None:
    mails = [mailer.send(replace(MAIL, to=f"p{n}@example.com"), key=f"k-{n}", at=AT) for n in range(60)]
    assert {sent.state for sent in await asyncio.gather(*mails)} == {"accepted"}
    assert counts(sink) == {f"k-{n}": 1 for n in range(60)}
    assert sink.connections <= 4


@pytest.mark.parametrize(
    ("to", "why", "code"),
    [
        ("bounces@example.com", "bad_address", "550 5.1.1"),
        ("full@example.com", "unreachable", "552 5.2.2"),
        ("blocked@example.com", "blocked", "554 5.7.1"),
        ("", "bad_address", "address"),
        ("nobody", "bad_address", "address"),
        ("a b@example.com", "bad_address", "address"),
        ("bo@example.com\r\nRCPT TO:<eve@example.com>", "bad_address", "address"),
        ("bo@größe.example", "bad_address", "address"),
        ("bo@localhost", "bad_address", "address"),
        ("@example.com", "bad_address", "address"),
        ("bo@example.com, eve@example.com", "bad_address", "address"),
        ("Bo <bo@example.com>", "bad_address", "address"),
    ],
)
async def test_a_recipient_who_cannot_be_mailed_is_a_value_and_the_next_mail_goes_out(
    mailer: Mailer, sink: Sink, to: str, why: str, code: str
) -> None:
    sent = await mailer.send(replace(MAIL, to=to), key=KEY, at=AT)
    assert (sent.state, sent.why, sent.code) == ("refused", why, code)
    assert sent.reason
    assert not to or to not in sent.reason
    assert (await mailer.send(MAIL, key="next", at=AT)).state == "accepted"
    assert counts(sink) == {"next": 1}


@pytest.mark.parametrize("sign", ["\r\nBcc: eve@example.com", "\n", "\r", "\x00", "\x85", "\u2028"])
@pytest.mark.parametrize("field", ["to_name", "sender_name", "subject", "language", "reply_to", "in_reply_to"])
async def test_a_line_break_in_a_header_field_is_refused_by_its_name_and_nothing_leaves(
    mailer: Mailer, sink: Sink, field: str, sign: str
) -> None:
    with pytest.raises(Refused, match=field) as caught:
        await mailer.send(replace(MAIL, **{field: f"Bo{sign}"}), key=KEY, at=AT)
    assert caught.value.code == "control-character"
    assert "eve@" not in str(caught.value)
    assert sink.mails == []


HEADERS = [
    *("Content-Language", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"),
    *("Reply-To", "Subject", "To", "X-Recoup-Key"),
]
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)


@given(NAMES, NAMES, st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
def test_no_name_subject_or_text_ever_becomes_a_header_or_a_second_recipient(
    name: str, subject: str, body: str
) -> None:
    mail = replace(MAIL, to_name=name, sender_name=name, subject=subject, body=body)
    written = mapping.write_message(mail, key=KEY, at=AT).as_bytes()
    read = message_from_bytes(written, policy=policy.default)
    assert sorted(read.keys()) == HEADERS
    assert [address.addr_spec for address in read["To"].addresses] == ["bo@example.com"]
    assert [address.addr_spec for address in read["From"].addresses] == ["anna@shop.example"]


@pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "500_after", "garbage"])
async def test_a_mail_without_an_answer_after_its_text_is_unknown_and_was_taken_once(
    mailer: Mailer, sink: Sink, fault: str
) -> None:
    strike(sink, fault)
    with pytest.raises(NoAnswer):
        await mailer.send(MAIL, key=KEY, at=AT)
    assert counts(sink) == {KEY: 1}
    assert (await mailer.send(MAIL, key="next", at=AT)).state == "accepted"
    assert counts(sink) == {KEY: 1, "next": 1}


@pytest.mark.parametrize("fault", ["down", "429", "500"])
async def test_trouble_before_the_mail_was_taken_is_unavailable_and_the_same_key_may_be_tried_again(
    mailer: Mailer, sink: Sink, fault: str
) -> None:
    strike(sink, fault)
    with pytest.raises(Unavailable):
        await mailer.send(MAIL, key=KEY, at=AT)
    assert sink.mails == []
    assert (await mailer.send(MAIL, key=KEY, at=AT)).state == "accepted"
    assert counts(sink) == {KEY: 1}


async def test_a_slow_server_is_waited_for(mailer: Mailer, sink: Sink) -> None:
    strike(sink, "slow")
    assert (await mailer.send(MAIL, key=KEY, at=AT)).state == "accepted"


async def test_a_mailbox_that_is_busy_now_is_unavailable_and_not_refused(mailer: Mailer, sink: Sink) -> None:
    with pytest.raises(Unavailable, match="451"):
        await mailer.send(replace(MAIL, to="later@example.com"), key=KEY, at=AT)
    assert sink.mails == []


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    gone = Sink(Clock(AT))
    port = await gone.start()
    gone.stop()
    async with Mailer(at(port)) as mailer:
        with pytest.raises(Unavailable, match="no connection"):
            await mailer.send(MAIL, key=KEY, at=AT)


async def test_an_idle_connection_that_the_server_closed_costs_nobody_their_mail(mailer: Mailer, sink: Sink) -> None:
    await mailer.send(MAIL, key="first", at=AT)
    strike(sink, "down")
    assert (await mailer.send(MAIL, key="second", at=AT)).state == "accepted"
    assert counts(sink) == {"first": 1, "second": 1}


async def test_a_cancelled_mail_never_lends_its_answer_to_the_next_one(mailer: Mailer, sink: Sink) -> None:
    await mailer.send(MAIL, key="warm", at=AT)
    strike(sink, "slow")
    sending = asyncio.create_task(mailer.send(MAIL, key="cancelled", at=AT))
    await asyncio.sleep(0.1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    # On the same connection the late answer to the first mail would be read as the answer to this one's MAIL.
    assert (await mailer.send(MAIL, key="next", at=AT)).state == "accepted"
    assert counts(sink)["next"] == 1


async def test_refused_login_is_told_apart_from_a_refused_mail(sink: Sink) -> None:
    async with Mailer(at(await sink.start(), user="anna", password="wrong")) as mailer:
        with pytest.raises(Unauthorised):
            await mailer.send(MAIL, key=KEY, at=AT)
    assert sink.mails == []


async def test_the_right_login_sends(sink: Sink) -> None:
    async with Mailer(at(await sink.start(), user="anna", password="right")) as mailer:
        assert (await mailer.send(MAIL, key=KEY, at=AT)).state == "accepted"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own for 127.0.0.1, with its key, good for ten years around the test's day."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return file


def offering(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_out_encrypted(sink: Sink, certificate: Path, security: Security) -> None:
    port = await sink.start(tls=offering(certificate), at_once=security == "tls")
    async with Mailer(at(port, security, ca_file=str(certificate))) as mailer:
        assert (await mailer.send(MAIL, key=KEY, at=AT)).state == "accepted"
    assert counts(sink) == {KEY: 1}


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_certificate_stops_the_mail(sink: Sink, certificate: Path, security: Security) -> None:
    port = await sink.start(tls=offering(certificate), at_once=security == "tls")
    async with Mailer(at(port, security)) as mailer:
        with pytest.raises(Unavailable, match="not trusted: self-signed certificate"):
            await mailer.send(MAIL, key=KEY, at=AT)
    assert sink.mails == []


async def test_a_server_that_offers_no_tls_never_gets_the_mail_in_plain_text(sink: Sink) -> None:
    async with Mailer(at(await sink.start(), "starttls")) as mailer:
        with pytest.raises(Unavailable, match="STARTTLS extension not supported"):
            await mailer.send(MAIL, key=KEY, at=AT)
    assert sink.mails == []


@pytest.mark.parametrize(
    ("code", "text", "why"),
    [
        (550, "5.1.1 no such user", "bad_address"),
        (550, "5.2.1 mailbox disabled", "bad_address"),
        (552, "5.2.2 over quota", "unreachable"),
        (550, "5.7.1 rejected as spam", "blocked"),
        (550, "no such user here", "bad_address"),
        (554, "transaction failed", "other"),
        (550, "5.4.1 relay denied", "other"),
    ],
)
def test_a_permanent_refusal_is_read_by_its_enhanced_code_first(code: int, text: str, why: str) -> None:
    assert mapping.read_reply(code, text)[0] == why


async def test_the_control_paths_show_count_and_forget_mails(mailer: Mailer, sink: Sink) -> None:
    await mailer.send(MAIL, key=KEY, at=AT)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sink.app), base_url="http://sink") as control:
        assert (await control.get("/_sandbox/mail/effects")).json() == {"effects": [{"key": KEY, "count": 1}]}
        assert len((await control.get("/_sandbox/mail/messages")).json()["messages"]) == 1
        await control.post("/_sandbox/mail/faults", json={"call": "RCPT bo@", "fault": "429"})
        with pytest.raises(Unavailable):
            await mailer.send(MAIL, key="k2", at=AT)
        await control.delete("/_sandbox/mail/messages")
        assert (await control.get("/_sandbox/mail/messages")).json() == {"messages": []}

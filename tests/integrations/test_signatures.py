"""Signatures of every sender: the vendors' published vectors, rotation, the time window, and what must never raise."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.aftership import signature as aftership
from integrations.easypost import signature as easypost
from integrations.gorgias import signature as gorgias
from integrations.loop import signature as loop
from integrations.shopify import signature as shopify
from integrations.signing import WINDOW, Delivery, NotSigned, Secret, Verify
from integrations.standard import signature as standard
from integrations.stripe import signature as stripe
from integrations.twilio import signature as twilio
from integrations.zendesk import signature as zendesk

SHARED = Path(__file__).resolve().parents[3] / "shared"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BODY = b'{"topic":"label","ref":"https://example.com/a","label_status":"in_transit"}'
URL = "https://hooks.example.com/hooks/twilio/abc?x=1"
SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
"""Base64, so that it is a key for Standard Webhooks as well."""


def seal(secret: str, message: bytes, kind: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), message, kind).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def seconds(now: datetime) -> str:
    return str(int(now.timestamp()))


def sign_stripe(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    made = seal(secret, seconds(now).encode() + b"." + body).hex()
    return {"stripe-signature": f"t={seconds(now)},v1={'0' * 64},v1={made},v0=abc"}


def sign_zendesk(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {zendesk.HEADER: b64(seal(secret, time.encode() + body)), zendesk.TIME: time}


def sign_standard(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    made = hmac.new(base64.b64decode(secret), f"msg_1.{seconds(now)}.".encode() + body, "sha256").digest()
    return {"webhook-id": "msg_1", "webhook-timestamp": seconds(now), "webhook-signature": f"v1a,x v1,{b64(made)}"}


def sign_twilio(secret: str, _body: bytes, _now: datetime) -> dict[str, str]:
    return {twilio.HEADER: b64(seal(secret, (URL + "BodyHiFrom+1").encode(), "sha1"))}


def digest_in(header: str, before: str = "", hexadecimal: bool = False) -> Callable[..., dict[str, str]]:
    def sign(secret: str, body: bytes, _now: datetime) -> dict[str, str]:
        made = seal(secret, body)
        return {header: before + (made.hex() if hexadecimal else b64(made))}

    return sign


Scheme = tuple[Verify, Callable[[str, bytes, datetime], dict[str, str]]]
SCHEMES: dict[str, Scheme] = {
    "loop": (loop.verify, digest_in("x-loop-signature")),
    "shopify": (shopify.verify, digest_in("x-shopify-hmac-sha256")),
    "stripe": (stripe.verify, sign_stripe),
    "aftership tracking": (aftership.verify, digest_in("aftership-hmac-sha256")),
    "aftership returns": (aftership.verify, digest_in("as-signature-hmac-sha256")),
    "aftership shipping": (aftership.verify, digest_in("am-webhook-signature", "hmac-sha256=")),
    "easypost": (easypost.verify, digest_in("x-hmac-signature", "hmac-sha256-hex=", True)),
    "gorgias hex": (gorgias.verify, digest_in("x-gorgias-signature", "", True)),
    "gorgias prefixed": (gorgias.verify, digest_in("x-gorgias-signature", "sha256=", True)),
    "gorgias base64": (gorgias.verify, digest_in("x-gorgias-signature")),
    "zendesk": (zendesk.verify, sign_zendesk),
    "twilio": (twilio.verify, sign_twilio),
    "standard": (standard.verify, sign_standard),
}
TIMED = ("stripe", "zendesk", "standard")
EVERY = pytest.mark.parametrize("name", SCHEMES)


def delivery(headers: dict[str, str], body: bytes, **more: Any) -> Delivery:
    return Delivery("POST", more.pop("url", URL), headers, body, more)


def body_for(name: str) -> bytes:
    return b"From=%2B1&Body=Hi" if name == "twilio" else BODY


def one(value: str = SECRET, until: datetime | None = None) -> list[Secret]:
    return [Secret("key-1", value, until)]


@EVERY
def test_a_right_signature_names_its_secret(name: str) -> None:
    verify, sign = SCHEMES[name]
    body = body_for(name)
    assert verify(delivery(sign(SECRET, body, NOW), body), one(), NOW) == "key-1"


@EVERY
def test_another_body_or_another_secret_is_refused(name: str) -> None:
    verify, sign = SCHEMES[name]
    body = body_for(name)
    with pytest.raises(NotSigned):
        verify(delivery(sign(SECRET, body, NOW), body + b"&a=b"), one(), NOW)
    with pytest.raises(NotSigned):
        verify(delivery(sign(SECRET, body, NOW), body), one(SECRET[::-1]), NOW)


@EVERY
def test_while_a_secret_is_rotated_both_fit_and_the_old_one_only_until_its_end(name: str) -> None:
    verify, sign = SCHEMES[name]
    body, older = body_for(name), SECRET.swapcase()
    secrets = [Secret("new", SECRET), Secret("old", older, NOW + timedelta(seconds=1))]
    assert verify(delivery(sign(SECRET, body, NOW), body), secrets, NOW) == "new"
    assert verify(delivery(sign(older, body, NOW), body), secrets, NOW) == "old"
    later = NOW + timedelta(seconds=1)
    with pytest.raises(NotSigned):
        verify(delivery(sign(older, body, later), body), secrets, later)


@EVERY
def test_without_an_active_secret_nothing_passes(name: str) -> None:
    verify, sign = SCHEMES[name]
    body = body_for(name)
    for secrets in ([], one(""), one(SECRET, NOW)):
        with pytest.raises(NotSigned, match="no active secret"):
            verify(delivery(sign(SECRET, body, NOW), body), secrets, NOW)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("way", [1, -1])
def test_a_signed_time_is_bounded_in_the_past_and_in_the_future(name: str, way: int) -> None:
    verify, sign = SCHEMES[name]
    at_the_edge = NOW + way * WINDOW
    assert verify(delivery(sign(SECRET, BODY, at_the_edge), BODY), one(), NOW) == "key-1"
    beyond = at_the_edge + way * timedelta(seconds=1)
    with pytest.raises(NotSigned, match="too long ago" if way < 0 else "in the future"):
        verify(delivery(sign(SECRET, BODY, beyond), BODY), one(), NOW)


@pytest.mark.parametrize(
    "time", ["", "hello", " 1795351346 ", "+1795351346", "1795351346.9", "١٧٩٥٣٥١٣٤٦", "9" * 30, "-1"]
)
def test_only_plain_digits_are_a_time(time: str) -> None:
    made = seal(SECRET, time.encode() + b"." + BODY).hex()
    with pytest.raises(NotSigned):
        stripe.verify(delivery({"stripe-signature": f"t={time},v1={made}"}, BODY), one(), NOW)
    headers = sign_standard(SECRET, BODY, NOW) | {"webhook-timestamp": time}
    with pytest.raises(NotSigned):
        standard.verify(delivery(headers, BODY), one(), NOW)


HEADERS = sorted(
    {name for _, sign in SCHEMES.values() for name in sign(SECRET, BODY, NOW)} | {"svix-id", "svix-signature", "x-key"}
)
letters = st.text(st.characters(max_codepoint=255), max_size=80)
pieces = st.sampled_from(
    ["t=", "v1=", "v1,", ",", " ", "=", "sha256=", "hmac-sha256=", "hmac-sha256-hex=", "A===", "00"]
)
shaped = st.lists(st.one_of(pieces, letters, st.just(seconds(NOW)), st.just(b64(bytes(32)))), max_size=8).map("".join)


@given(
    name=st.sampled_from(sorted(SCHEMES)),
    headers=st.dictionaries(st.sampled_from(HEADERS), st.one_of(letters, shaped)),
    body=st.binary(max_size=200),
    url=st.one_of(st.just(URL), st.builds("https://h.example/x?bodySHA256={}".format, letters), st.text(max_size=60)),
)
def test_whatever_arrives_is_not_signed_and_raises_nothing_else(
    name: str, headers: dict[str, str], body: bytes, url: str
) -> None:
    options = {"php_form": "yes", "static_header": "X-Key"}
    with pytest.raises(NotSigned):
        SCHEMES[name][0](Delivery("POST", url, headers, body, options), one(), NOW)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_php_form_means_the_same_as_the_raw_body(document: Any) -> None:
    for text in (json.dumps(document, indent=1), json.dumps(document, ensure_ascii=False)):
        assert json.loads(loop.php_form(text.encode("utf-8", "replace"))) == json.loads(text.encode("utf-8", "replace"))


def test_the_php_form_is_tried_only_where_the_sender_is_set_to_it() -> None:
    body = b'{"url":\n"https:\\/\\/a/b"}'
    form = b'{"url":"https:\\/\\/a\\/b"}'
    headers = digest_in("x-loop-signature")(SECRET, form, NOW)
    with pytest.raises(NotSigned):
        loop.verify(delivery(headers, body), one(), NOW)
    assert loop.verify(delivery(headers, body, php_form="yes"), one(), NOW) == "key-1"


def test_a_static_header_of_gorgias_holds_the_secret_word_for_word() -> None:
    set_up = {"static_header": "X-Recoup-Key"}
    assert gorgias.verify(delivery({"x-recoup-key": SECRET}, BODY, **set_up), one(), NOW) == "key-1"
    for headers in ({"x-recoup-key": SECRET + "x"}, {"x-recoup-key": ""}, {"x-recoup-key": "é"}, {}):
        with pytest.raises(NotSigned):
            gorgias.verify(delivery(headers, BODY, **set_up), one(), NOW)
    with pytest.raises(NotSigned):
        gorgias.verify(delivery({"x-recoup-key": SECRET}, BODY), one(), NOW)
    with pytest.raises(NotSigned):
        gorgias.verify(delivery({"": SECRET}, BODY), one(), NOW)


def test_a_longer_id_before_a_shorter_body_is_not_the_same_event() -> None:
    body = b"22.rest"
    headers = sign_standard(SECRET, seconds(NOW).encode() + b".rest", NOW)
    moved = headers | {"webhook-id": f"msg_1.{seconds(NOW)}"}
    with pytest.raises(NotSigned):
        standard.verify(delivery(moved, b"rest"), one(), NOW)
    with pytest.raises(NotSigned):
        standard.verify(delivery(headers, body), one(), NOW)


def test_more_signatures_than_any_sender_lists_are_refused() -> None:
    made = sign_stripe(SECRET, BODY, NOW)["stripe-signature"] + f",v1={'0' * 64}" * 20
    with pytest.raises(NotSigned, match="more than"):
        stripe.verify(delivery({"stripe-signature": made}, BODY), one(), NOW)


TWILIO_TOKEN = "12345"
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}


@pytest.mark.parametrize(
    ("url", "form", "made"),
    [
        (TWILIO_URL, TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_URL.replace(".com", ".com:1234"), TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_URL, TWILIO_FORM, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (TWILIO_URL.replace("https", "http"), TWILIO_FORM, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (
            TWILIO_URL,
            [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_twilios_published_vectors_for_forms(url: str, form: Any, made: str) -> None:
    told = delivery({"x-twilio-signature": made}, urlencode(form).encode(), url=url)
    assert twilio.verify(told, one(TWILIO_TOKEN), NOW) == "key-1"


def test_twilios_published_vector_for_a_body_that_is_no_form() -> None:
    body = b'{"property": "value", "boolean": true}'
    url = f"{TWILIO_URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    assert twilio.verify(delivery(headers, body, url=url), one(TWILIO_TOKEN), NOW) == "key-1"
    with pytest.raises(NotSigned, match="another body"):
        twilio.verify(delivery(headers, body + b" ", url=url), one(TWILIO_TOKEN), NOW)


def test_the_label_example_of_loop_has_the_signatures_that_were_worked_out_for_it() -> None:
    body = (
        b'{"topic":"label","trigger":"label.updated","shop_id":"9876","return_id":"12345","order_id":"1234567890",'
        b'"provider_order_id":1029384756,"carrier":"USPS","tracking_number":"28735625627856237856287",'
        b'"label_status":"in_transit","label_updated_at":"2019-04-01T12:00:00+00:00"}'
    )
    secret = one("test-secret-not-real")
    digest, made = "9h5rSY/V17e0hwE1VgNpfvDjBWLqxhBnh0+PbBE3qz4=", base64.b64decode
    assert len(body) == 271
    assert loop.verify(delivery({"x-loop-signature": digest}, body), secret, NOW) == "key-1"
    assert shopify.verify(delivery({"x-shopify-hmac-sha256": digest}, body), secret, NOW) == "key-1"
    assert aftership.verify(delivery({"aftership-hmac-sha256": digest}, body), secret, NOW) == "key-1"
    of_easypost = {"x-hmac-signature": "hmac-sha256-hex=" + made(digest).hex()}
    assert easypost.verify(delivery(of_easypost, body), secret, NOW) == "key-1"
    at = datetime.fromtimestamp(1700000000, UTC)
    of_stripe = "t=1700000000,v1=d99d08e288c732d8124e151b7c06cc5b246a4092750e4e1149703c05602e6953"
    assert stripe.verify(delivery({"stripe-signature": of_stripe}, body), secret, at) == "key-1"


@shared
def test_easyposts_published_vector() -> None:
    body = (SHARED / "specs/easypost/webhooks/event-body.json").read_bytes().rstrip(b"\n")
    made = "hmac-sha256-hex=38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"
    assert easypost.verify(delivery({"x-hmac-signature": made}, body), one("sécret"), NOW) == "key-1"


def published() -> list[dict[str, Any]]:
    file = SHARED / "data/svix_vectors/vectors.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else []


@shared
@pytest.mark.parametrize("vector", published(), ids=lambda vector: vector["name"])
@pytest.mark.parametrize("brand", ["webhook", "svix"])
def test_the_published_vectors_of_standard_webhooks(vector: dict[str, Any], brand: str) -> None:
    names = ("id", "timestamp", "signature")
    headers = {f"{brand}-{name}": str(vector[name]) for name in names if name in vector}
    told = delivery(headers, vector["payload"].encode())
    at = datetime.fromtimestamp(vector["valid_at"], UTC)
    if vector["expect"] == "ok":
        assert standard.verify(told, one(vector["secret"]), at) == "key-1"
    else:
        with pytest.raises(NotSigned):
            standard.verify(told, one(vector["secret"]), at)


@pytest.mark.parametrize("length", range(24, 33))
def test_a_secret_of_standard_webhooks_needs_no_padding(length: int) -> None:
    key = bytes(range(length))
    padded = b64(key)
    headers = sign_standard(padded, BODY, NOW)
    for text in (padded, padded.rstrip("="), "whsec_" + padded, "whsec_" + padded.rstrip("=")):
        assert standard.verify(delivery(headers, BODY), one(text), NOW) == "key-1"

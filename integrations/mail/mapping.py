"""Our mails as RFC 5322 messages, and SMTP replies as our words: pure.

Nothing a customer's name or a template holds can become a header of its own: a control character in any header
field is refused by name. The Message-ID is made from the step's key, so the same step has the same Message-ID.
"""

import re
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from domain.messages import OutgoingMail, Refusal
from integrations.errors import Refused

VENDOR = "mail"
KEY_HEADER = "X-Recoup-Key"
HEADER_FIELDS = ("to", "to_name", "sender_name", "sender_email", "subject", "language", "reply_to", "in_reply_to")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


def write_message(mail: OutgoingMail, *, key: str, at: datetime) -> EmailMessage:
    """The mail as it goes out, dated `at`. Refused names the field that cannot stand in a header.

    Raises ValueError where the recipient's address has no valid form (`read_address` says why first).
    """
    for field in HEADER_FIELDS:
        _refuse_control(field, getattr(mail, field))
    _refuse_control("key", key)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(mail.sender_name, addr_spec=mail.sender_email)
    message["To"] = Address(mail.to_name, addr_spec=mail.to)
    if mail.reply_to:
        message["Reply-To"] = Address(addr_spec=mail.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(key, mail.sender_email)
    if mail.in_reply_to:
        message["In-Reply-To"] = mail.in_reply_to
        message["References"] = mail.in_reply_to
    message[KEY_HEADER] = key
    # Quoted-printable passes every relay unchanged, also those that know no 8 bit.
    message.set_content(mail.body, charset="utf-8", cte="quoted-printable")
    if mail.language:
        # After the content, because setting the content drops every header that begins with Content-.
        message["Content-Language"] = mail.language
    return message


def message_id(key: str, sender_email: str) -> str:
    """`<…@sender's domain>`, the same for the same key. A hash, because keys hold `/` and have any length."""
    domain = sender_email.rpartition("@")[2]
    return f"<recoup.{sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def address_fault(address: str) -> str:
    """Why this cannot be mailed to (in words without the address itself), or "" where it can."""
    if not address:
        return "there is no address"
    if _CONTROL.search(address) or " " in address:
        return "the address holds a space or a control character"
    if not address.isascii():
        return "the address is not ASCII; a domain in other letters needs its xn-- form"
    try:
        parsed = Address(addr_spec=address)
    except (ValueError, HeaderParseError, IndexError):
        return "the address has no valid form"
    return "" if parsed.username and "." in parsed.domain else "the address has no mailbox or no full domain"


def read_reply(code: int, text: str) -> tuple[Refusal, str]:
    """A permanent refusal (5xx) as our word and the code as the server counts it, e.g. `550 5.1.1` (RFC 3463)."""
    found = _ENHANCED.match(text)
    enhanced = found.group(1) if found else ""
    return _meaning(code, enhanced), f"{code} {enhanced}".strip()


def _meaning(code: int, enhanced: str) -> Refusal:
    group = enhanced.rpartition(".")[0]
    if group == "5.1":
        return "bad_address"
    if group == "5.2":
        # 5.2.1 is a mailbox that takes nothing any more; the rest are full or too large.
        return "bad_address" if enhanced == "5.2.1" else "unreachable"
    if group == "5.7":
        return "blocked"
    return "bad_address" if code in (550, 551, 553) and not enhanced else "other"


def _refuse_control(field: str, value: str) -> None:
    found = _CONTROL.search(value)
    if found:
        place = f"character {found.start() + 1} of {len(value)} is U+{ord(found.group()):04X}"
        error = Refused(VENDOR, "write", f"{field} holds a line break or control character: {place}; correct it")
        error.code = "control-character"
        raise error

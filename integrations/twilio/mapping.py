"""Twilio's messages to and from our words: pure, payload in and value out.

Shapes are those of Twilio's own description of API 2010-04-01. A number that cannot be texted is a value; the
vendor's texts are never repeated, because they contain the number.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from domain.messages import InboundText, Refusal, Sent
from integrations.fields import Damaged, need_text

VENDOR = "twilio"

REFUSALS: dict[str, tuple[Refusal, str]] = {
    "21211": ("bad_address", "the number is not a phone number"),
    "21217": ("bad_address", "the number does not look like a phone number"),
    "21265": ("bad_address", "a short code cannot be texted"),
    "21408": ("unreachable", "texts to this country are switched off in the account"),
    "21610": ("opted_out", "the recipient has opted out at the carrier or at Twilio"),
    "21612": ("unreachable", "the number cannot be reached from our number"),
    "21614": ("bad_address", "the number is not a mobile number"),
    "21635": ("bad_address", "the number is a landline"),
    "30003": ("unreachable", "the phone is off or unknown to its network"),
    "30004": ("blocked", "the recipient blocks texts"),
    "30005": ("bad_address", "the number is unknown or no longer in use"),
    "30006": ("bad_address", "the number is a landline or its carrier takes no texts"),
    "30007": ("blocked", "the carrier filtered the text"),
    "30008": ("unreachable", "the carrier gave no reason"),
    "30034": ("blocked", "our number is not registered for this traffic (A2P 10DLC)"),
}
"""Error codes about one recipient (twilio.com/docs/api/errors); every other code is about our request."""

UNDELIVERED = frozenset({"failed", "undelivered", "canceled"})


def read_sent(message: dict[str, Any]) -> Sent:
    """A Message resource as what became of it; Damaged where it has no `sid` or no `status`."""
    ref, status = need_text(message, "sid"), need_text(message, "status")
    if status not in UNDELIVERED:
        return Sent(ref=ref, state="accepted")
    return _refused(str(message.get("error_code") or ""), ref=ref, otherwise=f"the text was {status}")


def read_refusal(body: Any) -> tuple[str, Sent | None]:
    """The code of a 400 answer, and the value where the code is about the recipient rather than about us."""
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    return code, _refused(code, ref="", otherwise="") if code in REFUSALS else None


def read_inbound(message: dict[str, Any]) -> InboundText | None:
    """A text from a person to us, None for one of ours; Damaged names the field. No text (a picture) is ""."""
    if message.get("direction") != "inbound":
        return None
    return InboundText(
        ref=need_text(message, "sid"),
        sender=need_text(message, "from"),
        body=message.get("body") or "",
        at=written_at(message),
    )


def write_text(sender: str, to: str, body: str) -> dict[str, str]:
    """The form of POST Messages.json; `sender` is our number or a messaging service's id (`MG…`)."""
    return {"To": to, "MessagingServiceSid" if is_service(sender) else "From": sender, "Body": body}


def is_service(sender: str) -> bool:
    """True for a messaging service, which picks one of its numbers for each text."""
    return sender.startswith("MG")


def is_ours_to(message: dict[str, Any], to: str) -> bool:
    """True for a text of ours to this number, whatever became of it."""
    return message.get("direction") != "inbound" and message.get("to") == to


def same_body(message: dict[str, Any], body: str) -> bool:
    """True where the text says exactly this; space at the ends and kinds of line ends may be tidied.

    Damaged where the account hides bodies: then nobody can tell whether it is the same text.
    """
    theirs = message.get("body")
    if not theirs:
        raise Damaged("body: the account hides message bodies; switch redaction off")
    return _tidy(theirs) == _tidy(body)


def written_at(message: dict[str, Any]) -> datetime:
    """When the vendor made the message: `date_created`, which is there even before it is sent (RFC 2822)."""
    text = message.get("date_created") or message.get("date_sent")
    try:
        return parsedate_to_datetime(str(text)).astimezone(UTC)
    except (TypeError, ValueError) as error:
        raise Damaged("date_created: not a date as in RFC 2822") from error


def _refused(code: str, *, ref: str, otherwise: str) -> Sent:
    why, reason = REFUSALS.get(code, ("other", otherwise))
    return Sent(ref=ref, state="refused", why=why, code=code, reason=reason)


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip()

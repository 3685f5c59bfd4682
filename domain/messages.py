"""Messages: what is said to a person, through which channel, and what the channel answered.

Vendor-neutral values between decisions, policies and the vendors' folders. A number that cannot be texted
or a mailbox that does not exist is a value (`Sent.state == "refused"`), never an exception.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Refusal = Literal["opted_out", "bad_address", "unreachable", "blocked", "other"]
"""`opted_out`: the person said stop, at the vendor or the carrier. `bad_address`: no such number or mailbox.
`unreachable`: it exists and takes no message now or from us. `blocked`: a filter refused the text or us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """One plain-text mail to one person, signed by a real team member."""

    to: str
    """The recipient's address, e.g. `bo@example.com`."""
    to_name: str
    """Display name; may be empty."""
    sender_name: str
    sender_email: str
    """The address in From; its domain is also the domain of the Message-ID."""
    subject: str
    body: str
    """Plain text with `\\n` line ends; the whole text as the person reads it."""
    language: str
    """ISO 639-1 or BCP 47, e.g. `en` or `pt-BR`; becomes Content-Language."""
    reply_to: str = ""
    """Address for answers where it is not the sender's own."""
    in_reply_to: str = ""
    """Message-ID of the earlier mail of the same case, with its angle brackets, for threading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one mail or SMS: taken over by the vendor for delivery, or refused for good."""

    ref: str
    """The vendor's own reference: a Message-ID, an `SM…` id; empty where refused before one existed."""
    state: Literal["accepted", "refused"]
    why: Refusal | Literal[""] = ""
    """Why it was refused, in our words: what may be tried next depends on it."""
    code: str = ""
    """The same as the vendor counts its reasons, e.g. `21610` or `550 5.1.1`; for people, never for rules."""
    reason: str = ""
    """Why it was refused, as a person reads it; holds no personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundText:
    """An SMS that a person sent to us. `ref` is unique at the vendor, so it is handled once."""

    ref: str
    sender: str
    """E.164, e.g. `+12035550142`."""
    body: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDraft:
    """A helpdesk ticket to open, with its one first message.

    With `internal=True` that message is a note which only the team sees; else it is mailed to the customer
    from the person's own inbox (`sender_email`), which must be connected to the helpdesk.
    """

    customer_name: str
    customer_email: str
    subject: str
    body: str
    sender_email: str
    sender_name: str
    tags: tuple[str, ...] = ()
    language: str = ""
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketMessage:
    """One more mail to the customer on an open ticket, from the person's own inbox."""

    to_email: str
    to_name: str
    sender_email: str
    sender_name: str
    subject: str
    body: str
    internal: bool = False
    """True for a note which only the team sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as the helpdesk confirms it; `url` is where an agent opens it."""

    ref: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketState:
    """What happened on a ticket since we wrote: each of the three ends the automatic follow-up."""

    answered_at: datetime | None = None
    """When the customer first wrote after our first message, else None."""
    closed: bool = False
    taken_by: str = ""
    """The address or id of the team member who is assigned or who wrote by hand, else empty."""

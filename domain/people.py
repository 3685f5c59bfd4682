"""People: whom a message goes to and in whose name. Personal data lives in our tables, never in the ledger."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer. `id` is the payments vendor's customer id; the rest may be empty and is then not used."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    """E.164, e.g. `+12035550142`."""
    language: str = "en"
    country: str = ""
    """ISO 3166-1 alpha-2."""
    region: str = ""
    """State or province code, e.g. `CT`."""
    zone: str = ""
    """IANA zone where known; else it is derived from phone and address."""
    sms_consent: bool = False
    vip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A real team member with a working mailbox who agreed to be named (15 USC 7704(a)(1))."""

    id: str
    name: str
    email: str
    consent_on: str
    """ISO date of the consent."""
    left_on: str = ""
    """ISO date of the last day; from then on nothing is signed with this name."""
    away: tuple[tuple[str, str], ...] = ()
    """Absences as (first day, last day), ISO dates."""

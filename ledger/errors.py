"""What can go wrong with a posting. Whatever is raised or returned, nothing of that settlement was written.

LedgerError
├── BadEntry          the entry cannot be: zero amount, unreadable text, a day that does not fit
│   ├── Unbalanced        debits and credits differ in a currency
│   ├── UnknownAccount    not in the chart of accounts; the nearest names are given
│   └── ForbiddenAccount  this kind of entry may not touch that account
├── BadSettlement     the settlement contradicts itself
├── Conflict          the same key was booked with other content; the differing fields are named
├── AlreadyBooked     the vendor's reference was booked under another key
├── NotReversible     there is nothing (left) to take back
├── NoSuchStep        the key was never intended
├── StepClosed        the step ended as void or dropped; intend it again first
├── Rejected          the database refused the rows of this settlement
├── ReadOnly          the database cannot be written with these rights
├── Unavailable       busy, full or unreachable: try the same settlement again later (`retryable`)
└── WriterClosed      the writer was closed
"""

from collections.abc import Iterable


class LedgerError(Exception):
    """Nothing was written. `retryable` says whether the same settlement may be posted again as it is."""

    retryable = False


class BadEntry(LedgerError):
    """The entry cannot be booked as it is."""


class Unbalanced(BadEntry):
    """Debits and credits differ in a currency."""


class UnknownAccount(BadEntry):
    """The account is not in the chart."""


class ForbiddenAccount(BadEntry):
    """This kind of entry may not touch that account."""


class BadSettlement(LedgerError):
    """The settlement contradicts itself."""


class Conflict(LedgerError):
    """The key was booked before with other content; `fields` names what differs."""

    def __init__(self, key: str, fields: Iterable[str]) -> None:
        self.key = key
        self.fields = tuple(fields)
        super().__init__(
            f"{key} was booked before with other content: {', '.join(self.fields)} differ. "
            f"Nothing was booked again. See: recoup ledger trace {key}"
        )


class AlreadyBooked(LedgerError):
    """The vendor's reference was booked before under another key."""

    def __init__(self, key: str, vendor: str, vendor_ref: str, booked_as: str) -> None:
        self.key = key
        self.booked_as = booked_as
        super().__init__(
            f"{vendor} {vendor_ref} was booked before as {booked_as}; {key} was not booked. "
            f"See: recoup ledger trace {booked_as}"
        )


class NotReversible(LedgerError):
    """There is nothing, or nothing more, to take back."""


class NoSuchStep(LedgerError):
    """The key was never intended, and the settlement brings no new step."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} was never intended, so its outcome cannot be booked. Nothing was written. "
            "Intend the step first, or settle it with `new_step` where the vendor reported it by itself."
        )


class StepClosed(LedgerError):
    """The step ended as `void` or `dropped`: nothing was done under this key."""

    def __init__(self, key: str, state: str) -> None:
        super().__init__(f"{key} ended as {state}. Nothing was written. Intend the step again before settling it.")


class Rejected(LedgerError):
    """The database refused the rows of this settlement; the others of its batch were written."""


class ReadOnly(LedgerError):
    """The database cannot be written: a read-only file, a standby server or missing rights."""


class Unavailable(LedgerError):
    """Busy, full or unreachable. Nothing was written; the same settlement may be posted again."""

    retryable = True


class WriterClosed(LedgerError):
    """The writer was closed before this settlement reached it."""

"""What can go wrong with a vendor, by what we then know about the effect.

    VendorError
    ├── Unavailable    nothing happened: no connection, 429, 503 where a repeat is harmless; try later
    ├── NoAnswer       we do not know: timeout, dropped connection, 5xx; ask by our key, never repeat blindly
    ├── Refused        the vendor understood and will not: 4xx; a person or a new fact is needed
    │   └── Unauthorised   our credentials were refused: 401 or 403; every call would fail the same way
    └── Unreadable     an answer that is not what the vendor documents; treated as NoAnswer after an effect

A declined card or a rejected phone number is none of these: it is a value.
"""


class VendorError(Exception):
    """Something went wrong with a vendor; `vendor` and `call` name which and where."""

    def __init__(self, vendor: str, call: str, message: str) -> None:
        super().__init__(f"{vendor}: {call}: {message}")
        self.vendor = vendor
        self.call = call
        self.message = message


class Unavailable(VendorError):
    """Nothing happened at the vendor. It is safe to try the same key later."""

    retry_after_seconds: float = 0.0


class NoAnswer(VendorError):
    """The call may have had its effect. Only a look-up by our key may decide."""


class Refused(VendorError):
    """The vendor understood the request and will not do it; the message says why."""

    code: str = ""


class Unauthorised(Refused):
    """Our credentials were refused. Put the right key into the setting named in the message."""


class Unreadable(VendorError):
    """The answer has another shape than the vendor documents."""

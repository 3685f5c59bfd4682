"""Controlling the pretended vendors from outside of their process: the clock, a seed, faults, what they really did."""

from datetime import datetime
from typing import Any

import httpx

from integrations.sandbox import Addresses


class Control:
    """The control paths of one running set of pretended vendors; synchronous, for demos, tests and benchmarks."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._http = httpx.Client(base_url=addresses.url(), timeout=60)

    def clock(self, now: datetime) -> None:
        """Put all vendors' clock; what is scripted until then happens."""
        self._post("/_sandbox/clock", {"now": now.isoformat()})

    def seed(self, wanted: dict[str, Any]) -> None:
        """Add customers, renewals and replies: `{"stripe": …, "gorgias": …, "twilio": …}`."""
        self._post("/_sandbox/seed", wanted)

    def act(self, vendor: str, **action: Any) -> None:
        """Let something happen now, e.g. `act("stripe", renewal="in_1", do="pays")`."""
        self._post(f"/_sandbox/{vendor}/act", action)

    def post(self, path: str, body: Any) -> Any:
        """Any other control path."""
        return self._post(path, body)

    def fault(self, vendor: str, call: str, fault: str, *, times: int | None = 1, seconds: float = 30.0) -> None:
        """Make calls fail: `fault("stripe", "POST .*/pay", "500_after")`."""
        self._post(f"/_sandbox/{vendor}/faults", {"call": call, "fault": fault, "times": times, "seconds": seconds})

    def heal(self) -> None:
        """Take all faults away."""
        for vendor in ("stripe", "twilio", "gorgias", "loop", "shopify", "mail", "aftership", "easypost"):
            self._http.delete(f"/_sandbox/{vendor}/faults").raise_for_status()

    def effects(self, vendor: str) -> Any:
        """What the vendor really did."""
        return self._http.get(f"/_sandbox/{vendor}/effects").raise_for_status().json()

    def undelivered(self, vendor: str) -> int:
        """How many webhooks of the vendor are not finished: on their way, or to be tried again."""
        shown = self._http.get(f"/_sandbox/{vendor}/deliveries").raise_for_status().json()
        return int(shown["waiting"])

    def mails(self) -> Any:
        """Every mail that was taken."""
        return self._http.get("/_sandbox/mail/messages").raise_for_status().json()

    def reset(self) -> None:
        """Forget everything."""
        self._post("/_sandbox/reset", {})

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, path: str, body: Any) -> Any:
        answer = self._http.post(path, json=body)
        if answer.is_error:
            raise ValueError(f"the pretended vendors refused {path}: {answer.text}")
        return answer.json() if answer.content else None

"""What a decision is: a `Step` (one effect, with its key) or a `Hold` (with the reason a person reads).

Nothing happens without a decision that says why, and nothing is skipped without a reason that is stored.
Both are named tuples: a million are made in a run, and they never change.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """One effect that is due. `key` is derived from facts and is the same string everywhere."""

    key: str
    """`dunning/in_123/retry-1`: the vendor's idempotency key, the row in `steps`, the ledger's source key."""
    case: str
    action: str
    """`charge`, `mail`, `sms`, `hand_over`, `follow_up`, `person`, `close` or `note`: which task performs it."""
    rung: str
    """The rung of the ladder that this step takes, e.g. `mail-2`."""
    rule: str
    """The rule that asked for it, e.g. `D-07`; `recoup explain` and the plan print it."""
    reason: str
    message: str = ""
    """The name of the text under `policies/messages`, where the step says something."""
    sender: str = ""
    """The id of the team member in whose name it is said."""
    retry_on: str = ""
    """ISO date of the next planned charge, where a message may promise one; empty where none is planned."""
    outcome: str = ""
    """How the case ends, where the step closes it: `cancelled`, `superseded`, `written_off`, …"""


class Hold(NamedTuple):
    """Nothing is done for this case now, and why."""

    case: str
    rule: str
    reason: str
    until: str = ""
    """ISO date or UTC instant when the reason may be gone, or empty where only a new fact changes it."""
    person: bool = False
    """True where a person has to act; the case waits in their list and is never forgotten."""


Decision = Step | Hold

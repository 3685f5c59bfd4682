"""Tables of the refund operation: returns and labels as last read, decisions, money set aside, exposure, approvals.

The case itself is a row of `cases` with operation `refunds`, its id the label's (`loop-98765/label-4`).
"""

from sqlalchemy import CheckConstraint, Index, Table

from store.db import METADATA
from store.tables import text, whole

returns = Table(
    "returns",
    METADATA,
    text("id", primary_key=True),
    text("portal"),
    text("order_ref"),
    text("customer"),
    text("state"),
    text("body"),
    text("edited_at"),
    text("read_at"),
    Index("returns_by_order", "order_ref"),
    Index("returns_by_customer", "customer"),
    sqlite_strict=True,
)
"""Returns as last read from the portal. `body` is the whole value as JSON, without personal data."""

labels = Table(
    "labels",
    METADATA,
    text("case_id", primary_key=True),
    text("return_id"),
    text("tracking"),
    text("carrier"),
    text("made_at"),
    text("stage"),
    text("look_at"),
    text("changed_at"),
    whole("watched"),
    Index("labels_by_tracking", "tracking"),
    Index("labels_by_return", "return_id"),
    Index("labels_by_stage", "stage", "look_at"),
    CheckConstraint(
        "stage in ('made','scanned','waiting','approval','held','paid','never','ended')", name="labels_stage"
    ),
    sqlite_strict=True,
)
"""Every return label and how far its early refund is. `look_at`: when the sweep decides again, empty for never.
`watched`: the carrier feeds were asked to follow the number, for they tell of no other.
"""

decisions = Table(
    "decisions",
    METADATA,
    text("case_id", primary_key=True),
    text("at", primary_key=True),
    text("outcome"),
    text("rule"),
    text("reason"),
    text("currency"),
    whole("amount_minor"),
    whole("vip"),
    text("policy_version"),
    text("flow_run"),
    text("facts"),
    text("checks"),
    text("owner"),
    text("next_action"),
    Index("decisions_by_time", "at"),
    sqlite_strict=True,
)
"""Every decision with its inputs and each rule's result, as JSON; a repetition of the last one is not stored."""

commitments = Table(
    "commitments",
    METADATA,
    text("key", primary_key=True),
    text("case_id"),
    text("customer"),
    text("order_ref"),
    text("address"),
    text("card"),
    text("currency"),
    whole("minor"),
    text("at"),
    Index("commitments_by_time", "at"),
    Index("commitments_by_customer", "customer", "at"),
    Index("commitments_by_order", "order_ref"),
    Index("commitments_by_address", "address", "at"),
    Index("commitments_by_card", "card", "at"),
    sqlite_strict=True,
)
"""Money set aside for a refund, in the transaction of its intent; caps and budgets are sums over it.

It counts by the state of the step with the same key: `intended` and `unknown` is in flight, `done` is spent, and in
every other state nothing went out. So there is no second record of the outcome that could differ from the first.
"""

commitment_payments = Table(
    "commitment_payments",
    METADATA,
    text("payment", primary_key=True),
    text("key", primary_key=True),
    sqlite_strict=True,
)
"""Which payments of the payments vendor's a commitment is about: its events name no order of the shop's."""

exposures = Table(
    "exposures",
    METADATA,
    text("case_id", primary_key=True),
    text("line", primary_key=True),
    text("customer"),
    text("order_ref"),
    text("currency"),
    whole("minor"),
    whole("cost_minor"),
    text("cost_currency"),
    whole("quantity"),
    whole("received"),
    text("state"),
    text("opened_at"),
    text("due_on"),
    text("changed_at"),
    text("why"),
    text("next_action"),
    text("owner"),
    text("decided_by"),
    whole("changes"),
    Index("exposures_by_state", "state", "due_on"),
    Index("exposures_by_customer", "customer", "state"),
    Index("exposures_by_order", "order_ref"),
    CheckConstraint("state in ('open','reopened','received','lost','withdrawn')", name="exposures_state"),
    sqlite_strict=True,
)
"""Refunded and not yet received, line by line. `reopened` has a next action and an owner; `lost` is written off.

A line counts by the state of its refund's step, as a commitment does. `withdrawn`: the refund failed afterwards.
`changes` counts what happened to the line; the key of each booking about it is made of that number.
"""

approvals = Table(
    "approvals",
    METADATA,
    text("case_id", primary_key=True),
    text("asked_at", primary_key=True),
    text("rule"),
    text("reason"),
    text("currency"),
    whole("minor"),
    text("digest"),
    text("due_at"),
    text("decision"),
    text("decided_at"),
    text("decided_by"),
    text("channel"),
    text("note"),
    Index("approvals_waiting", "decision", "asked_at"),
    CheckConstraint("decision in ('','approved','rejected','withdrawn')", name="approvals_decision"),
    sqlite_strict=True,
)
"""What waits for a person's yes, and who said what when; `digest` is of the proposal that was shown."""

differences = Table(
    "differences",
    METADATA,
    text("id", primary_key=True),
    text("kind"),
    text("case_id"),
    text("subject"),
    text("said"),
    text("remedy"),
    text("owner"),
    text("first_seen"),
    text("last_seen"),
    text("resolved_at"),
    Index("differences_open", "resolved_at", "kind"),
    sqlite_strict=True,
)
"""Where portal, shop, payments and our books say different things; resolved when a later check finds them agreed."""

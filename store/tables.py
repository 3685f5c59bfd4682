"""The operational tables. Instants are fixed-width UTC text, days ISO text, money integer minor units.

Text and 64-bit integers only, so that SQLite's STRICT tables and PostgreSQL hold exactly the same bytes.
The migrations under `store/migrations` create them; a test compares both.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from store.db import METADATA

Whole = BigInteger().with_variant(Integer, "sqlite")


def text(name: str, **options: object) -> Column[str]:
    """A text column that is never null; empty where there is nothing to say."""
    return Column(name, Text, nullable=False, **options)  # type: ignore[arg-type]


def whole(name: str, **options: object) -> Column[int]:
    """A 64-bit integer column that is never null."""
    return Column(name, Whole, nullable=False, **options)  # type: ignore[arg-type]


people = Table(
    "people",
    METADATA,
    text("id", primary_key=True),
    text("name"),
    text("email"),
    text("phone"),
    text("language"),
    text("country"),
    text("region"),
    text("zone"),
    whole("sms_consent"),
    whole("vip"),
    text("seen_at"),
    sqlite_strict=True,
)
"""Customers as last heard of. The only table with personal data; forgetting a person empties their row."""

policy_versions = Table(
    "policy_versions",
    METADATA,
    text("stem", primary_key=True),
    text("version", primary_key=True),
    text("body"),
    text("first_used_at"),
    sqlite_strict=True,
)
"""Every policy text that ever decided something, by its version, so that running cases keep theirs."""

cases = Table(
    "cases",
    METADATA,
    text("id", primary_key=True),
    text("operation"),
    text("customer"),
    text("subscription"),
    text("state"),
    text("outcome"),
    text("opened_on"),
    text("closed_on"),
    text("failed_at"),
    text("currency"),
    whole("failed_minor"),
    whole("remaining_minor"),
    text("treatment"),
    text("decline_rule"),
    text("decline_code"),
    text("remedy"),
    text("not_before"),
    text("card"),
    text("card_failed"),
    text("network"),
    whole("auto_charge"),
    text("vendor_retry_on"),
    text("subscription_status"),
    text("pay_link"),
    text("trouble"),
    text("policy_version"),
    text("ticket"),
    text("answered_at"),
    text("source"),
    text("read_at"),
    Index("cases_by_state", "operation", "customer", "id"),
    Index("cases_by_customer", "customer"),
    sqlite_strict=True,
)
"""One row per failed renewal: the facts that a decision needs, as last read from the vendor.

`id` is the vendor's invoice id. `state` is `open`, `handed_over`, `person` or `closed`; `outcome` says how it
closed (`recovered`, `cancelled`, `voided`, `written_off`). `trouble` is why a person has it: `dispute`,
`revoked`, `chargeback`, `complaint`. `card` is the fingerprint of the card now on file, `card_failed` of the one
that was refused. `ticket` is the helpdesk's reference, `answered_at` when the customer wrote back. `source` is
`vendor` or the imported file's name.
"""

attempts = Table(
    "attempts",
    METADATA,
    text("id", primary_key=True),
    text("case_id"),
    text("customer"),
    text("card"),
    text("network"),
    text("at"),
    text("outcome"),
    whole("reached_network"),
    text("currency"),
    whole("amount_minor"),
    text("codes"),
    text("step_key"),
    Index("attempts_by_card", "card", "at"),
    Index("attempts_by_case", "case_id", "at"),
    sqlite_strict=True,
)
"""Every charge attempt of every actor, for the networks' budgets. `codes` is JSON, as the vendor sent them."""

steps = Table(
    "steps",
    METADATA,
    text("key", primary_key=True),
    text("operation"),
    text("case_id"),
    text("action"),
    text("rung"),
    text("state"),
    text("day"),
    text("rule"),
    text("reason"),
    text("message"),
    text("sender"),
    text("policy_version"),
    text("flow_run"),
    text("intended_at"),
    text("settled_at"),
    text("vendor"),
    text("vendor_ref"),
    text("currency"),
    whole("amount_minor"),
    text("detail"),
    whole("tries"),
    CheckConstraint("state in ('intended','done','refused','unknown','void','dropped')", name="steps_state"),
    Index("steps_by_case", "case_id"),
    Index("steps_open", "state", "intended_at"),
    Index("steps_by_ref", "vendor_ref"),
    Index("steps_by_action", "action", "settled_at"),
    sqlite_strict=True,
)
"""The life of every effect, by key.

`intended` is committed before the call. `done` and `refused` are the vendor's answers. `unknown`: no answer
came, the vendor has to be asked. `void`: the vendor was asked and never had it, so the same key may be intended
again. `dropped`: the last look before the call found that it was no longer due, and nothing was called.
"""

holds = Table(
    "holds",
    METADATA,
    text("case_id", primary_key=True),
    text("first_day", primary_key=True),
    text("rule"),
    text("reason"),
    text("last_day"),
    text("until"),
    whole("person"),
    whole("times"),
    sqlite_strict=True,
)
"""Every time nothing was done, and why: one row per unbroken run of days with the same reason."""

contacts = Table(
    "contacts",
    METADATA,
    text("key", primary_key=True),
    text("person"),
    text("channel"),
    text("purpose"),
    text("operation"),
    text("case_id"),
    text("state"),
    text("day"),
    text("at"),
    Index("contacts_by_person", "person", "day"),
    Index("contacts_by_case", "case_id"),
    sqlite_strict=True,
)
"""Every message: `reserved` with the intent, `sent` with the outcome, `released` where nothing went out."""

opt_outs = Table(
    "opt_outs",
    METADATA,
    text("person", primary_key=True),
    text("channel", primary_key=True),
    text("scope", primary_key=True),
    text("since"),
    text("source"),
    sqlite_strict=True,
)
"""Who does not want to hear from us: by channel (`mail`, `sms`, `all`) and scope (`dunning`, `marketing`, `all`)."""

quarantine = Table(
    "quarantine",
    METADATA,
    text("id", primary_key=True),
    text("source"),
    whole("line"),
    text("field"),
    text("reason"),
    text("raw"),
    text("at"),
    text("resolved_at"),
    sqlite_strict=True,
)
"""Input that could not be read: kept whole, with the reason, until it is mended and taken in again."""

runs = Table(
    "runs",
    METADATA,
    text("operation", primary_key=True),
    text("day", primary_key=True),
    text("flow_run", primary_key=True),
    text("started_at"),
    text("ended_at"),
    text("counts"),
    sqlite_strict=True,
)
"""One row per flow run, with what it did as JSON counts: the Prefect history is pruned, this is not."""

leases = Table(
    "leases",
    METADATA,
    text("name", primary_key=True),
    text("holder"),
    text("until"),
    sqlite_strict=True,
)
"""Short locks between processes, e.g. one run of an operation at a time; a dead holder's lease runs out."""

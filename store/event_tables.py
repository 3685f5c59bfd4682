"""Tables of what we hear: the inbox, parcels' scans, how far each poller has read, and what the watchdog saw.

The same rules as in `store.tables`: instants are fixed-width UTC text, money integer minor units, nothing is null.
"""

from sqlalchemy import CheckConstraint, Index, Table

from store.db import METADATA
from store.tables import text, whole

inbox = Table(
    "inbox",
    METADATA,
    text("id", primary_key=True),
    text("sender"),
    text("vendor"),
    text("operation"),
    text("topic"),
    text("identity"),
    text("state"),
    text("received_at"),
    text("not_before"),
    text("claimed_by"),
    text("claimed_until"),
    text("done_at"),
    whole("tries"),
    whole("deaths"),
    whole("copies"),
    text("outcome"),
    text("body"),
    text("encoding"),
    text("fingerprint"),
    whole("size"),
    text("secret"),
    text("purged_at"),
    CheckConstraint("state in ('waiting','claimed','done','failed','quarantined','unrouted')", name="inbox_state"),
    Index("inbox_by_state", "state", "operation", "not_before", "received_at"),
    Index("inbox_by_sender", "sender", "received_at"),
    sqlite_strict=True,
)
"""Every signed delivery, once. `id` is a hash of sender, topic and identity, so a second delivery meets the first.

`identity` is the vendor's event id, or what the event is about where the vendor has none. `claimed` rows belong to
`claimed_by` until `claimed_until`; then anybody may take them over. `failed` is tried again from `not_before` on.
`tries` counts claims, `deaths` those whose holder died or failed over it: such an event is taken with few others, then
alone, then not any more.
`quarantined` was signed and cannot be read. `unrouted`: no operation listens to it, kept all the same. `secret` is the
name of the secret that fitted, never the secret. `body` is emptied when it is purged; the `fingerprint` stays.
`encoding` is `utf-8`, `form` for a form's fields, or `base64` where the bytes are no text.
"""

scans = Table(
    "scans",
    METADATA,
    text("fingerprint", primary_key=True),
    text("tracking"),
    text("carrier"),
    text("source"),
    text("meaning"),
    text("at"),
    whole("physical"),
    text("country"),
    text("region"),
    text("city"),
    text("postal"),
    text("to_country"),
    text("to_postal"),
    text("words"),
    text("event"),
    text("heard_at"),
    Index("scans_by_tracking", "tracking", "at"),
    sqlite_strict=True,
)
"""Every checkpoint of every parcel, once whoever told it; one that fits no label yet waits here for its label."""

cursors = Table(
    "cursors",
    METADATA,
    text("name", primary_key=True),
    text("at"),
    sqlite_strict=True,
)
"""How far each poller has read: an instant, or the vendor's own mark."""

watches = Table(
    "watches",
    METADATA,
    text("sender", primary_key=True),
    text("checked_at"),
    whole("ok"),
    text("said"),
    text("remedy"),
    sqlite_strict=True,
)
"""What the watchdog saw last of each sender's subscription at the vendor."""

switches = Table(
    "switches",
    METADATA,
    text("operation", primary_key=True),
    whole("stopped"),
    text("at"),
    text("by"),
    text("reason"),
    sqlite_strict=True,
)
"""The kill switch of an operation: read in the transaction of every intent and again just before every call."""

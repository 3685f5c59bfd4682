"""Scans: every checkpoint of every parcel, once, whoever told it and however often. A scan never changes.

One that fits no label yet simply waits here: its label finds it by the tracking number.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import from_text, to_text
from domain.scans import Place, Scan
from store.event_tables import scans

GAINED = ("country", "region", "city", "postal", "to_country", "to_postal")


def remember(connection: Connection, heard: Sequence[Scan], at: datetime) -> set[str]:
    """Keep what was heard; return the tracking numbers of which something was new.

    A scan that is known already only gains what nobody had said of it yet, e.g. where the parcel goes.
    """
    rows = {scan.fingerprint: _row(scan, at) for scan in heard if scan.tracking}
    if not rows:
        return set()
    add = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(scans)
    more = {name: func.coalesce(func.nullif(scans.c[name], ""), add.excluded[name]) for name in GAINED}
    gained = or_(*((scans.c[name] == "") & (add.excluded[name] != "") for name in GAINED))
    kept = add.on_conflict_do_update(index_elements=[scans.c.fingerprint], set_=more, where=gained)
    # In the order of their keys, so that two runs that hear the same never wait for each other in a circle.
    ordered = [rows[fingerprint] for fingerprint in sorted(rows)]
    return {number for (number,) in connection.execute(kept.returning(scans.c.tracking), ordered)}


def of_numbers(connection: Connection, numbers: Iterable[str]) -> dict[str, tuple[Scan, ...]]:
    """All scans of these tracking numbers, oldest first; a number without one is left out."""
    chosen = select(scans).where(scans.c.tracking.in_(sorted(set(numbers)))).order_by(scans.c.at, scans.c.fingerprint)
    found: dict[str, list[Scan]] = defaultdict(list)
    for row in connection.execute(chosen):
        found[row.tracking].append(_scan(row))
    return {number: tuple(heard) for number, heard in found.items()}


def _row(scan: Scan, at: datetime) -> dict[str, Any]:
    return {
        "fingerprint": scan.fingerprint,
        "tracking": scan.tracking,
        "carrier": scan.carrier,
        "source": scan.source,
        "meaning": scan.meaning,
        "at": to_text(scan.at) if scan.at else "",
        "physical": int(scan.physical),
        "country": scan.place.country,
        "region": scan.place.region,
        "city": scan.place.city,
        "postal": scan.place.postal,
        "to_country": scan.destination.country,
        "to_postal": scan.destination.postal,
        "words": scan.words,
        "event": scan.event,
        "heard_at": to_text(at),
    }


def _scan(row: Row[Any]) -> Scan:
    return Scan(
        tracking=row.tracking,
        carrier=row.carrier,
        meaning=row.meaning,
        at=from_text(row.at) if row.at else None,
        source=row.source,
        physical=bool(row.physical),
        place=Place(row.country, row.region, row.city, row.postal),
        destination=Place(row.to_country, "", "", row.to_postal),
        words=row.words,
        event=row.event,
    )

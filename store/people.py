"""People: customers as last heard of, and what they do not want. The only place with personal data."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.instants import to_text
from domain.people import Person
from store.tables import opt_outs, people


def remember(connection: Connection, seen: Sequence[Person], at: datetime) -> None:
    """Write what the vendor says of these people now."""
    rows = [_row(person, to_text(at)) for person in {person.id: person for person in seen}.values()]
    if not rows:
        return
    add = _dialect(connection).insert(people)
    columns = ("name", "email", "phone", "language", "country", "region", "zone", "sms_consent", "vip", "seen_at")
    new = {name: add.excluded[name] for name in columns}
    connection.execute(add.on_conflict_do_update(index_elements=[people.c.id], set_=new), rows)


def set_vip(connection: Connection, vips: Mapping[str, bool]) -> None:
    """Note whether the shop counts these people as VIPs, as last decided."""
    change = update(people).where(people.c.id == bindparam("person")).values(vip=bindparam("is_vip"))
    if vips:
        connection.execute(change, [{"person": person, "is_vip": int(vip)} for person, vip in vips.items()])


def by_ids(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """People by id; unknown ids are left out."""
    found = connection.execute(select(people).where(people.c.id.in_(list(ids))))
    return {row.id: _person(row) for row in found}


def by_phone(connection: Connection, phone: str) -> list[Person]:
    """Everybody who has this number; several where a household shares it."""
    return [_person(row) for row in connection.execute(select(people).where(people.c.phone == phone))]


def opt_out(connection: Connection, person: str, channel: str, scope: str, source: str, at: datetime) -> None:
    """Remember that a person does not want messages: `channel` mail, sms or all; `scope` dunning, marketing or all."""
    row = {"person": person, "channel": channel, "scope": scope, "since": to_text(at), "source": source}
    connection.execute(_dialect(connection).insert(opt_outs).values(row).on_conflict_do_nothing())


def opt_outs_of(connection: Connection, ids: Iterable[str]) -> list[Row[Any]]:
    """Every opt-out of these people."""
    return list(connection.execute(select(opt_outs).where(opt_outs.c.person.in_(list(ids)))).all())


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite


def _row(person: Person, at: str) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "language": person.language,
        "country": person.country,
        "region": person.region,
        "zone": person.zone,
        "sms_consent": int(person.sms_consent),
        "vip": int(person.vip),
        "seen_at": at,
    }


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        language=row.language,
        country=row.country,
        region=row.region,
        zone=row.zone,
        sms_consent=bool(row.sms_consent),
        vip=bool(row.vip),
    )

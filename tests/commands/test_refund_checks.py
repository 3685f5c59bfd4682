"""What `recoup doctor` says of refunds and webhooks."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands import refund_checks
from commands.findings import Finding
from settings import Settings, load
from store import switches, watches
from store.db import transaction
from store.refund_tables import decisions
from tasks.database import open_database

BOTH = {"RECOUP_PORTAL__API_KEY": "k", "RECOUP_STOREFRONT__TOKEN": "t", "RECOUP_STOREFRONT__URL": "https://s.example",
        "RECOUP_REFUNDS__MOVER": "storefront", "RECOUP_REFUNDS__HOME_COUNTRY": "US"}  # fmt: skip
NOW = datetime.now(UTC)


def said(found: Sequence[Finding], status: str) -> str:
    return "; ".join(each.text for each in found if each.status == status)


def checked(settings: Settings) -> Sequence[Finding]:
    return asyncio.run(refund_checks.refunds(settings))  # type: ignore[arg-type]


def test_a_shop_without_returns_hears_nothing_of_them(tmp_path: Path) -> None:
    assert checked(load(env={}, home=tmp_path)) == []


def test_one_mover_with_its_key_is_well(tmp_path: Path) -> None:
    assert said(checked(load(env=BOTH, home=tmp_path)), "ok") == "one mover: storefront"


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"RECOUP_REFUNDS__MOVER": ""}, "warning", "no mover is chosen"),
        ({"RECOUP_REFUNDS__MOVER": "payments"}, "failure", "the mover is payments, and it has no key"),
        ({"RECOUP_STOREFRONT__TOKEN": ""}, "failure", "storefront.token is not set"),
        ({"RECOUP_REFUNDS__HOME_COUNTRY": ""}, "warning", "home_country"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, changed: dict[str, str], status: str, words: str) -> None:
    assert words in said(checked(load(env=BOTH | changed, home=tmp_path)), status)


def test_a_portal_that_pays_beside_our_mover_is_a_failure(tmp_path: Path) -> None:
    settings = load(env=BOTH, home=tmp_path)
    engine = open_database(settings)
    texts = dict.fromkeys(column.name for column in decisions.c)
    row = {name: 0 if name in ("amount_minor", "vip") else "" for name in texts}
    row |= {"case_id": "loop-1/label-2", "at": NOW.isoformat(), "outcome": "never", "rule": "S-04"}
    with transaction(engine) as connection:
        connection.execute(decisions.insert().values(row))
    assert "two could pay" in said(checked(settings), "failure")
    assert "two could pay" not in said(
        checked(load(env=BOTH | {"RECOUP_REFUNDS__MOVER": "portal"}, home=tmp_path)), "failure"
    )


def test_a_stop_is_not_forgotten(tmp_path: Path) -> None:
    settings = load(env=BOTH, home=tmp_path)
    with transaction(open_database(settings)) as connection:
        switches.put(connection, "refunds", stop=True, by="Mara", reason="a test", at=NOW)
    assert "stopped by Mara" in said(checked(settings), "warning")


def test_a_webhook_that_the_vendor_has_switched_off_is_seen(tmp_path: Path) -> None:
    settings = load(env=BOTH, home=tmp_path)
    with transaction(open_database(settings)) as connection:
        watches.put(
            connection, "loop", ok=False, said="return: deactivated", remedy="Switch it on", at=NOW - timedelta(1)
        )
    found = asyncio.run(refund_checks.webhooks(settings))  # type: ignore[arg-type]
    assert "loop: return: deactivated" in said(found, "warning")

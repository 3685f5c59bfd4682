"""The checks of `recoup doctor` on this machine: installation, settings, database, policies, safety, clock, disk."""

import asyncio
import platform
import shutil
import stat
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from cli import VERSION
from commands.findings import Finding, bad, ok, warn
from settings import LOOPBACK, Settings, is_set, last_four, masked, variable

OLDEST_PYTHON = (3, 11)
LEAST_FREE_GB = 1.0
GB = 1e9
CLOCK_MAY_DIFFER = timedelta(seconds=5)
NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb", "smb3", "fuse.sshfs", "9p")
PINS = {
    "sqlalchemy": ("2.1", "Prefect would never create a scheduled run"),
    "fastapi": ("0.150", "Prefect would not start"),
}
"""Versions that must not be reached, and what would happen: both were seen with Prefect 3.8.8."""


class Vendor(NamedTuple):
    """What has to be set before a vendor can be used; the secret is named by its last characters."""

    name: str
    keys: tuple[str, ...]
    secret: str


VENDORS = (
    Vendor("payments", ("payments.secret_key",), "secret_key"),
    Vendor("texts", ("texts.account_sid", "texts.auth_token", "texts.sender"), "auth_token"),
    Vendor("helpdesk", ("helpdesk.url", "helpdesk.user", "helpdesk.api_key"), "api_key"),
    Vendor("mail", ("mail.host",), "password"),
    Vendor("portal", ("portal.api_key",), "api_key"),
    Vendor("storefront", ("storefront.url", "storefront.token"), "token"),
)


async def installation(_: Settings) -> Sequence[Finding]:
    """Python and the packages whose wrong version breaks something quietly."""
    if sys.version_info < OLDEST_PYTHON:
        return [
            bad("installation", f"Python {platform.python_version()} is too old", "make clean setup with Python 3.11")
        ]
    try:
        prefect = version("prefect")
        wrong = [
            bad("installation", f"{name} {version(name)} is installed", "make clean setup", f"from {limit} on: {why}")
            for name, (limit, why) in PINS.items()
            if _number(version(name)) >= _number(limit)
        ]
    except PackageNotFoundError as error:
        return [bad("installation", f"{error.name} is not installed", "make clean setup")]
    return wrong or [ok("installation", f"recoup {VERSION}, Python {platform.python_version()}, Prefect {prefect}")]


async def settings_set(settings: Settings) -> Sequence[Finding]:
    """Which settings there are; a secret is named by its last four characters at most."""
    file = settings.file if settings.file.exists() else "no file"
    found = [
        ok(
            "settings",
            f"{settings.shop.name or 'no shop name'}, {settings.shop.time_zone}, home {settings.home}, {file}",
        )
    ]
    if not settings.shop.name:
        found.append(
            warn("settings", "shop.name is not set", f"Set {variable('shop.name')} or [shop] name in {settings.file}")
        )
    for vendor in VENDORS:
        missing = [key for key in vendor.keys if not is_set(settings, key)]
        if not missing:
            secret = last_four(getattr(getattr(settings, vendor.name), vendor.secret))
            found.append(ok("settings", f"{vendor.name}: set, {vendor.secret} {secret}"))
        else:
            ways = " and ".join(variable(key) for key in missing)
            text = f"{vendor.name}: {', '.join(missing)} not set"
            found.append(
                warn("settings", text, f"Set {ways}, or the keys in {settings.file}; recoup up --sandbox needs none")
            )
    return found


async def database(settings: Settings) -> Sequence[Finding]:
    """Reachable, migrated, guarded, and the head of the ledger is its last entry."""
    return await asyncio.to_thread(_database, settings)


async def policies(settings: Settings) -> Sequence[Finding]:
    """Every policy file can be read and agrees with the others."""
    from policies.load import inspect

    decides, findings = await asyncio.to_thread(inspect, settings.policies_dir)
    if findings:
        return [bad("policies", str(finding), "Mend the file; until then nothing runs") for finding in findings]
    return [ok("policies", f"dunning {decides}, every file read: {settings.policies_dir}")]


async def safety(settings: Settings) -> Sequence[Finding]:
    """What works and is unsafe: others can reach or read what they should not."""
    found = []
    if settings.prefect.host not in LOOPBACK and not is_set(settings, "prefect.auth_string"):
        text = f"Prefect listens on {settings.prefect.host} without a login"
        found.append(
            bad("safety", text, f"Set {variable('prefect.auth_string')}", "Anybody there can run every operation")
        )
    for path in (settings.file, settings.home / "recoup.db"):
        if path.exists() and (mode := _open_to_all(path)):
            found.append(bad("safety", f"{path} can be read by every user ({mode:o})", f"chmod 600 {path}"))
    if settings.database_url.startswith("sqlite") and (kind := _file_system(settings.home)) in NETWORK_FILE_SYSTEMS:
        text = f"SQLite lies on a network file system ({kind}), where its locks do not hold"
        found.append(bad("safety", text, f"Move {settings.home} to a local disk, or use PostgreSQL"))
    if settings.mail.security == "none" and settings.mail.host not in ("", *LOOPBACK):
        found.append(
            bad("safety", f"mails go to {settings.mail.host} unencrypted", f"Set {variable('mail.security')}=starttls")
        )
    return found or [ok("safety", "nothing unsafe found")]


async def clock(settings: Settings) -> Sequence[Finding]:
    """Whether this clock agrees with the payments vendor's, by the date in its answer."""
    from integrations.stripe import ADDRESS

    if not is_set(settings, "payments.secret_key"):
        return [ok("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z; compared once payments is set")]
    theirs = await asyncio.to_thread(_their_time, settings.payments.url or ADDRESS)
    if theirs is None:
        return [
            warn("clock", "could not be compared: the payments vendor sent no date", "recoup doctor --only payments")
        ]
    apart = abs(datetime.now(UTC) - theirs)
    if apart > CLOCK_MAY_DIFFER:
        return [
            bad("clock", f"{apart.total_seconds():.0f} s from the payments vendor's", "Set this machine's clock by NTP")
        ]
    return [ok("clock", f"within {CLOCK_MAY_DIFFER.total_seconds():.0f} s of the payments vendor's")]


async def disk(settings: Settings) -> Sequence[Finding]:
    """Room where the home folder lies."""
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free / GB
    if free < LEAST_FREE_GB:
        return [bad("disk", f"{free:.1f} GB free at {folder}", "Make room: a full disk stops every posting")]
    return [ok("disk", f"{free:.0f} GB free")]


def _database(settings: Settings) -> Sequence[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from store import schema
    from store.db import connect, reading

    where = masked(settings.database_url)
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    if settings.database_url.startswith("sqlite") and not file.exists():
        return [warn("database", f"not there yet: {where}", "recoup up or recoup run makes it")]
    engine = connect(settings.database_url)
    try:
        if unsafe := schema.check(engine):
            return [
                bad("database", text, "recoup up migrates; restore dropped guards from a backup") for text in unsafe
            ]
        with reading(engine) as connection:
            head = connection.exec_driver_sql("SELECT seq, hash FROM ledger_head WHERE id = 1").one()
            last = connection.exec_driver_sql("SELECT seq, hash FROM ledger_entries ORDER BY seq DESC LIMIT 1").first()
            cases = connection.exec_driver_sql(
                "SELECT count(*) FROM cases WHERE vendor_retry_on <> '' AND state = 'open'"
            ).scalar()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", "") or type(error).__name__).splitlines()[0]
        return [
            bad("database", f"cannot be read: {where}: {reason}", f"Check {variable('database_url')} and that it runs")
        ]
    finally:
        engine.dispose()
    if last is not None and tuple(last) != tuple(head):
        text = f"the ledger's head ({head[0]}) is not its last entry ({last[0]})"
        return [bad("database", text, "recoup ledger verify", "Rows were changed outside of recoup")]
    found = [ok("database", f"{where}, {head[0]} entries; recoup ledger verify proves them all")]
    if cases:
        text = f"the payments vendor itself plans retries for {cases} open cases"
        found.append(
            warn("database", text, "Switch the vendor's own retries off, or ours: one system should own a failure")
        )
    return found


def _open_to_all(path: Path) -> int:
    """The file's mode where every user of this machine can read it, else 0; a closed folder closes its files."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & stat.S_IROTH and path.parent.stat().st_mode & stat.S_IXOTH else 0


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _file_system(path: Path) -> str:
    """The kind of file system that holds the path, where Linux tells it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return ""
    holding = [(len(where), kind) for _, where, kind, *_ in mounts if path.is_relative_to(where)]
    return max(holding, default=(0, ""))[1]


def _their_time(address: str) -> datetime | None:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=1.5) as answer:
            header = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        header = error.headers.get("Date")
    except OSError:
        return None
    return parsedate_to_datetime(header) if header else None

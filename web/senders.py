"""Who may send us webhooks: the rows of `hooks.toml`, read, checked, and read again when the file changes.

A file that cannot be used changes nothing: the rows before it stay in force, and the reason is logged. A value is
never quoted, only its shape, because half of them are secrets. For writing the file see `web.sender_file`.
"""

import logging
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from integrations.senders import SENDERS
from integrations.signing import Secret
from settings_file import Problem, SettingsError, shape, suggestion

FILE_NAME: Final = "hooks.toml"
BODY_LIMIT: Final = 256 * 1024
LARGEST_BODY: Final = 5 * 1024 * 1024
MOST_SECRETS: Final = 2
SHORTEST_TENANT: Final = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{20,100}")
_KEYS = frozenset({"name", "vendor", "tenant", "body_limit", "shop_id", "options", "secret"})
_SECRET_KEYS = frozenset({"name", "value", "until"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SenderRow:
    """One sender. `tenant` is the part of the address nobody can guess; `shop_id` is who its events must be for."""

    name: str
    vendor: str
    tenant: str = field(repr=False)
    secrets: tuple[Secret, ...] = ()
    body_limit: int = BODY_LIMIT
    shop_id: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


class Configured(NamedTuple):
    """What the file says. `public_url` is how the world reaches the receiver, without a path; empty where not said."""

    public_url: str = ""
    rows: tuple[SenderRow, ...] = ()


def read(file: Path) -> Configured:
    """The file's rows; no rows where there is no file. SettingsError with every problem where it cannot be used."""
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return Configured()
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(Problem(str(file), "file", "can be read by others", f"chmod 600 {file}"))
    try:
        data = tomllib.loads(file.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        what = f"cannot be read ({type(error).__name__})"
        raise SettingsError(
            Problem(str(file), "file", what, "Mend it, or make it anew with recoup hooks add")
        ) from None
    problems = list(_problems(str(file), data))
    if problems:
        raise SettingsError(*problems)
    return Configured(data.get("public_url", "").rstrip("/"), tuple(_row(item) for item in data.get("sender", [])))


class Senders:
    """The rows in force, found by the hash of the tenant, and looked up again when the file has changed."""

    def __init__(self, file: Path, read_file: Callable[[Path], Configured] = read) -> None:
        """Reads the file; SettingsError where it cannot be used, because then nothing is in force yet."""
        self._file = file
        self._read = read_file
        self._seen = _version(file)
        self._take(read_file(file))

    def find(self, vendor: str, tenant: str) -> SenderRow | None:
        """The row of this address."""
        self._look_again()
        return self._by_address.get(_address(vendor, tenant))

    @property
    def rows(self) -> tuple[SenderRow, ...]:
        """All rows in force."""
        self._look_again()
        return self._configured.rows

    @property
    def public_url(self) -> str:
        """How the world reaches the receiver; empty where the file does not say."""
        return self._configured.public_url

    def _look_again(self) -> None:
        version = _version(self._file)
        if version == self._seen:
            return
        self._seen = version
        try:
            self._take(self._read(self._file))
            log.info("%s was read again: %d senders", self._file.name, len(self._configured.rows))
        except SettingsError as error:
            log.error("%s cannot be used, the senders before it stay in force: %s", self._file.name, error)

    def _take(self, configured: Configured) -> None:
        self._configured = configured
        self._by_address = {_address(row.vendor, row.tenant): row for row in configured.rows}


def _version(file: Path) -> tuple[int, int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _address(vendor: str, tenant: str) -> bytes:
    """Looked up by a hash, so that the time of a look-up tells nothing about how much of a guess was right."""
    return sha256(f"{vendor}\0{tenant}".encode("utf-8", "surrogatepass")).digest()


def _row(item: Mapping[str, Any]) -> SenderRow:
    secrets = tuple(Secret(each["name"], each["value"], each.get("until")) for each in item.get("secret", []))
    return SenderRow(
        item["name"],
        item["vendor"],
        item["tenant"],
        secrets,
        item.get("body_limit", BODY_LIMIT),
        item.get("shop_id", ""),
        item.get("options", {}),
    )


def _problems(where: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _strange(where, "", data, frozenset({"public_url", "sender"}))
    url = data.get("public_url", "")
    if not isinstance(url, str) or (url and not url.startswith(("https://", "http://"))):
        yield Problem(where, "public_url", f"is no address but {shape(url)}", 'Write "https://hooks.example.com"')
    rows = data.get("sender", [])
    if not isinstance(rows, list) or not all(isinstance(item, dict) for item in rows):
        yield Problem(where, "sender", f"is {shape(rows)}", "Begin each sender with [[sender]]")
        return
    for number, item in enumerate(rows, start=1):
        yield from _problems_of_row(where, f"sender {number}", item)
    for name in ("name", "tenant"):
        values = [item.get(name) for item in rows if isinstance(item.get(name), str)]
        if len(set(values)) < len(values):
            yield Problem(where, f"sender.{name}", "is the same for two senders", "Give each sender its own")


def _problems_of_row(where: str, key: str, item: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _strange(where, key, item, _KEYS)
    name, vendor, tenant = item.get("name"), item.get("vendor"), item.get("tenant")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Problem(where, f"{key}.name", f"is {shape(name)}", "Use small letters, digits, - and _, at most 40")
    if vendor not in SENDERS:
        yield Problem(where, f"{key}.vendor", "is not a sender we know", suggestion(str(vendor), SENDERS))
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        yield Problem(where, f"{key}.tenant", f"is {shape(tenant)}", "recoup hooks add makes one that nobody can guess")
    limit = item.get("body_limit", BODY_LIMIT)
    if type(limit) is not int or not 0 < limit <= LARGEST_BODY:
        yield Problem(where, f"{key}.body_limit", f"is {shape(limit)}", f"Write bytes, at most {LARGEST_BODY}")
    if not isinstance(item.get("shop_id", ""), str):
        yield Problem(where, f"{key}.shop_id", f"is {shape(item['shop_id'])}", "Write it as text, in quotes")
    options = item.get("options", {})
    known = SENDERS[vendor].options if isinstance(vendor, str) and vendor in SENDERS else frozenset()
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        yield Problem(where, f"{key}.options", "are not texts by name", 'Write options = { name = "value" }')
    else:
        yield from _strange(where, f"{key}.options", options, known)
    yield from _problems_of_secrets(where, f"{key}.secret", item.get("secret", []))


def _problems_of_secrets(where: str, key: str, secrets: Any) -> Iterator[Problem]:
    if not isinstance(secrets, list) or not all(isinstance(each, dict) for each in secrets):
        yield Problem(where, key, f"is {shape(secrets)}", "Begin each secret with [[sender.secret]]")
        return
    if len(secrets) > MOST_SECRETS:
        yield Problem(where, key, f"there are {len(secrets)}", f"Keep at most {MOST_SECRETS}, the newest first")
    for each in secrets:
        yield from _strange(where, key, each, _SECRET_KEYS)
        if not isinstance(each.get("name"), str) or not _NAME.fullmatch(each["name"]):
            yield Problem(where, f"{key}.name", f"is {shape(each.get('name'))}", "Name it, for example 2026-11")
        value = each.get("value")
        if not isinstance(value, str) or not value or value != value.strip():
            yield Problem(where, f"{key}.value", f"is {shape(value)}", "Write the secret as the sender shows it")
        until = each.get("until")
        if until is not None and (not isinstance(until, datetime) or until.tzinfo is None):
            yield Problem(where, f"{key}.until", f"is {shape(until)}", "Write an instant like 2026-12-01T00:00:00Z")


def _strange(where: str, key: str, item: Mapping[str, Any], known: frozenset[str]) -> Iterator[Problem]:
    for name in sorted(set(item) - known):
        yield Problem(where, f"{key}.{name}".strip("."), "is not read by anybody", suggestion(name, known))

"""Policy files to frozen values. Everything that is wrong in any file is said at once, as `PolicyErrors`.

What decides (ladders, limits, declines) has a version: a hash of its content, so that comments and layout do
not change it. `body` is kept in the database and gives the same value back, because running cases keep their
version. Who may sign, prices, quiet hours and sentences belong to no version: they count as they are today.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

from domain.contacts import QuietHours
from domain.declines import DeclineTable
from domain.dunning_policy import DunningPolicy
from domain.people import Sender
from policies.checks import check_ladder, check_messages_exist
from policies.costs import Costs, read_costs
from policies.declines import read_declines
from policies.findings import Finding, PolicyErrors
from policies.ladders import read_dunning, read_senders
from policies.messages import Messages, read_messages, read_register
from policies.quiet_hours import read_quiet_hours
from policies.reading import Table, read
from policies.refunds import inspect_refunds
from policies.wording import check_words

FOLDER = Path(__file__).parent
"""Where the shop's policies lie unless a setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """One version of the dunning policy: the ladders and limits, and what each decline means."""

    policy: DunningPolicy
    declines: DeclineTable
    version: str
    """Short hash of what decides, e.g. `d-4f2a91c0`."""
    body: str
    """The deciding content as canonical JSON; `load_body` makes the same value of it."""


def load_dunning(folder: Path = FOLDER) -> LoadedPolicy:
    """The dunning policy as the files are now. Raises PolicyErrors with every finding of the files it needs."""
    findings: list[Finding] = []
    loaded = _read_policy(folder, findings)
    _refuse(findings)
    return loaded


def load_body(body: str, senders: Mapping[str, Sender]) -> LoadedPolicy:
    """A kept version with the register of senders of today. Raises PolicyErrors where it cannot be read."""
    data = json.loads(body)
    findings: list[Finding] = []
    version = version_of(body)
    dunning = Table(data["dunning"], f"policy {version}", {}, findings)
    declines = Table(data["declines"], f"policy {version}", {}, findings)
    known = dict(senders)
    for name in _named_senders(data["dunning"]):
        # Somebody who is no longer in the register signs nothing, but the kept ladder still names them.
        known.setdefault(name, Sender(id=name, name="", email="", consent_on=""))
    policy, table = read_dunning(dunning, known, version), read_declines(declines)
    _refuse(findings)
    return LoadedPolicy(policy=policy, declines=table, version=version, body=body)


def load_senders(folder: Path = FOLDER) -> dict[str, Sender]:
    """Who may sign today. Raises PolicyErrors."""
    findings: list[Finding] = []
    senders = read_senders(read(folder / "senders.toml", findings))
    _refuse(findings)
    return senders


def load_costs(folder: Path = FOLDER) -> Costs:
    """The dated prices. Raises PolicyErrors."""
    findings: list[Finding] = []
    costs = read_costs(read(folder / "costs.toml", findings))
    _refuse(findings)
    return costs


def load_messages(folder: Path = FOLDER) -> Messages:
    """Every text in every language. Raises PolicyErrors, also for what a text says and must not."""
    findings: list[Finding] = []
    messages = _read_messages(folder, findings)
    _refuse(findings)
    return messages


def load_quiet_hours(folder: Path = FOLDER) -> QuietHours:
    """Hours, zones and the date of the revoke-all rule. Raises PolicyErrors."""
    findings: list[Finding] = []
    rules = _read_quiet_hours(folder, findings)
    _refuse(findings)
    assert rules is not None, "a missing rule is a finding"
    return rules


def inspect(folder: Path = FOLDER) -> tuple[str, tuple[Finding, ...]]:
    """The version that the files of dunning make, and everything that is wrong in any file."""
    findings: list[Finding] = []
    loaded = _read_policy(folder, findings)
    inspect_refunds(folder, findings)
    read_costs(read(folder / "costs.toml", findings))
    _read_messages(folder, findings)
    _read_quiet_hours(folder, findings)
    return loaded.version, tuple(dict.fromkeys(findings))


def version_of(body: str) -> str:
    """The version that a body has: eight hexadecimal digits of its hash."""
    return "d-" + blake2b(body.encode(), digest_size=4).hexdigest()


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise PolicyErrors(tuple(dict.fromkeys(findings)))


def _read_policy(folder: Path, findings: list[Finding]) -> LoadedPolicy:
    senders = read_senders(read(folder / "senders.toml", findings))
    dunning, declines = read(folder / "dunning.toml", findings), read(folder / "declines.toml", findings)
    body = _write_body(dunning.data, declines.data)
    version = version_of(body)
    policy, table = read_dunning(dunning, senders, version), read_declines(declines)
    if not findings:
        # A wrong number would make every check about it fail too; one cause, one finding.
        check_ladder(policy, dunning)
        check_messages_exist(dunning, read_register(read(folder / "messages.toml", findings)))
    return LoadedPolicy(policy=policy, declines=table, version=version, body=body)


def _read_messages(folder: Path, findings: list[Finding]) -> Messages:
    own: list[Finding] = []
    messages = read_messages(read(folder / "messages.toml", own), folder / "messages")
    findings += own or check_words(messages)
    return messages


def _read_quiet_hours(folder: Path, findings: list[Finding]) -> QuietHours | None:
    return read_quiet_hours(read(folder / "quiet_hours.toml", findings), read(folder / "area_codes.toml", findings))


def _write_body(dunning: Mapping[str, Any], declines: Mapping[str, Any]) -> str:
    data = {"dunning": dunning, "declines": declines}
    return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, default=_iso)


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a policy holds texts, numbers, dates and lists, not {type(value).__name__}")


def _named_senders(dunning: Mapping[str, Any]) -> set[str]:
    entries = [*dunning.get("messages", ()), dunning.get("follow_up", {})]
    return {name for entry in entries for name in entry.get("senders", ())}

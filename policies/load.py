"""Policy files to frozen values. Everything that is wrong in any file is said at once, as `PolicyErrors`.

What decides (ladders, limits, declines) has a version: a hash of its content, so that comments and layout do
not change it. `body` is kept in the database and gives the same value back, because running cases keep their
version. Who may sign, prices, quiet hours and sentences belong to no version: they count as they are today.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from policies.messages import Messages, read_messages
from policies.quiet_hours import read_quiet_hours
from policies.reading import Table, read
from policies.wording import check_words

FOLDER = Path(__file__).parent
"""Where the shop's policies lie unless a setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """One version of the dunning policy, and beside it what counts as it is today whatever the version."""

    policy: DunningPolicy
    declines: DeclineTable
    version: str
    """Short hash of what decides, e.g. `d-4f2a91c0`."""
    body: str
    """The deciding content as canonical JSON; `load_body` makes the same policy of it."""
    messages: Messages
    costs: Costs
    quiet_hours: QuietHours


def load_dunning(folder: Path = FOLDER) -> LoadedPolicy:
    """The dunning policy as the files are now. Raises PolicyErrors with every finding of every file."""
    loaded, findings = inspect_dunning(folder)
    if findings or loaded is None:
        raise PolicyErrors(findings)
    return loaded


def inspect_dunning(folder: Path = FOLDER) -> tuple[LoadedPolicy | None, tuple[Finding, ...]]:
    """The policy and what is wrong with it; the policy is None where it cannot be read."""
    findings: list[Finding] = []
    senders = read_senders(read(folder / "senders.toml", findings))
    dunning, declines = read(folder / "dunning.toml", findings), read(folder / "declines.toml", findings)
    messages = read_messages(read(folder / "messages.toml", findings), folder / "messages")
    costs = read_costs(read(folder / "costs.toml", findings))
    quiet_hours = read_quiet_hours(
        read(folder / "quiet_hours.toml", findings), read(folder / "area_codes.toml", findings)
    )
    body = _write_body(dunning.data, declines.data)
    version = version_of(body)
    policy, table = read_dunning(dunning, senders, version), read_declines(declines)
    if not findings:
        # A wrong number would make every check about it fail too; one cause, one finding.
        check_ladder(policy, dunning)
        check_messages_exist(dunning, messages)
        findings += check_words(messages)
    if findings or quiet_hours is None:
        return None, tuple(dict.fromkeys(findings))
    loaded = LoadedPolicy(
        policy=policy,
        declines=table,
        version=version,
        body=body,
        messages=messages,
        costs=costs,
        quiet_hours=quiet_hours,
    )
    return loaded, ()


def load_body(body: str, today: LoadedPolicy) -> LoadedPolicy:
    """A kept version, with the senders, texts, prices and hours of `today`. Raises PolicyErrors."""
    data = json.loads(body)
    findings: list[Finding] = []
    version = version_of(body)
    dunning = Table(data["dunning"], f"policy {version}", {}, findings)
    declines = Table(data["declines"], f"policy {version}", {}, findings)
    known = dict(today.policy.senders)
    for name in _named_senders(data["dunning"]):
        # Somebody who is no longer in the register signs nothing, but the kept ladder still names them.
        known.setdefault(name, Sender(id=name, name="", email="", consent_on=""))
    policy, table = read_dunning(dunning, known, version), read_declines(declines)
    if findings:
        raise PolicyErrors(tuple(findings))
    return replace(today, policy=policy, declines=table, version=version, body=body)


def version_of(body: str) -> str:
    """The version that a body has: eight hexadecimal digits of its hash."""
    return "d-" + blake2b(body.encode(), digest_size=4).hexdigest()


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

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

from domain.declines import DeclineTable
from domain.dunning_policy import DunningPolicy
from domain.people import Sender
from policies.checks import check_ladder
from policies.costs import Costs, read_costs
from policies.declines import read_declines
from policies.findings import Finding, PolicyErrors
from policies.ladders import read_dunning, read_senders
from policies.reading import Table, read

FOLDER = Path(__file__).parent
"""Where the shop's policies lie unless a setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """Everything that one version of the dunning policy says, with what counts as of today beside it."""

    policy: DunningPolicy
    declines: DeclineTable
    version: str
    """Short hash of what decides, e.g. `d-4f2a91c0`."""
    body: str
    """The deciding content as canonical JSON; `load_body` makes the same value of it."""


def load_dunning(folder: Path = FOLDER) -> LoadedPolicy:
    """The dunning policy as the files are now. Raises PolicyErrors with every finding of every file."""
    loaded, findings = inspect_dunning(folder)
    if findings or loaded is None:
        raise PolicyErrors(findings)
    return loaded


def inspect_dunning(folder: Path = FOLDER) -> tuple[LoadedPolicy | None, tuple[Finding, ...]]:
    """The policy and what is wrong with it; the policy is None where a file cannot be read at all."""
    findings: list[Finding] = []
    senders = read_senders(read(folder / "senders.toml", findings))
    dunning = read(folder / "dunning.toml", findings)
    declines = read(folder / "declines.toml", findings)
    if not dunning.data or not declines.data:
        return None, tuple(findings)
    body = _write_body(dunning.data, declines.data)
    loaded = _build(dunning, declines, senders, body)
    if not findings:
        # A wrong number would make every check about it fail too; one cause, one finding.
        check_ladder(loaded.policy, dunning)
    return loaded, tuple(dict.fromkeys(findings))


def load_senders(folder: Path = FOLDER) -> dict[str, Sender]:
    """The register of senders as it is now. Raises PolicyErrors."""
    findings: list[Finding] = []
    senders = read_senders(read(folder / "senders.toml", findings))
    if findings:
        raise PolicyErrors(tuple(findings))
    return senders


def load_costs(folder: Path = FOLDER) -> Costs:
    """The prices as they are now. Raises PolicyErrors."""
    findings: list[Finding] = []
    costs = read_costs(read(folder / "costs.toml", findings))
    if findings:
        raise PolicyErrors(tuple(findings))
    return costs


def load_body(body: str, senders: Mapping[str, Sender]) -> LoadedPolicy:
    """A kept version with the register of senders of today. Raises PolicyErrors where the body cannot be read."""
    data = json.loads(body)
    findings: list[Finding] = []
    version = version_of(body)
    dunning = Table(data["dunning"], f"policy {version}", {}, findings)
    declines = Table(data["declines"], f"policy {version}", {}, findings)
    known = dict(senders)
    for name in _named_senders(data["dunning"]):
        # Somebody who is no longer in the register signs nothing, but the kept ladder still names them.
        known.setdefault(name, Sender(id=name, name="", email="", consent_on=""))
    loaded = _build(dunning, declines, known, body)
    if findings:
        raise PolicyErrors(tuple(findings))
    return loaded


def version_of(body: str) -> str:
    """The version that a body has: eight hexadecimal digits of its hash."""
    return "d-" + blake2b(body.encode(), digest_size=4).hexdigest()


def _build(dunning: Table, declines: Table, senders: Mapping[str, Sender], body: str) -> LoadedPolicy:
    version = version_of(body)
    return LoadedPolicy(
        policy=read_dunning(dunning, senders, version),
        declines=read_declines(declines),
        version=version,
        body=body,
    )


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

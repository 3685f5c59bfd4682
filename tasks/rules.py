"""The rules in force: today's policy files, and every version that a running case keeps.

What decides has versions; senders, prices, daytimes and sentences count as they are today.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from domain.contacts import QuietHours
from domain.people import Sender
from policies.costs import Costs
from policies.load import (
    LoadedPolicy,
    load_body,
    load_costs,
    load_dunning,
    load_messages,
    load_quiet_hours,
    load_senders,
)
from policies.messages import Messages
from policies.refunds import LoadedRefunds, load_refunds
from store import policy_versions
from store.db import reading, transaction

STEM, REFUNDS = "dunning", "refunds"


@dataclass(slots=True)
class Rules:
    """What the policy files say now, and the kept versions, read when they are first asked for."""

    engine: Engine
    now: LoadedPolicy
    senders: dict[str, Sender]
    costs: Costs
    messages: Messages
    quiet_hours: QuietHours
    refunds: LoadedRefunds
    kept: dict[str, LoadedPolicy] = field(default_factory=dict)

    def of(self, version: str) -> LoadedPolicy:
        """The policy with this version; today's where it was never kept."""
        if version == self.now.version:
            return self.now
        if version not in self.kept:
            with reading(self.engine) as connection:
                stored = policy_versions.bodies(connection, STEM, [version])
            self.kept[version] = load_body(stored[version], self.senders) if version in stored else self.now
        return self.kept[version]

    def remember(self, at: datetime) -> None:
        """Keep today's version, so that cases opened with it can be decided by it for ever."""
        with transaction(self.engine) as connection:
            policy_versions.remember(connection, STEM, self.now.version, self.now.body, at)
            policy_versions.remember(connection, REFUNDS, self.refunds.version, self.refunds.body, at)


def load_rules(engine: Engine, folder: Path) -> Rules:
    """Read all policy files. Raises PolicyErrors with every finding."""
    return Rules(
        engine=engine,
        now=load_dunning(folder),
        senders=load_senders(folder),
        costs=load_costs(folder),
        messages=load_messages(folder),
        quiet_hours=load_quiet_hours(folder),
        refunds=load_refunds(folder),
    )

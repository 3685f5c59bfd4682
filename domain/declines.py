"""What a refused card means: raw codes of a refusal and a dated table in, one treatment with its rule out. Pure.

Order of belief: a final entry (a revocation before all others), the network's advice, the vendor's advice, the
vendor's decline code; an exact word before a vague one. A code that is in no list is cautious and reported.
The codes themselves are data in `policies/declines.toml`; none is named here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.payments import DeclineCodes

TREATMENTS = ("wait", "soon", "cautious", "fix", "never", "revoked", "ours")
"""try in days · try in hours · few tries · the customer must act · never on this card · a person · our own fault."""

RETRYING = frozenset({"wait", "soon", "cautious"})
"""The treatments under which the same card is charged again."""

REMEDIES = ("", "new_card", "add_card", "check_details", "authenticate", "call_bank")
"""What the customer is asked to do; it chooses the sentence in a message, never the reason that is told."""

ANY = "any"
EVERY_OTHER = "*"
"""As a code: every one that the network's table does not list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRule:
    """What one or more codes mean, from `since` until the day before `until` (ISO dates, empty for open)."""

    id: str
    treatment: str
    reason: str
    wait_hours: int = 0
    """Hours before which the network does not want another try."""
    remedy: str = ""
    reveal: bool = True
    """False where the reason must never be told to the customer."""
    final: bool = False
    """True where no other word may loosen it."""
    vague: bool = False
    """True where it says nothing by itself, so that a more exact word decides."""
    keeps_timing: bool = False
    """True where it only allows a later try, so that an exact code that allows one too says when."""
    with_codes: frozenset[str] = frozenset()
    """Only together with one of these network response codes."""
    since: str = ""
    until: str = ""

    def valid(self, day: str) -> bool:
        """Whether the entry counts on the ISO date `day`."""
        return self.since <= day and (not self.until or day < self.until)


Entries = Mapping[str, tuple[DeclineRule, ...]]
"""By code, all dated versions of what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineTable:
    """Every known code of one version of the policy."""

    blocked: DeclineRule
    unknown: DeclineRule
    decline_codes: Entries = field(default_factory=dict)
    vendor_advice: Entries = field(default_factory=dict)
    network_codes: Mapping[str, Entries] = field(default_factory=dict)
    """By network, then by response code."""
    network_advice: Mapping[str, Entries] = field(default_factory=dict)
    """By network, then by advice code; `any` is for networks without a table of their own."""

    def rule(self, id: str) -> DeclineRule | None:
        """The entry with this id, e.g. to find the remedy of a case that stores `C-20`; None where there is none."""
        return next((rule for rule in self.rules() if rule.id == id), None)

    def rules(self) -> Iterable[DeclineRule]:
        """Every entry, once for each of its codes."""
        tables = (*self.network_codes.values(), *self.network_advice.values())
        yield from (self.blocked, self.unknown)
        for entries in (self.decline_codes, self.vendor_advice, *tables):
            for rules in entries.values():
                yield from rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What to do about a refusal, and which entry of the table says so."""

    treatment: str
    rule: str
    reason: str
    code: str
    """The raw code that decided, as the vendor sent it; empty where no code came."""
    wait_hours: int
    known: bool
    """False where at least one code is in no list: it is reported, so that the table can grow."""
    reveal: bool
    """False where any of the codes must not be told to the customer."""
    remedy: str
    unknown_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """One signal of the refusal and the entry that it matched."""

    by: str
    code: str
    rule: DeclineRule


def classify(codes: DeclineCodes, table: DeclineTable, on: date) -> Classified:
    """The treatment of a refusal on a day, by the entries that were valid then."""
    said, unknown = _match(codes, table, on.isoformat())
    winner = _final(said) or _blocked(codes, said, table) or _believed(said)
    if winner is None:
        winner = _Said(by="", code=codes.code, rule=table.unknown)
    rule = winner.rule
    return Classified(
        treatment=rule.treatment,
        rule=rule.id,
        reason=rule.reason,
        code=winner.code,
        wait_hours=_wait_hours(winner, said),
        known=rule is not table.unknown and not unknown,
        reveal=all(one.rule.reveal for one in said) and rule.reveal,
        remedy=rule.remedy,
        unknown_codes=unknown,
    )


def _match(codes: DeclineCodes, table: DeclineTable, day: str) -> tuple[list[_Said], tuple[str, ...]]:
    """The signals that the table knows, most trusted first, and the codes it does not know."""
    network, response = codes.network.strip().lower(), _network_code(codes.network_code)
    advice_table = table.network_advice.get(network) or table.network_advice.get(ANY, {})
    response_table = table.network_codes.get(network, {})
    asked = (
        ("network advice", _network_code(codes.network_advice), advice_table),
        ("network code", response if response_table else "", response_table),
        ("vendor advice", codes.advice.strip().lower(), table.vendor_advice),
        ("decline code", codes.code.strip().lower(), table.decline_codes),
    )
    said, unknown = [], []
    for by, code, entries in asked:
        rule = _lookup(entries, code, response, day) if code else None
        if rule:
            said.append(_Said(by=by, code=code, rule=rule))
        elif code:
            unknown.append(code)
    return said, tuple(unknown)


def _network_code(text: str) -> str:
    """`5` and `05` are one code, and so are `1a` and `1A`."""
    code = text.strip().upper()
    return code.zfill(2) if code else ""


def _lookup(entries: Entries, code: str, response: str, day: str) -> DeclineRule | None:
    """The valid entry for a code; one that asks for this response code before one that asks for none."""
    valid = [rule for rule in entries.get(code) or entries.get(EVERY_OTHER, ()) if rule.valid(day)]
    narrow = [rule for rule in valid if response in rule.with_codes]
    return next(iter(narrow), None) or next((rule for rule in valid if not rule.with_codes), None)


def _final(said: list[_Said]) -> _Said | None:
    final = [one for one in said if one.rule.final]
    revoked = [one for one in final if one.rule.treatment == "revoked"]
    return next(iter(revoked or final), None)


def _blocked(codes: DeclineCodes, said: list[_Said], table: DeclineTable) -> _Said | None:
    """A blocked try is never repeated; where the codes forbid it as well, they say more exactly why."""
    if not codes.blocked:
        return None
    believed = _believed(said)
    if believed and believed.rule.treatment not in RETRYING:
        return believed
    return _Said(by="blocked", code=codes.code, rule=table.blocked)


def _believed(said: list[_Said]) -> _Said | None:
    """The most trusted signal. A network's response code speaks for itself only where no exact word came."""
    order = {"network advice": 0, "vendor advice": 1, "decline code": 2, "network code": 3}
    ranked = sorted(said, key=lambda one: (one.rule.vague, order[one.by]))
    if not ranked:
        return None
    first, exact = ranked[0], [one for one in ranked[1:] if not one.rule.vague]
    if first.rule.keeps_timing:
        return next((one for one in exact if one.rule.treatment in RETRYING), first)
    return first


def _wait_hours(winner: _Said, said: list[_Said]) -> int:
    """The network's own delay where it named one, else the longest that any code asks for."""
    if winner.rule.treatment not in RETRYING:
        return 0
    if winner.by == "network advice":
        return winner.rule.wait_hours
    return max((one.rule.wait_hours for one in said), default=0)

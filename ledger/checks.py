"""Proof of the books: every entry again, from the first to the last, against everything that is kept of it.

Reads in pages, so memory does not grow with the books. Names the first row that is wrong and counts the others: a
changed amount shows in its entry, in the balance and in the roll-up, and is still one cause.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from ledger import hashing

PAGE: Final = 2000
ROW: Final = ", ".join((*hashing.COVERED, "hash"))
EFFECTIVE_ON: Final = hashing.COVERED.index("effective_on")
COHORT: Final = hashing.COVERED.index("belongs_to")

Sums = dict[tuple[str, str, str, str], list[int]]


class Finding(NamedTuple):
    """One thing that is wrong."""

    seq: int
    """The entry's sequence number; 0 where the roll-up or the head is wrong and no entry is."""
    source_key: str
    what: str
    """The group of fields: `sequence`, `postings`, `content`, `chain`, `head` or `roll-up`."""
    expected: str
    """The hash, number or amount that the books prove."""
    found: str
    message: str


class Verification(NamedTuple):
    """What a verification saw. `first` is None where the books prove themselves."""

    entries: int
    postings: int
    head: str
    """The hash of the last entry."""
    first: Finding | None
    further: int
    """Findings after the first, most of them its effects."""

    @property
    def proven(self) -> bool:
        """True where nothing is wrong."""
        return self.first is None


def verify(connection: Connection) -> Verification:
    """Check balance, sequence, chain, head and roll-up. The connection should hold one snapshot throughout."""
    return _report(connection, _Proof())


class _Proof:
    """What is carried from one entry to the next."""

    def __init__(self) -> None:
        self.seq, self.hash = 0, hashing.GENESIS
        self.entries = self.postings = self.further = 0
        self.first: Finding | None = None
        self.sums: Sums = {}

    def note(self, finding: Finding | None) -> None:
        if finding is not None and self.first is None:
            self.first = finding
        elif finding is not None:
            self.further += 1

    def take(self, row: Sequence[Any], lines: Sequence[Any]) -> None:
        """Check one entry: at most one finding, and the chain goes on from the hash that the row states."""
        self.note(_entry_finding(row, lines, self.seq, self.hash))
        self.seq, self.hash = row[0], row[-1]
        self.entries += 1
        self.postings += len(lines)
        month, cohort = row[EFFECTIVE_ON][:7], row[COHORT]
        for account, minor, currency in lines:
            total = self.sums.setdefault((account, month, currency, cohort), [0, 0])
            total[0] += minor
            total[1] += 1 if minor > 0 else -1


def _report(connection: Connection, proof: _Proof) -> Verification:
    for row, lines in read_entries(connection):
        proof.take(row, lines)
    for finding in (
        *_orphans(connection, proof.postings),
        *_head_findings(connection, proof),
        *_rollup_findings(connection, proof),
    ):
        proof.note(finding)
    return Verification(proof.entries, proof.postings, proof.hash, proof.first, proof.further)


def read_entries(connection: Connection) -> Iterator[tuple[Any, list[Any]]]:
    """All entries in sequence: (the columns of `hashing.COVERED` and the hash, [(account, minor, currency), …])."""
    last = -(2**63)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    page = f"SELECT {ROW} FROM ledger_entries WHERE seq > {mark} ORDER BY seq LIMIT {PAGE}"
    lines = (
        "SELECT seq, account, minor, currency FROM ledger_postings "
        f"WHERE seq BETWEEN {mark} AND {mark} ORDER BY seq, line"
    )
    while rows := connection.exec_driver_sql(page, (last,)).fetchall():
        by_seq: dict[int, list[Any]] = {}
        for seq, *posting in connection.exec_driver_sql(lines, (rows[0][0], rows[-1][0])):
            by_seq.setdefault(seq, []).append(posting)
        for row in rows:
            yield row, by_seq.get(row[0], [])
        last = rows[-1][0]


def _entry_finding(row: Sequence[Any], lines: Sequence[Any], last_seq: int, last_hash: str) -> Finding | None:
    seq, key, stated = row[0], row[1], row[-1]
    if seq != last_seq + 1:
        message = f"entries {last_seq + 1} to {seq - 1} are missing before {seq} ({key})"
        return Finding(seq, key, "sequence", str(last_seq + 1), str(seq), message)
    if row[-2] != last_hash:
        message = f"entry {seq} ({key}) was chained to another entry {last_seq} than the one that stands there"
        return Finding(seq, key, "chain", row[-2], last_hash, message)
    try:
        computed = hashing.digest(row[:-1], lines)
    except ValueError as error:
        return Finding(seq, key, "content", stated, "", f"entry {seq} ({key}): {error}")
    difference = _difference(lines)
    if computed != stated:
        group = "postings" if difference else "content"
        message = f"entry {seq} ({key}) is not what was booked: its {group} were changed{difference}"
        return Finding(seq, key, group, stated, computed, message)
    if difference:
        return Finding(seq, key, "postings", "0", difference, f"entry {seq} ({key}) does not balance{difference}")
    return None


def _difference(lines: Sequence[Any]) -> str:
    if not lines:
        return "; it has no postings"
    sums: dict[str, int] = {}
    for _, minor, currency in lines:
        sums[currency] = sums.get(currency, 0) + minor
    return "".join(f"; off by {sums[currency]} minor units of {currency}" for currency in sums if sums[currency])


def _orphans(connection: Connection, seen: int) -> Iterator[Finding]:
    if connection.exec_driver_sql("SELECT COUNT(*) FROM ledger_postings").scalar() == seen:
        return
    rows = connection.exec_driver_sql(
        "SELECT DISTINCT p.seq FROM ledger_postings p LEFT JOIN ledger_entries e ON e.seq = p.seq "
        "WHERE e.seq IS NULL ORDER BY p.seq"
    )
    for (seq,) in rows:
        yield Finding(seq, "", "postings", "", "", f"there are postings of an entry {seq}, which does not exist")


def _head_findings(connection: Connection, proof: _Proof) -> Iterator[Finding]:
    row = connection.exec_driver_sql("SELECT seq, hash FROM ledger_head WHERE id = 1").first()
    if row is None:
        yield Finding(0, "", "head", str(proof.seq), "", "the head is missing")
    elif row[0] != proof.seq:
        message = f"the head stands at {row[0]}, the last entry is {proof.seq}: entries at the end are missing or added"
        yield Finding(0, "", "head", str(row[0]), str(proof.seq), message)
    elif row[1] != proof.hash:
        yield Finding(0, "", "head", row[1], proof.hash, f"the head has another hash than the last entry, {proof.seq}")


def _rollup_findings(connection: Connection, proof: _Proof) -> Iterator[Finding]:
    query = "SELECT account, month, currency, belongs_to, amount_minor, count FROM ledger_rollup"
    left = dict(proof.sums)
    for *parts, minor, count in connection.exec_driver_sql(query):
        key = (parts[0], parts[1], parts[2], parts[3])
        proven = left.pop(key, [0, 0])
        if proven != [minor, count]:
            yield _rollup_finding(key, proven, [minor, count])
    for key, proven in left.items():
        yield _rollup_finding(key, proven, [0, 0])


def _rollup_finding(key: tuple[str, str, str, str], proven: list[int], found: list[int]) -> Finding:
    account, month, currency, cohort = key
    message = (
        f"the roll-up of {account} in {month} (cohort {cohort}) says {found[0]} minor units of {currency} in "
        f"{found[1]}, the entries say {proven[0]} in {proven[1]}"
    )
    return Finding(0, account, "roll-up", str(proven[0]), str(found[0]), message)

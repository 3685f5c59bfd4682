"""`policies/declines.toml` as a `DeclineTable`, with every mistake noted: codes twice on a day, unknown treatments."""

from collections.abc import Callable

from domain.declines import REMEDIES, RETRYING, TREATMENTS, DeclineRule, DeclineTable
from policies.reading import Table

LONGEST_WAIT_HOURS = 720


def read_declines(table: Table) -> DeclineTable:
    """Every entry of the page by the signal it belongs to."""
    ids: set[str] = set()
    networks = table.table("network_code")
    advice = table.table("network_advice")
    result = DeclineTable(
        blocked=_read_rule(table.table("blocked"), ids),
        unknown=_read_rule(table.table("unknown"), ids),
        decline_codes=_read_entries(table.tables("decline_code"), ids, str.lower),
        vendor_advice=_read_entries(table.tables("vendor_advice"), ids, str.lower),
        network_codes={name: _read_entries(networks.tables(name), ids, str.upper) for name in networks.data},
        network_advice={name: _read_entries(advice.tables(name), ids, str.upper) for name in advice.data},
    )
    table.close()
    return result


def _read_entries(tables: list[Table], ids: set[str], case: Callable[[str], str]) -> dict[str, tuple[DeclineRule, ...]]:
    entries: dict[str, tuple[DeclineRule, ...]] = {}
    for table in tables:
        codes = table.texts("codes")
        rule = _read_rule(table, ids, dated=True)
        for code in codes:
            wanted = case(code)
            if code != wanted:
                table.note("codes", f'holds "{code}"', f'write "{wanted}"')
            same = [other for other in entries.get(code, ()) if _overlap(rule, other)]
            if same:
                table.note("codes", f'"{code}" is already in {same[0].id}', "give the older entry an `until`")
            entries[code] = (*entries.get(code, ()), rule)
    return entries


def _read_rule(table: Table, ids: set[str], dated: bool = False) -> DeclineRule:
    rule = DeclineRule(
        id=table.text("id"),
        treatment=table.text("treatment", choices=TREATMENTS),
        reason=table.text("reason"),
        wait_hours=table.whole("wait_hours", 0, LONGEST_WAIT_HOURS, 0),
        remedy=table.text("remedy", "", REMEDIES),
        reveal=table.flag("reveal", True),
        final=table.flag("final", False),
        vague=table.flag("vague", False),
        keeps_timing=table.flag("keeps_timing", False),
        with_codes=frozenset(table.texts("with_codes", default=[])),
        since=table.day("from") if dated else "",
        until=table.day("until", "") if dated else "",
    )
    table.text("source")
    table.text("note", "")
    table.close()
    if rule.id in ids:
        table.note("id", f'"{rule.id}" is there twice', "every entry has an id of its own")
    ids.add(rule.id)
    if rule.until and rule.until <= rule.since:
        table.note("until", f"is {rule.until}, not after {rule.since}", "the first day on which it no longer counts")
    if rule.wait_hours and rule.treatment not in RETRYING:
        table.note("wait_hours", f'makes no sense with "{rule.treatment}"', "only wait, soon and cautious try again")
    if rule.treatment == "fix" and not rule.remedy:
        table.note("remedy", "is missing", "say what the customer shall do: new_card, check_details or authenticate")
    return rule


def _overlap(one: DeclineRule, other: DeclineRule) -> bool:
    """Whether two entries count on a common day for the same response codes."""
    if one.with_codes != other.with_codes:
        return False
    return (not one.until or other.since < one.until) and (not other.until or one.since < other.until)

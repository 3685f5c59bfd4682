"""`policies/refunds.toml` as a `RefundPolicy`, with every mistake noted, also what contradicts itself.

The version is a hash of the content, so comments and layout do not change it. Decisions use the newest version.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import cast

from domain.people import Sender
from domain.refund_policy import Limit, OrderKind, RefundPolicy, ShopBudget, Who
from policies.findings import Finding, PolicyErrors
from policies.ladders import read_senders
from policies.reading import Table, read, read_amounts

FILE = "refunds.toml"
WHO: tuple[Who, ...] = ("customer", "address", "card")
ORDER_KINDS: tuple[OrderKind, ...] = ("b2b", "subscription", "draft")
LONGEST_DAYS = 730
MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRefunds:
    """One version of the refund policy."""

    policy: RefundPolicy
    version: str
    """Short hash of what decides, e.g. `r-4f2a91c0`."""
    body: str
    """The content as canonical JSON, as it is kept in the database."""


def load_refunds(folder: Path = Path(__file__).parent) -> LoadedRefunds:
    """The refund policy as the files are now. Raises PolicyErrors with every finding of the files it needs."""
    findings: list[Finding] = []
    loaded = inspect_refunds(folder, findings)
    if findings:
        raise PolicyErrors(tuple(dict.fromkeys(findings)))
    return loaded


def inspect_refunds(folder: Path, findings: list[Finding]) -> LoadedRefunds:
    """The refund policy with what is wrong noted in `findings`; it must not be used where anything was."""
    senders = read_senders(read(folder / "senders.toml", findings))
    own: list[Finding] = []
    table = read(folder / FILE, own)
    body = json.dumps(table.data, sort_keys=True, indent=1, ensure_ascii=False, default=str)
    version = "r-" + blake2b(body.encode(), digest_size=4).hexdigest()
    policy = read_refunds(table, senders, version)
    if not own:
        # A wrong number would make every check about it fail too; one cause, one finding.
        _check(policy, table, senders)
    findings += own
    return LoadedRefunds(policy=policy, version=version, body=body)


def read_refunds(table: Table, senders: Mapping[str, Sender], version: str) -> RefundPolicy:
    """The policy of one version; what is wrong is noted in the table's findings."""
    vip, evidence, caps, budget = (table.table(name) for name in ("vip", "evidence", "caps", "budget"))
    guards, approval, exposure, mail = (table.table(name) for name in ("guards", "approval", "exposure", "mail"))
    policy = RefundPolicy(
        version=version,
        vip_tags=_lower(vip, "tags"),
        vip_spend_minor=read_amounts(vip.table("spend")),
        grace_days=vip.whole("grace_days", 0, LONGEST_DAYS),
        accept_portal_status=evidence.flag("accept_portal_status", True),
        place_needed=evidence.flag("place_needed", False),
        postal_prefix=evidence.whole("postal_prefix", 0, 10),
        slack_minutes=evidence.whole("slack_minutes", 0, 24 * 60),
        oldest_scan_days=evidence.whole("oldest_scan_days", 1, 120),
        order_cap_minor=read_amounts(caps.table("order")),
        customer_cap_minor=read_amounts(caps.table("customer")),
        limits=_limits(table),
        shop_hour=_budget(budget.table("hour")),
        shop_day=_budget(budget.table("day")),
        return_rate_percent=guards.whole("return_rate_percent", 1, 100),
        return_rate_from_orders=guards.whole("return_rate_from_orders", 1, 1000),
        lost_allowed=guards.whole("lost_allowed", 0, 100),
        account_days=guards.whole("account_days", 0, 3650),
        earlier_orders=guards.whole("earlier_orders", 0, 1000),
        excluded_categories=_lower(guards, "excluded_categories"),
        excluded_product_tags=_lower(guards, "excluded_product_tags"),
        excluded_customer_tags=_lower(guards, "excluded_customer_tags"),
        excluded_orders=frozenset(cast(tuple[OrderKind, ...], guards.texts("excluded_orders", ORDER_KINDS))),
        other_lines_may_be_refunded=guards.flag("other_lines_may_be_refunded", False),
        payment_days=guards.whole("payment_days", 1, 3650),
        approval_hours=approval.whole("hours", 1, 24 * 14),
        exposure_days=exposure.whole("days", 1, 120),
        delivery_is_enough=exposure.flag("delivery_is_enough", False),
        inspect_days=exposure.whole("inspect_days", 1, 120),
        write_off_days=exposure.whole("write_off_days", 1, 400),
        senders=mail.texts("senders", tuple(senders)),
    )
    for part in (vip, evidence, caps, budget, guards, approval, exposure, mail, table):
        part.close()
    return policy


def _lower(table: Table, key: str) -> frozenset[str]:
    texts = table.texts(key)
    if any(not text.strip() for text in texts):
        table.note(key, "holds an empty text", "take it out; it would fit everything that has no name")
    return frozenset(text.strip().lower() for text in texts)


def _limits(table: Table) -> dict[Who, tuple[Limit, ...]]:
    found: dict[Who, tuple[Limit, ...]] = {}
    for entry in table.tables("limits"):
        who = cast(Who, entry.text("per", choices=WHO))
        limit = Limit(
            days=entry.whole("days", 1, LONGEST_DAYS),
            count=entry.whole("count", 0, MOST),
            sum_minor=read_amounts(entry.table("sum")) if entry.has("sum") else {},
        )
        if limit.days in {other.days for other in found.get(who, ())}:
            entry.note("days", f'is {limit.days} a second time for "{who}"', "one limit for each number of days")
        found[who] = (*found.get(who, ()), limit)
        entry.close()
    return found


def _budget(table: Table) -> ShopBudget:
    budget = ShopBudget(count=table.whole("count", 0, MOST), sum_minor=read_amounts(table.table("sum")))
    table.close()
    return budget


def _check(policy: RefundPolicy, table: Table, senders: Mapping[str, Sender]) -> None:
    """Note what contradicts itself, at the key that has to change."""
    vip, caps, budget = table.table("vip"), table.table("caps"), table.table("budget")
    if not policy.vip_tags and not policy.vip_spend_minor:
        vip.note("tags", "is empty and so is [vip.spend]", "nobody would be a VIP; name a tag or an amount")
    if policy.vip_tags & policy.excluded_customer_tags:
        both = ", ".join(sorted(policy.vip_tags & policy.excluded_customer_tags))
        table.table("guards").note("excluded_customer_tags", f'names "{both}", which is a VIP tag', "one or the other")
    for currency, most in policy.order_cap_minor.items():
        customer = policy.customer_cap_minor.get(currency)
        if customer is None:
            caps.table("order").note(currency, "has no cap per customer", f"add {currency} to [caps.customer]")
        elif customer < most:
            problem = f"is {customer}, less than the {most} of one order"
            caps.table("customer").note(currency, problem, "the customer's cap is reached first; raise it")
    for currency, most in policy.shop_hour.sum_minor.items():
        day = policy.shop_day.sum_minor.get(currency)
        if day is None or day < most:
            problem = f"{currency} is {'missing' if day is None else day}, less than the {most} of an hour"
            budget.table("day").note("sum", problem, "a day holds at least what an hour does")
    if policy.shop_day.count < policy.shop_hour.count:
        problem = f"is {policy.shop_day.count}, less than the {policy.shop_hour.count} of an hour"
        budget.table("day").note("count", problem, "a day holds at least what an hour does")
    missing = sorted(set(policy.order_cap_minor) - set(policy.shop_hour.sum_minor))
    if missing:
        problem = f"lacks {', '.join(missing)}, which has a cap per order"
        budget.table("hour").note("sum", problem, "a person would be asked for every refund in it")
    if policy.write_off_days <= policy.exposure_days:
        problem = f"is {policy.write_off_days}, not more than the {policy.exposure_days} days a parcel may take"
        table.table("exposure").note("write_off_days", problem, "nobody would look for a parcel before it is given up")
    known = [senders[name] for name in policy.senders if name in senders]
    if not any(one.consent_on and not one.left_on for one in known):
        table.table("mail").note("senders", "names nobody who consented and is still here", "see policies/senders.toml")

"""`recoup doctor`: what is set, what is reachable, what is unsafe; every finding with its remedy. Changes nothing."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from commands import checks, probes, refund_checks
from commands.findings import MARKS, WITHIN_SECONDS, Check, Finding, run_checks
from commands.output import DONE, FOUND, WRONG_USE, fail, out
from settings import load

CHECKS: dict[str, Check] = {
    "installation": checks.installation,
    "settings": checks.settings_set,
    "database": checks.database,
    "prefect": probes.prefect,
    "payments": probes.payments,
    "texts": probes.texts,
    "helpdesk": probes.helpdesk,
    "mail": probes.mail,
    "portal": refund_checks.portal,
    "storefront": refund_checks.storefront,
    "refunds": refund_checks.refunds,
    "webhooks": refund_checks.webhooks,
    "policies": checks.policies,
    "safety": checks.safety,
    "clock": checks.clock,
    "disk": checks.disk,
}
SCHEMA = "recoup.doctor/1"


def doctor(
    *,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    strict: Annotated[bool, Parameter(negative="")] = False,
    within: float = WITHIN_SECONDS,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check installation, settings, connections and ledger. Read-only; exits 3 when something failed.

    Parameters
    ----------
    only
        Only these checks, e.g. --only payments mail.
    strict
        Exit 3 for warnings too.
    within
        Seconds that each check may take; all run at the same time.
    json_
        One JSON document for monitoring.
    """
    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        fail(
            f"There is no check {unknown[0]}", "", f"There are: {', '.join(CHECKS)}", WRONG_USE, "Nothing was checked."
        )
    chosen = {name: check for name, check in CHECKS.items() if not only or name in only}
    started = time.monotonic()
    findings = asyncio.run(run_checks(chosen, load(), within))
    took = time.monotonic() - started
    if json_:
        document = {"schema": SCHEMA, "seconds": round(took, 2), "findings": [each.as_json() for each in findings]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        out().print(page(findings, took), markup=False, highlight=False, soft_wrap=True)
    return exit_code(findings, strict)


def page(findings: Sequence[Finding], took_seconds: float) -> str:
    """The findings as text, one line each with cause and fix below where there is something to mend."""
    lines, before = [], ""
    for finding in findings:
        title = finding.check.capitalize() if finding.check != before else ""
        before = finding.check
        lines.append(f"{title:<14} {MARKS[finding.status]} {finding.text}")
        lines += [
            f"{'':<17}{label:<7}{text}" for label, text in (("cause:", finding.cause), ("fix:", finding.fix)) if text
        ]
    counts = {status: sum(finding.status == status for finding in findings) for status in MARKS}
    summary = f"{counts['ok']} ok, {_many(counts['warning'], 'warning')}, {_many(counts['failure'], 'failure')}"
    return "\n".join([*lines, "", f"{summary} in {took_seconds:.1f} s"])


def exit_code(findings: Sequence[Finding], strict: bool) -> int:
    """3 where something failed, or with `strict` where something is to be looked at."""
    bad = {"failure", "warning"} if strict else {"failure"}
    return FOUND if any(finding.status in bad for finding in findings) else DONE


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"

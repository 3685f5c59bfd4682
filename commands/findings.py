"""What a check of `recoup doctor` found, and how the checks are run: all at once, each with its own time-out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from commands.failures import failure_of
from settings import Settings

Status = Literal["ok", "warning", "failure"]
MARKS: dict[Status, str] = {"ok": "✓", "warning": "!", "failure": "✗"}
WITHIN_SECONDS = 1.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about one thing, with cause and remedy where it is not well."""

    check: str
    status: Status
    text: str
    cause: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`; the keys are part of `recoup.doctor/1`."""
        return asdict(self)


Check = Callable[[Settings], Awaitable[Sequence[Finding]]]


async def run_checks(checks: dict[str, Check], settings: Settings, within_seconds: float) -> list[Finding]:
    """Every check's findings in the checks' order; a check that takes too long or breaks is a failure itself."""
    results = await asyncio.gather(*(_one(name, check, settings, within_seconds) for name, check in checks.items()))
    return [finding for found in results for finding in found]


async def _one(name: str, check: Check, settings: Settings, within_seconds: float) -> Sequence[Finding]:
    try:
        return await asyncio.wait_for(check(settings), within_seconds)
    except TimeoutError:
        text = f"no answer within {within_seconds:.1f} s"
        return [Finding(check=name, status="failure", text=text, fix=f"recoup doctor --only {name} --within 30")]
    except Exception as error:  # A broken check must not hide the others.
        known = failure_of(error)
        if known:
            return [Finding(check=name, status="failure", text=known.what, cause=known.cause, fix=known.fix)]
        text = f"could not be checked: {type(error).__name__}"
        return [Finding(check=name, status="failure", text=text, fix="recoup doctor --debug")]


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check=check, status="ok", text=text)


def warn(check: str, text: str, fix: str, cause: str = "") -> Finding:
    """Works, but somebody should look at it."""
    return Finding(check=check, status="warning", text=text, cause=cause, fix=fix)


def bad(check: str, text: str, fix: str, cause: str = "") -> Finding:
    """Does not work, or is unsafe."""
    return Finding(check=check, status="failure", text=text, cause=cause, fix=fix)

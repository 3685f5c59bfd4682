"""Commands in the documentation and their output: run again, compared, and written anew with `--write`.

A block ```console holds lines `$ recoup …` and what they print to stdout. Each page has its own small shop, with the
pretended vendors: dunning from its failures on the 15th to the evening of the 21st of January 2026, refunds from four
parcels that are scanned on the 20th to the next morning.

    python -m tests.repo.documented --write
"""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from commands.simulation import Simulation, environment, pretended, simulated
from commands.simulation import plain as without_prefect
from integrations.sandbox import Addresses, start_in_process
from integrations.sandbox_control import Control
from tests.repo import documented_returns

ROOT = Path(__file__).resolve().parents[2]
FIRST, LAST = date(2026, 1, 15), date(2026, 1, 21)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
VARYING = (
    (re.compile(r"\b[0-9a-f]{4,64}…[0-9a-f]{4,64}\b"), "HASH"),
    (re.compile(r"\b[dr]-[0-9a-f]{8}\b"), "VERSION"),
    (re.compile(r"\(\d+\.\d s\)"), "(TIME)"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z(?= · chain)"), "NOW"),
)
"""What may differ: hashes over the time of recording, the policy's version, durations, the time of recording itself."""
SHOP = {"name": "Northwind", "zone": "America/New_York", "currency": "USD"}


class Shop(NamedTuple):
    """The documentation's shop: its folder, the variables that point commands at it, its vendors."""

    home: Path
    variables: dict[str, str]
    control: Control


class Example(NamedTuple):
    """One command of a page and what it prints."""

    command: str
    output: str


def examples(page: str) -> list[Example]:
    """The commands of a page, in order."""
    found = []
    for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Example(command, output))
    return found


def run(shop: Shop, command: str) -> str:
    """What a documented command prints to stdout, in the shop's folder; trailing spaces are dropped."""
    words = shlex.split(command)
    assert words[0] == "recoup", f"only recoup is run from the documentation, not {words[0]}"
    answer = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words[1:]],
        cwd=shop.home, env=shop.variables, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert answer.returncode in (0, 3), f"{command} ended with {answer.returncode}:\n{answer.stderr}"
    return "\n".join(line.rstrip() for line in answer.stdout.splitlines()) + "\n"


def plain(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@contextmanager
def shop(page: str) -> Iterator[Shop]:
    """A page's shop on the evening of the 21st, its vendors still running; everything is gone afterwards."""
    addresses = start_in_process()
    try:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            asyncio.run(_live(addresses, home, PAGES[page]))
            control = Control(addresses)
            variables = {**os.environ, **environment(addresses, home, **SHOP), "COLUMNS": "118", "NO_COLOR": "1"}
            # No Prefect server belongs to the documentation; a run says so on stderr and works here.
            variables["RECOUP_PREFECT__API_URL"] = "http://127.0.0.1:9/api"
            control.clock(datetime(2026, 1, 22, 14, tzinfo=UTC))
            (home / "failed.csv").write_text(EXPORT, encoding="utf-8")
            yield Shop(home, variables, control)
            control.close()
    finally:
        addresses.stop()


async def _live(addresses: Addresses, home: Path, days: Callable[[Simulation], Awaitable[None]]) -> None:
    found = pretended(addresses, home, **SHOP)
    async with simulated(found, addresses, datetime(2026, 1, 14, 12, tzinfo=UTC)) as living:
        await days(living)


async def _dunning(living: Simulation) -> None:
    living.control.seed(SEED)
    day = FIRST
    while day <= LAST:
        await living.live(day)
        day += timedelta(days=1)


async def _refunds(living: Simulation) -> None:
    """Four parcels are scanned at noon: one is paid, one is above the cap, one is held, one is nobody's VIP."""
    day = date(2026, 1, 20)
    living.put(day, time(12))
    living.control.seed(documented_returns.SEED)
    for name in ("501", "502", "503", "504"):
        living.control.act("loop", **{"return": name, "do": "scan"})
    for operation, at in (("refunds", time(12, 1)), ("refunds-exposure", time(13))):
        living.put(day, at)
        await without_prefect(operation, day, False)


PAGES: dict[str, Callable[[Simulation], Awaitable[None]]] = {
    "docs/operations/dunning.md": _dunning,
    "docs/operations/refunds.md": _refunds,
}
"""Every page with commands, and what its shop has lived through."""


def _renewal(number: int, outcomes: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": f"in_{number}", "customer": f"cus_{number}", "amount": 2900 + 500 * number, "currency": "usd",
        "created": "2026-01-15T08:00:00Z", "card": {"fingerprint": f"card-{number}", "network": "visa"},
        "outcomes": outcomes, **more,
    }  # fmt: skip


def _customer(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"cus_{number}", "name": f"Customer {number}", "email": f"customer{number}@example.com",
        "phone": f"+1212555010{number}", "country": "US", "state": "NY", "metadata": {"sms_consent": "yes"}, **more,
    }  # fmt: skip


NEVER = 9
SEED = {
    "stripe": {
        "customers": [_customer(number) for number in range(1, 8)],
        "renewals": [
            _renewal(1, ["insufficient_funds", "ok"]),
            _renewal(2, ["insufficient_funds"] * NEVER, actions=[{"at": "2026-01-19T18:00:00Z", "do": "pays"}]),
            _renewal(3, ["do_not_honor"] * NEVER),
            _renewal(4, ["expired_card"] * NEVER),
            _renewal(5, ["lost_card"] * NEVER),
            _renewal(6, ["revocation_of_authorization"] * NEVER),
            _renewal(7, ["generic_decline"] * NEVER, actions=[{"at": "2026-01-20T18:00:00Z", "do": "cancels"}]),
        ],
    }
}
EXPORT = (
    "id,Customer ID,Customer Email,Amount Due,Currency,Created (UTC),Status,Attempt Count,Decline Code\n"
    "in_901,cus_901,ana@example.com,49.90,usd,2026-01-15 05:00,open,1,insufficient_funds\n"
    "in_902,cus_902,bo@example.com,NA,usd,2026-01-15 05:00,open,1,expired_card\n"
)


def write() -> None:
    """Write what the commands print now into the pages."""
    for page in PAGES:
        with shop(page) as living:
            path = ROOT / page
            text = path.read_text(encoding="utf-8")
            path.write_text(BLOCK.sub(lambda block: _filled(living, block[1]), text), encoding="utf-8")


def _filled(living: Shop, block: str) -> str:
    parts = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command = part.partition("\n")[0]
        printed = run(living, command).strip("\n")
        parts.append(f"$ {command}\n{printed}\n")
    return "```console\n" + "".join(parts) + "```"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.repo.documented --write")
    write()

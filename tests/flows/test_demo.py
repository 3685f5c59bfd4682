"""`recoup demo` as a person runs it: the whole month, its books, what it prints, and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from commands import demo_days
from commands.demo_hearing import hearing
from commands.demo_home import FOLDER, prefect_home
from commands.demo_returns import returns
from commands.demo_seed import CURRENCY, FIRST, SHOP, ZONE, at, store
from commands.simulation import MORNING, plain, pretended, simulated
from deployments import lingering, processes
from integrations.sandbox import start_in_process
from ledger import checks, reports
from store.db import connect, reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prefect")]

ROOT = Path(__file__).resolve().parents[2]
RECOUP = ROOT / ".venv" / "bin" / "recoup"
PROGRAM = [str(RECOUP)] if RECOUP.exists() else [sys.executable, str(ROOT / "cli.py")]
AT_MOST_SECONDS, QUIET_IMPORT_SECONDS = 90.0, 2.7
"""What a demo may take on a machine that imports the flows in so long; on a busier one both grow."""
DAYS_OF_DIGEST = 14
TOLD = "SELECT case_id, rung, state FROM steps WHERE operation = 'refunds' OR key LIKE 'refunds/%'"
EXPECTED = {
    "tag": {"refund:done", "told-sent:done", "received-1:done"},
    "spend": {"refund:done", "told-sent:done", "received-1:done"},
    "above_cap": {"person-approval-g-01-62000:done", "refund:done", "told-sent:done"},
    "elsewhere": {"person-hold-e-09:done"},
    "arrives_later": {"told-pending:done", "refund:done"},
    "fails_later": {"told-sent:done", "told-failed:done", "person-failed:done"},
    "split": {"refund:done"},
    "short": {"refund:done", "person-empty:done", "received-1:done"},
    "never_comes": {"refund:done", "person-overdue:done"},
}
"""Steps of the first return of each kind."""
HASHES = re.compile(r"[0-9a-f]{4}…[0-9a-f]{4}")
DAY_LINE = re.compile(r"^ {2}[A-Z][a-z]{2} 2026-0[67]-\d\d", re.MULTILINE)


class Ran(NamedTuple):
    """A finished demo."""

    code: int
    out: str
    err: str
    seconds: float
    busy: float
    """How many times as long imports take as on a quiet machine."""
    home: Path


def environment(home: Path) -> dict[str, str]:
    """The environment of a person without settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECOUP_", "PREFECT_"))}
    return {**kept, "RECOUP_HOME": str(home)}


def recoup(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=500, check=False
    )


def import_seconds() -> float:
    """How long this machine needs now for what takes QUIET_IMPORT_SECONDS on a quiet one."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import flows.dunning"], cwd=ROOT, check=True)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One whole demo that leaves no pages; how busy the machine is, is measured before and after it."""
    home = tmp_path_factory.mktemp("home")
    before, started = import_seconds(), time.monotonic()
    ended = recoup(home, "demo", "--keep-ui", "0", "--svg", str(home / "demo.svg"))
    seconds = time.monotonic() - started
    busy = max(before, import_seconds()) / QUIET_IMPORT_SECONDS
    print(f"the demo took {seconds:.1f} s on a machine {busy:.1f} times as busy as a quiet one")
    return Ran(ended.returncode, ended.stdout, ended.stderr, seconds, busy, home)


def test_the_month_is_lived_through_booked_and_proven(ran: Ran) -> None:
    assert (ran.code, ran.err.count("Traceback")) == (0, 0)
    assert len(DAY_LINE.findall(ran.err)) == 30
    assert "Statement, June 2026" in ran.out
    assert re.search(r"✓ Verified: [\d,]+ entries", ran.out)
    assert re.search(r"Content digest [0-9a-f]{64}", ran.out)


def test_it_takes_less_than_ninety_seconds_measured_in_imports(ran: Ran) -> None:
    assert ran.seconds < AT_MOST_SECONDS * max(1.0, ran.busy)


def test_the_month_shows_all_that_dunning_is(ran: Ran) -> None:
    for words in ("Silent retry", "After a message", "Personal follow-up by support", "Refunded", "Charged back",
                  "Cancelled", "Written off", "Texts", "Helpdesk tickets"):  # fmt: skip
        assert words in ran.out, words
    day_12 = next(line for line in ran.err.splitlines() if "2026-06-27" in line)
    assert re.fullmatch(r"  Sat 2026-06-27 .* \d+ +2 +· +\d+ +[\d,.]+ +[\d,.]+ *", day_12)


def test_the_month_shows_what_becomes_of_returns(ran: Ran) -> None:
    for words in ("Refunded to VIPs on the first scan", "Not received yet", "Goods that came back",
                  "G-01 waited for a yes", "E-09 held", "S-07 left to the inspection",
                  "V-01 left to the inspection"):  # fmt: skip
        assert words in ran.out, words
    assert re.search(r"\d\d\d webhooks came over HTTP, signed; [1-9]\d* of them twice", ran.out)
    engine = connect(f"sqlite:///{ran.home / FOLDER / 'recoup.db'}")
    made = returns(7)
    with reading(engine) as connection:
        told = connection.exec_driver_sql(TOLD).all()
        unheard = connection.exec_driver_sql("SELECT * FROM inbox WHERE state <> 'done'").all()
        differ = connection.exec_driver_sql("SELECT * FROM differences").all()
    engine.dispose()
    assert (unheard, differ) == ([], [])
    found: dict[str, list[str]] = {}
    for case, rung, state in told:
        found.setdefault(case, []).append(f"{rung}:{state}")
    said = {kind: set(found.get(case, ())) for kind, case in made.cases.items()}
    for kind, steps in EXPECTED.items():
        assert steps <= said[kind], f"{kind}: {said[kind]}"
    for kind in ("usual", "gift", "exchange", "credit", "final_sale", "unscanned", "elsewhere"):
        assert "refund:done" not in said[kind], kind
    assert sum("refund:done" in steps for steps in found.values()) == 25


def test_the_three_commands_work_as_they_are_printed(ran: Ran) -> None:
    printed = [line.strip() for line in ran.err.splitlines() if line.strip().startswith("RECOUP_HOME=")]
    assert len(printed) == 3
    expected = ("hand_over done", "person-approval-g-01", "renewal_recovered")
    for command, words in zip(printed, expected, strict=True):
        ended = subprocess.run(
            command, shell=True, cwd=ROOT, env=environment(ran.home), capture_output=True, text=True, check=False
        )
        assert (ended.returncode, words in ended.stdout) == (0, True), f"{command}: {ended.stdout}{ended.stderr}"


def test_a_charge_whose_answer_got_lost_was_made_once(ran: Ran) -> None:
    key = store(7).broken_key
    traced = recoup(ran.home / FOLDER, "ledger", "trace", key).stdout
    assert traced.count("renewal_recovered") == 1
    told = recoup(ran.home / FOLDER, "explain", store(7).broken).stdout
    assert told.count("charge succeeded") == 1


def test_nothing_is_left_running_and_the_real_home_is_untouched(ran: Ran) -> None:
    assert not lingering.running(prefect_home(ran.home / FOLDER))
    assert {path.name for path in ran.home.iterdir()} == {FOLDER, "demo.svg"}
    assert recoup(ran.home, "demo", "--stop").stderr.strip() == "Nothing of a demo is running."


def test_the_picture_that_we_show_is_this_demo(ran: Ran) -> None:
    """Hashes differ: they cover the instant and the run in which an entry was made."""
    made, shown = ((folder / "demo.svg").read_text("utf-8") for folder in (ran.home, ROOT / "docs"))
    same = HASHES.sub("", made) == HASHES.sub("", shown)
    assert same, "docs/demo.svg is older than the demo: .venv/bin/recoup demo --fresh --keep-ui 0 --svg docs/demo.svg"


def test_a_second_demo_is_never_mixed_with_the_first(ran: Ran) -> None:
    again = recoup(ran.home, "demo", "--keep-ui", "0")
    assert again.returncode == 2
    assert "A demo ledger exists" in again.stderr
    assert "demo --fresh" in again.stderr


def test_ctrl_c_ends_after_the_day_says_how_to_go_on_and_leaves_nothing(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+", encoding="utf-8") as said:
        demo = subprocess.Popen([*PROGRAM, "demo"], cwd=ROOT, env=environment(tmp_path), stderr=said, stdout=said)
        while demo.poll() is None and not DAY_LINE.search((tmp_path / "said").read_text("utf-8")):
            time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(120) == 130
    text = (tmp_path / "said").read_text("utf-8")
    last = DAY_LINE.findall(text)[-1].split()[-1]
    assert f"Stopped after {last}; begin again with" in text
    assert "Traceback" not in text
    assert not lingering.running(prefect_home(tmp_path / FOLDER))


@pytest.mark.anyio
async def test_the_same_seed_gives_the_same_books(tmp_path: Path) -> None:
    """Whatever order our calls overlap in: the digest is over what happened."""
    digests = [await digest_of(tmp_path / name, 11) for name in ("first", "second")]
    assert digests[0] == digests[1]


async def digest_of(home: Path, seed: int) -> str:
    """Two weeks of a store, without Prefect."""
    home.mkdir()
    vendors = start_in_process()
    try:
        settings = pretended(vendors, home, name=SHOP, zone=ZONE, currency=CURRENCY)
        async with simulated(settings, vendors, at(FIRST, MORNING)) as life:
            back = returns(seed)
            life.control.seed(store(seed).seed() | back.seed())
            with hearing(life, home) as heard:
                for number in range(DAYS_OF_DIGEST):
                    await demo_days.live(life, heard, back, FIRST + timedelta(days=number), plain)
            with reading(life.c.engine) as connection:
                assert checks.verify(connection).entries > 100
                return reports.content_digest(connection)
    finally:
        vendors.stop()


def test_a_lingering_server_ends_by_itself_and_earlier_when_asked(tmp_path: Path) -> None:
    for name, seconds in (("by-itself", 1.0), ("asked", 3600.0)):
        home, port = tmp_path / name, processes.free_port()
        child = lingering.begin(home, "127.0.0.1", port, 120)
        processes.wait_until_healthy(child, processes.server_address("127.0.0.1", port))
        assert lingering.running(home)
        lingering.keep(home, seconds)
        if name == "asked":
            assert lingering.end(home)
        assert child.process.wait(30) == 0
        assert not lingering.running(home)
        assert processes.port_is_free("127.0.0.1", port)
        assert not lingering.end(home)

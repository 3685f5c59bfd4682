"""The demo's own folder: one demo at a time, never mixed with the real home, and emptied only where it is a demo's."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.output import FAILED, WRONG_USE, fail

FOLDER, MARKER, LOCK = "demo", "demo.json", "demo.lock"


def folder() -> Path:
    """`demo` below RECOUP_HOME or `.recoup`; the real settings file is not read, for nothing in it is needed."""
    return Path(os.environ.get("RECOUP_HOME") or ".recoup").expanduser().absolute() / FOLDER


def prefect_home(home: Path) -> Path:
    """Prefect's own database, logs and profile."""
    return home / "prefect"


@contextmanager
def taken(home: Path) -> Iterator[None]:
    """Hold the folder; a Failure where another demo has it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fail("Another demo is running", f"It works in {shown(home)}", "Wait for it, or stop it with Ctrl-C there")
        yield


def entries(home: Path) -> int:
    """How many entries a demo has left here."""
    from store import db, schema

    file = home / "recoup.db"
    if not file.exists():
        return 0
    engine = db.connect(f"sqlite:///{file}")
    try:
        if not schema.has_books(engine):
            return 0
        with db.reading(engine) as connection:
            return int(connection.exec_driver_sql("SELECT seq FROM ledger_head WHERE id = 1").scalar() or 0)
    finally:
        engine.dispose()


def empty(home: Path, seed: int) -> None:
    """Take away what an earlier demo left, and mark the folder as a demo's; a Failure where it is something else."""
    strange = [path for path in home.iterdir() if path.name not in (LOCK, MARKER)]
    if strange and not (home / MARKER).exists():
        names = ", ".join(sorted(path.name for path in strange)[:3])
        fail(
            f"{shown(home)} is not a demo's folder",
            f"It holds {names} and no {MARKER}",
            "Look at it, then move it away",
            WRONG_USE,
            "Nothing was deleted.",
        )
    for path in strange:
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except OSError as error:
            fail(f"{shown(path)} cannot be deleted", str(error.strerror), "Delete it by hand", FAILED)
    (home / MARKER).write_text(json.dumps({"demo": "recoup", "seed": seed}) + "\n", "utf-8")


def shown(path: Path) -> str:
    """A path as short as it still works from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def command(home: Path | None = None) -> str:
    """How recoup is called from here, with the home folder where one is needed."""
    program = Path(sys.argv[0]).absolute()
    found = shutil.which(program.name)
    name = program.name if found and Path(found).absolute() == program else shown(program)
    kept = os.environ.get("RECOUP_DATABASE_URL") and home
    chosen = f"RECOUP_HOME={shown(home)} " if home else ""
    # A database named in the environment would win over the demo's folder.
    return f"{'RECOUP_DATABASE_URL= ' if kept else ''}{chosen}{name}"

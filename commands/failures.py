"""What each of our errors means to a person at the command line: cause, fix and exit code, in one table.

The key is `module.Class`, looked up along the error's base classes, so that no package has to be imported to
explain another's error. An error that is not in the table is a bug in recoup: its traceback goes into a file
under the home folder, and the message names the file and says what can be said about what was done.
"""

import hashlib
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from commands.output import FAILED, FOUND, INTERRUPTED, NOT_AUTHORISED, WRONG_USE, Failure


class Meaning(NamedTuple):
    """What to tell beside the error's own message."""

    cause: str
    fix: str
    code: int = FAILED
    not_done: str = ""


NOTHING = "Nothing was sent or booked by this command."
STEPS_KEPT = "Every step that was begun is on record; run it again, nothing happens twice."

MEANINGS: dict[str, Meaning] = {
    "settings_file.SettingsError": Meaning(
        "", "recoup doctor shows every setting; recoup up --sandbox needs none", WRONG_USE, NOTHING
    ),
    "deployments.processes.ProcessError": Meaning("", "Read the log named above, then recoup doctor"),
    "deployments.prefect_api.DeployError": Meaning(
        "", "recoup doctor --only prefect safety; a refused call (401) needs prefect.auth_string as on the server"
    ),
    "deployments.automation_files.NoSuchBlock": Meaning(
        "", "Make the block in Prefect's pages first, or leave --notify out", WRONG_USE, "Nothing was applied."
    ),
    "domain.money.MoneyError": Meaning(
        "An amount or a currency cannot be read as money", "Write 1234.50 and EUR", WRONG_USE, NOTHING
    ),
    "store.approvals.NothingWaits": Meaning(
        "It was decided already, or the reason for asking is gone",
        "recoup approvals lists what waits",
        WRONG_USE,
        NOTHING,
    ),
    "domain.refund_json.NotFacts": Meaning(
        "Stored facts of a refund cannot be read",
        "recoup explain KEY tells the case; the next look decides again on fresh facts",
    ),
    "integrations.errors.Unavailable": Meaning(
        "The vendor is away or asks us to wait; nothing happened there",
        "Run it again later; recoup doctor says when it answers",
        not_done=STEPS_KEPT,
    ),
    "integrations.errors.NoAnswer": Meaning(
        "The call may have had its effect; nobody knows yet",
        "Run reconcile: it asks the vendor by our key before anything is repeated",
        not_done=STEPS_KEPT,
    ),
    "integrations.errors.Unauthorised": Meaning(
        "The vendor refused our credentials",
        "Put the right key into the settings; recoup doctor names them",
        NOT_AUTHORISED,
        STEPS_KEPT,
    ),
    "integrations.errors.Refused": Meaning(
        "The vendor understood the request and will not do it",
        "recoup explain KEY tells the case; a person has to decide",
        not_done=STEPS_KEPT,
    ),
    "integrations.errors.Unreadable": Meaning(
        "The vendor's answer has another shape than it documents",
        "Compare the address in the settings with the vendor's; keep the message for a bug report",
        not_done=STEPS_KEPT,
    ),
    "integrations.errors.VendorError": Meaning("A vendor call failed", "recoup doctor", not_done=STEPS_KEPT),
    "ledger.errors.Conflict": Meaning("", "Look at the entry that stands, then at what asked for the other one"),
    "ledger.errors.ReadOnly": Meaning(
        "The database cannot be written with these rights", "Check database_url and the file's owner"
    ),
    "ledger.errors.Unavailable": Meaning(
        "The database is busy, full or away", "Run the same command again; recoup doctor --only database"
    ),
    "ledger.errors.LedgerError": Meaning(
        "The ledger refused what was to be booked", "recoup ledger verify", not_done="Nothing of it was written."
    ),
    "flows.work.NotYet": Meaning(
        "A run acts for today or for a past day", "recoup plan --on DATE shows a day to come", WRONG_USE, NOTHING
    ),
    "flows.work.StepsFailed": Meaning(
        "All other steps were tried", "recoup explain KEY tells each; the next run takes them up", FOUND, STEPS_KEPT
    ),
    "integrations.csv_reading.UnreadableFile": Meaning(
        "", "Export it again as CSV", WRONG_USE, "Nothing was taken in."
    ),
    "policies.findings.PolicyErrors": Meaning(
        "A policy file cannot be used",
        "Mend the lines named above; recoup policy list checks again",
        WRONG_USE,
        NOTHING,
    ),
    "policies.render.RenderError": Meaning(
        "A text cannot be filled in", "Mend the file named above; recoup policy list checks it", WRONG_USE
    ),
    "tasks.database.NotReady": Meaning("", "recoup up brings the database up to date", WRONG_USE, NOTHING),
    "tasks.plans.PlanRefused": Meaning("", "recoup plan --out FILE makes a new plan", FAILED, NOTHING),
}


def failure_of(error: BaseException) -> Failure | None:
    """The failure that this error means to a person, or None where nobody foresaw it."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted", "", "Run it again to go on", INTERRUPTED, STEPS_KEPT)
    for kind in type(error).__mro__:
        if meaning := MEANINGS.get(f"{kind.__module__}.{kind.__qualname__}"):
            what = str(error).strip() or type(error).__name__
            return Failure(what, meaning.cause, meaning.fix, meaning.code, meaning.not_done)
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) and error.filename:
        return Failure(f"{error.filename}: {error.strerror}", "", "Check the path and its rights", WRONG_USE, NOTHING)
    return None


def bug(error: BaseException, home: Path, command: str) -> Failure:
    """The failure for an error nobody foresaw; its traceback is written under `home/errors`."""
    text = "".join(traceback.format_exception(error))
    code = "E-" + hashlib.sha256(text.encode()).hexdigest()[:4]
    file = home / "errors" / f"{code}.log"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    where = _kept(file, f"{now} recoup {command}\n{text}\n")
    kept = "What was done before it is in the steps and the ledger: recoup ledger verify."
    return Failure(f"Bug in recoup (code {code}): {type(error).__name__}", "", where, FAILED, kept)


def _kept(file: Path, text: str) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as trouble:
        return f"The details could not be written to {file} ({trouble.strerror}); run it again with --debug"
    return f"Send {file} with a bug report; it may name customers"

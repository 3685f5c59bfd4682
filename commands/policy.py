"""`recoup policy list`: the policies in force, their versions, and what is wrong with them. Changes nothing."""

import json
import sys
from typing import Annotated, Any

from cyclopts import Parameter

from commands.output import DONE, FOUND, Failure, out, show, table
from settings import load

SCHEMA = "recoup.policies/1"


def list_policies(*, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """The policies in force, with their versions; exits 3 where a file cannot be used.

    Parameters
    ----------
    json_
        One JSON document.
    """
    from policies.load import inspect
    from policies.refunds import inspect_refunds

    folder = load().policies_dir
    version, findings = inspect(folder)
    versions = {"dunning": version, "refunds": inspect_refunds(folder, []).version}
    rows = [{"operation": name, "version": found, "folder": str(folder)} for name, found in versions.items()]
    if json_:
        document: dict[str, Any] = {"schema": SCHEMA, "policies": rows, "findings": [str(each) for each in findings]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return FOUND if findings else DONE
    out().print(table("", ("operation", "version", "folder"), [tuple(row.values()) for row in rows]))
    for finding in findings:
        show(Failure(str(finding), not_done="Nothing runs with this policy until it is mended."))
    return FOUND if findings else DONE

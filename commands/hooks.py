"""`recoup hooks add | list | rotate`: who may send us webhooks. A secret comes from a file or from stdin, never from
the command line, where others of this machine could read it; it is printed only where it was made here."""

import json
import secrets as chance
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from commands.output import DONE, WRONG_USE, err, fail, next_commands, out, table
from settings import Settings, load

if TYPE_CHECKING:
    from integrations.signing import Secret
    from store.inbox_admin import Used
    from web.senders import Configured, SenderRow

SCHEMA = "recoup.hooks/1"
OLD_FOR = timedelta(days=7)
SECRET_BYTES = 32
NOTHING = "Nothing was written."


def add(
    vendor: str,
    /,
    *,
    name: str = "",
    shop_id: str = "",
    option: Sequence[str] = (),
    secret_file: Path | None = None,
    make_secret: Annotated[bool, Parameter(negative="")] = False,
    public_url: str = "",
) -> int:
    """Let a vendor send us webhooks: makes an address nobody can guess, and prints it to be pasted there.

    Parameters
    ----------
    vendor
        loop, shopify, stripe, aftership, easypost, gorgias, zendesk, twilio, or standard for Standard Webhooks.
    name
        What the sender is called here; the vendor's name where it is left out.
    shop_id
        Our shop's id at the vendor. Events for another one are quarantined.
    option
        An option of the vendor's scheme, like php_form=yes or static_header=X-Recoup-Key.
    secret_file
        The file with the signing secret. Left out, it is asked for, or read from a pipe.
    make_secret
        Make a secret and print it once, where the vendor lets us choose it (EasyPost, Gorgias).
    public_url
        How the world reaches the receiver, like https://hooks.example.com; kept for all senders.
    """
    from integrations.senders import SENDERS
    from web.sender_file import new_tenant
    from web.senders import SenderRow

    if vendor not in SENDERS:
        fail(f"{vendor} is no sender we know", "", f"There are {', '.join(sorted(SENDERS))}", WRONG_USE, NOTHING)
    settings = load()
    configured = _configured(settings)
    called = name or vendor
    if any(row.name == called for row in configured.rows):
        fail(f"there is a sender {called}", "", f"recoup hooks rotate {called}, or --name", WRONG_USE, NOTHING)
    row = SenderRow(called, vendor, new_tenant(), shop_id=shop_id, options=_options(option))
    row = replace(row, secrets=(_secret(row, secret_file, make_secret),))
    fresh = configured._replace(public_url=public_url.rstrip("/") or configured.public_url)
    _write(settings, fresh._replace(rows=(*configured.rows, row)))
    out().print(_address(settings, fresh, row), markup=False, highlight=False, soft_wrap=True)
    if make_secret:
        out().print(row.secrets[0].value, markup=False, highlight=False, soft_wrap=True)
    if not fresh.public_url:
        err().print("! Nobody said how the world reaches the receiver: recoup hooks add … --public-url https://…")
    next_commands(("recoup web", "start the receiver"), ("recoup hooks list", "see what arrives"))
    return DONE


def rotate(
    name: str,
    /,
    *,
    until: str = "",
    secret_file: Path | None = None,
    make_secret: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Give a sender a new secret; the one before it stays valid for a while, so that no event is lost between.

    Parameters
    ----------
    name
        The sender.
    until
        The day on which the old secret ends, at its beginning in UTC; a week from now where it is left out.
    secret_file
        The file with the new secret. Left out, it is asked for, or read from a pipe.
    make_secret
        Make a secret and print it once.
    """
    from web.sender_file import with_secret

    settings = load()
    configured = _configured(settings)
    row = next((row for row in configured.rows if row.name == name), None)
    if row is None:
        names = ", ".join(row.name for row in configured.rows) or "none yet: recoup hooks add VENDOR"
        fail(f"there is no sender {name}", "", f"There are {names}", WRONG_USE, NOTHING)
    end = _end(until)
    fresh = with_secret(row, _secret(row, secret_file, make_secret), end)
    _write(settings, configured._replace(rows=tuple(fresh if each is row else each for each in configured.rows)))
    if make_secret:
        out().print(fresh.secrets[0].value, markup=False, highlight=False, soft_wrap=True)
    err().print(f"The new secret counts from now on, the old one until {end:%Y-%m-%d %H:%M} UTC.", highlight=False)
    next_commands(("recoup hooks list", "see when the old one has gone quiet"))
    return DONE


def list_hooks(
    *,
    urls: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """The senders, their secrets by name, and what each secret was last used for. Changes nothing.

    Parameters
    ----------
    urls
        The addresses too; whoever knows one can at least knock.
    json_
        One JSON document.
    """
    settings = load()
    configured = _configured(settings)
    uses = _used(settings)
    rows = [
        {
            "name": row.name,
            "vendor": row.vendor,
            "shop": row.shop_id,
            "secret": secret.name,
            "until": f"{secret.until:%Y-%m-%d}" if secret.until else "",
            "events": uses[(row.name, secret.name)].events if (row.name, secret.name) in uses else 0,
            "last": uses[(row.name, secret.name)].last[:19] if (row.name, secret.name) in uses else "",
        }
        | ({"address": _address(settings, configured, row)} if urls else {})
        for row in configured.rows
        for secret in (row.secrets or (_none(),))
    ]
    if json_:
        document: dict[str, Any] = {"schema": SCHEMA, "public_url": configured.public_url, "senders": rows}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    elif rows:
        out().print(table("", tuple(rows[0]), [tuple(row.values()) for row in rows], right=("events",)))
    else:
        out().print("Nobody may send us webhooks yet: recoup hooks add VENDOR", markup=False)
    return DONE


def _none() -> "Secret":
    from integrations.signing import Secret

    return Secret("none is set", "")


def _configured(settings: Settings) -> "Configured":
    from web.senders import FILE_NAME, read

    return read(settings.home / FILE_NAME)


def _write(settings: Settings, configured: "Configured") -> None:
    """Write, then read again: what cannot be used is put back as it was."""
    from settings_file import SettingsError
    from web.sender_file import write
    from web.senders import FILE_NAME, read

    file = settings.home / FILE_NAME
    before = read(file)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(file, configured)
    try:
        read(file)
    except SettingsError:
        write(file, before)
        raise


def _address(settings: Settings, configured: "Configured", row: "SenderRow") -> str:
    base = configured.public_url or f"http://{settings.web.host}:{settings.web.port}"
    return f"{base}/hooks/{row.vendor}/{row.tenant}"


def _secret(row: "SenderRow", file: Path | None, make: bool) -> "Secret":
    from integrations.signing import Secret

    if make:
        import base64

        # Base64, because Standard Webhooks takes nothing else and everybody else takes any text.
        value = base64.b64encode(chance.token_bytes(SECRET_BYTES)).decode()
    elif file is not None:
        value = file.read_text("utf-8").strip()
    elif sys.stdin.isatty():
        import getpass

        value = getpass.getpass(f"Signing secret of {row.vendor}: ").strip()
    else:
        value = sys.stdin.readline().strip()
    if not value:
        fail("the secret is empty", "", "Pipe it in, or --secret-file FILE", WRONG_USE, NOTHING)
    taken = {each.name for each in row.secrets}
    today = datetime.now(UTC).date().isoformat()
    names = [today, *(f"{today}-{number}" for number in range(2, 9))]
    return Secret(next(each for each in names if each not in taken), value)


def _options(pairs: Sequence[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if any(not sign or not value for _, sign, value in split):
        fail("an option is written NAME=VALUE", "", "For example --option php_form=yes", WRONG_USE, NOTHING)
    return {name: value for name, _, value in split}


def _end(until: str) -> datetime:
    if not until:
        return datetime.now(UTC) + OLD_FOR
    try:
        return datetime.combine(date.fromisoformat(until), time(), UTC)
    except ValueError:
        fail(f"--until {until} is no day", "", "Write it like 2026-12-01", WRONG_USE, NOTHING)


def _used(settings: Settings) -> "dict[tuple[str, str], Used]":
    """What each secret was used for; nothing where there is no database yet."""
    from store import db
    from store.inbox_admin import used
    from tasks.database import NotReady, open_database

    try:
        engine = open_database(settings, change=False)
    except NotReady:
        return {}
    with db.reading(engine) as connection:
        found = {(each.sender, each.secret): each for each in used(connection)}
    engine.dispose()
    return found

"""Writing `hooks.toml`: one whole new file in place of the old one, readable by its owner only."""

import json
import os
import secrets as chance
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from domain.instants import to_text
from integrations.signing import Secret
from web.senders import BODY_LIMIT, MOST_SECRETS, Configured, SenderRow

TENANT_BYTES = 24
"""192 random bits in the address: nobody finds it by trying."""
HEAD = """\
# Who may send us webhooks. Written by `recoup hooks`; comments of your own are lost when it writes again.
# Read again by a running receiver as soon as it changes. Keep it at mode 600: it holds secrets.
"""


def new_tenant() -> str:
    """A part of an address that nobody can guess."""
    return chance.token_urlsafe(TENANT_BYTES)


def with_secret(row: SenderRow, secret: Secret, old_until: datetime) -> SenderRow:
    """The row with a new secret first, and the newest one before it until that instant; older ones are dropped."""
    before = [replace(each, until=min(each.until or old_until, old_until)) for each in row.secrets[: MOST_SECRETS - 1]]
    return replace(row, secrets=(secret, *before))


def write(file: Path, configured: Configured) -> None:
    """Put the file in place of the old one, in one move, at mode 600."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(render(configured))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def render(configured: Configured) -> str:
    """The file's text."""
    lines = [HEAD]
    if configured.public_url:
        lines.append(f"public_url = {_text(configured.public_url)}\n")
    for row in configured.rows:
        lines += ["[[sender]]", *_lines(row), ""]
    return "\n".join(lines)


def _lines(row: SenderRow) -> Sequence[str]:
    lines = [f"name = {_text(row.name)}", f"vendor = {_text(row.vendor)}", f"tenant = {_text(row.tenant)}"]
    if row.body_limit != BODY_LIMIT:
        lines.append(f"body_limit = {row.body_limit}")
    if row.shop_id:
        lines.append(f"shop_id = {_text(row.shop_id)}")
    if row.options:
        pairs = ", ".join(f"{_text(name)} = {_text(value)}" for name, value in sorted(row.options.items()))
        lines.append(f"options = {{ {pairs} }}")
    for secret in row.secrets:
        lines += ["", "[[sender.secret]]", f"name = {_text(secret.name)}", f"value = {_text(secret.value)}"]
        if secret.until:
            lines.append(f"until = {to_text(secret.until)}")
    return lines


def _text(value: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's too, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")

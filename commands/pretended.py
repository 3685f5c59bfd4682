"""The pretended vendors for people without accounts: the command that starts them and the settings that find them.

They have their own home folder below the real one, so that pretended money never meets the real ledger.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from settings import FILE_NAME, keys, variable

HOST = "127.0.0.1"
FOLDER = "sandbox"


def home(real: Path) -> Path:
    """Where everything pretended is kept."""
    return real / FOLDER


def command(port: int, mail_port: int, seed: Path | None = None) -> tuple[str, ...]:
    """The command line that serves all pretended vendors over HTTP, and a mail server that keeps what it gets."""
    words = [sys.executable, "-m", "integrations.sandbox", "--port", str(port), "--mail-port", str(mail_port)]
    return (*words, *(("--seed", str(seed.absolute())) if seed else ()))


def variables(port: int, mail_port: int) -> dict[str, str]:
    """The settings that point at them; the keys are as pretended as the vendors."""
    from integrations.gorgias.client import VENDOR as HELPDESK
    from integrations.stripe.client import VENDOR as PAYMENTS
    from integrations.twilio.client import VENDOR as TEXTS

    address = f"http://{HOST}:{port}"
    return {
        "RECOUP_PAYMENTS__URL": f"{address}/{PAYMENTS}",
        "RECOUP_PAYMENTS__SECRET_KEY": "sk_test_pretended",
        "RECOUP_TEXTS__URL": f"{address}/{TEXTS}",
        "RECOUP_TEXTS__ACCOUNT_SID": "AC" + "0" * 32,
        "RECOUP_TEXTS__AUTH_TOKEN": "pretended",
        "RECOUP_TEXTS__SENDER": "+15005550006",
        "RECOUP_HELPDESK__URL": f"{address}/{HELPDESK}",
        "RECOUP_HELPDESK__USER": "support@example.com",
        "RECOUP_HELPDESK__API_KEY": "pretended",
        "RECOUP_PORTAL__URL": f"{address}/loop",
        "RECOUP_PORTAL__API_KEY": "pretended",
        "RECOUP_STOREFRONT__URL": f"{address}/shopify",
        "RECOUP_STOREFRONT__TOKEN": "pretended",
        "RECOUP_FEEDS__EASYPOST_URL": f"{address}/easypost",
        "RECOUP_FEEDS__EASYPOST_KEY": "pretended",
        "RECOUP_REFUNDS__MOVER": "storefront",
        "RECOUP_REFUNDS__HOME_COUNTRY": "US",
        "RECOUP_MAIL__HOST": HOST,
        "RECOUP_MAIL__PORT": str(mail_port),
        "RECOUP_MAIL__USER": "",
        "RECOUP_MAIL__PASSWORD": "",
        "RECOUP_MAIL__SECURITY": "none",
    }


def write_file(folder: Path, chosen: Mapping[str, str]) -> Path:
    """Keep the settings as the folder's settings file, so that `RECOUP_HOME=FOLDER recoup plan` finds the same."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["# Written at every start of the pretended vendors: where they listen.", ""]
    # A key within its group, `mail.port = "1"`, is TOML too; what has no group stands first.
    for key in sorted(keys(), key=lambda name: ("." in name, name)):
        if (value := chosen.get(variable(key))) is not None:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    file = folder / FILE_NAME
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    return file

"""The pretended vendors for people without accounts: the command that starts them and the settings that find them.

They have their own home folder below the real one, so that pretended money never meets the real ledger.
"""

import sys
from pathlib import Path

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
        "RECOUP_MAIL__HOST": HOST,
        "RECOUP_MAIL__PORT": str(mail_port),
        "RECOUP_MAIL__USER": "",
        "RECOUP_MAIL__PASSWORD": "",
        "RECOUP_MAIL__SECURITY": "none",
    }

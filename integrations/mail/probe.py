"""Whether the mail server can be reached and takes our login: greeting, encryption, login, NOOP; no mail."""

import aiosmtplib

from integrations.errors import Unavailable
from integrations.mail.client import VENDOR, Server, _connect

CALL = "say hello"


async def probe(server: Server) -> None:
    """Return when the server answers and takes our login; raise the VendorError that fits otherwise."""
    line = await _connect(server, CALL)
    try:
        await line.noop()
        await line.quit(timeout=1.0)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unavailable(VENDOR, CALL, f"lost after the login ({type(error).__name__})") from error
    finally:
        line.close()

"""The groups of settings, each with what a value must look like. Frozen; unknown keys are refused."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be an IANA time zone like Europe/Berlin") from error
    return name


def _address(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address like https://api.example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https:// unless it is on this machine")
    return url.rstrip("/")


def _database(url: str) -> str:
    if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        # A worker starts its runs in other folders, so a relative path would be several databases.
        raise ValueError("must name a whole path, with four slashes: sqlite:////srv/recoup/recoup.db")
    return url


def _secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() != secret.get_secret_value().strip():
        raise ValueError("has a space or a line break at one end; take it off")
    return secret


def absolute(path: Path) -> Path:
    """The path as it is, whatever folder a run is started in."""
    return path.expanduser().absolute()


Address = Annotated[str, AfterValidator(_address)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
DatabaseUrl = Annotated[str, AfterValidator(_database), Field(repr=False)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Part(BaseModel):
    """What all groups share: frozen, unknown keys refused, and no value in an error message."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Shop(Part):
    """The shop in whose name we act; its zone decides what "today" is."""

    name: str = ""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"


class Payments(Part):
    """The payments vendor. An empty `url` is the vendor's own address."""

    url: Address = ""
    secret_key: Secret = SecretStr("")


class Texts(Part):
    """The vendor that sends SMS. `sender` is our number in E.164, or a messaging service's id."""

    url: Address = ""
    account_sid: str = ""
    auth_token: Secret = SecretStr("")
    sender: str = ""


class Helpdesk(Part):
    """The helpdesk: `url` is our own address there, `user` the login of the API key."""

    url: Address = ""
    user: str = ""
    api_key: Secret = SecretStr("")


class Mail(Part):
    """The SMTP server that mails leave through. `none` is for a server on this machine only."""

    host: str = ""
    port: Port = 587
    user: str = ""
    password: Secret = SecretStr("")
    security: Literal["starttls", "tls", "none"] = "starttls"


class Portal(Part):
    """The returns portal. An empty `url` is the vendor's own address; `shop_id` is our number there."""

    url: Address = ""
    api_key: Secret = SecretStr("")
    shop_id: str = ""


class Storefront(Part):
    """The shop system: `url` is our own address there, `token` the Admin API's access token."""

    url: Address = ""
    token: Secret = SecretStr("")


class Feeds(Part):
    """The carrier feeds. An empty address is the vendor's own; a feed without a key is not asked."""

    aftership_url: Address = ""
    aftership_key: Secret = SecretStr("")
    easypost_url: Address = ""
    easypost_key: Secret = SecretStr("")


class Refunds(Part):
    """Early refunds. `mover` is who moves the money, exactly one; `home_country` is where returned parcels go."""

    mover: Literal["", "storefront", "payments", "portal"] = ""
    home_country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    address_key: Secret = SecretStr("")
    """The key of the hash by which delivery addresses are counted; never change it. Empty takes the shop's name."""


class Web(Part):
    """Where the receiver of webhooks listens, and for how many days it keeps the bodies.

    `runs_at_once` of what it wakes is for PostgreSQL; on SQLite there is one.
    """

    host: str = "127.0.0.1"
    port: Port = 8600
    keep_bodies_days: Annotated[int, Field(ge=7, le=400)] = 90
    runs_at_once: Annotated[int, Field(ge=1, le=16)] = 4


class Prefect(Part):
    """Where `recoup up` binds the Prefect server, or the `api_url` of one that runs elsewhere."""

    host: str = "127.0.0.1"
    port: Port = 4200
    api_url: Address = ""
    auth_string: Secret = SecretStr("")

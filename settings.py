"""What differs between machines: the only reader of the environment.

A value comes from a variable (`RECOUP_PAYMENTS__SECRET_KEY`), else from `recoup.toml` in the home folder
(`[payments]` `secret_key = "…"`), else from the default here. The home folder is RECOUP_HOME, else `./.recoup`.
No default talks to the world: without a key no vendor is called. Nothing is read at import; `load()` reads once.
Variables that begin with RECOUP_TEST_ or RECOUP_BENCH_ belong to the tests and benchmarks and are not looked at.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr, ValidationError

from settings_file import Problem, SettingsError, read_file, shape, suggestion, unknown
from settings_groups import (
    LOOPBACK,
    DatabaseUrl,
    Feeds,
    Helpdesk,
    Mail,
    Part,
    Payments,
    Portal,
    Prefect,
    Refunds,
    Shop,
    Storefront,
    Texts,
    Web,
    absolute,
)

__all__ = [
    "LOOPBACK",
    "Problem",
    "Settings",
    "SettingsError",
    "home_folder",
    "is_set",
    "keys",
    "last_four",
    "load",
    "masked",
    "need",
    "need_all",
    "use",
    "variable",
]

PREFIX = "RECOUP_"
NOT_OURS = ("RECOUP_TEST_", "RECOUP_BENCH_")
FILE_NAME = "recoup.toml"
SHOWN_OF_A_SECRET = 4
LONG_ENOUGH_TO_SHOW_AN_END = 12


class Settings(Part):
    """Everything that differs between machines. `home` holds the embedded database, logs and `recoup.toml`."""

    home: Path
    database_url: DatabaseUrl
    database_owner_url: DatabaseUrl = ""
    """The role that owns the tables and may migrate them; empty where it is the same (SQLite)."""
    policies_dir: Annotated[Path, AfterValidator(absolute)]
    shop: Shop = Shop()
    payments: Payments = Payments()
    texts: Texts = Texts()
    helpdesk: Helpdesk = Helpdesk()
    mail: Mail = Mail()
    portal: Portal = Portal()
    storefront: Storefront = Storefront()
    feeds: Feeds = Feeds()
    refunds: Refunds = Refunds()
    web: Web = Web()
    prefect: Prefect = Prefect()

    @property
    def file(self) -> Path:
        """The settings file, whether it exists or not."""
        return self.home / FILE_NAME

    @property
    def prefect_api_url(self) -> str:
        """Where clients find Prefect's API."""
        host = "127.0.0.1" if self.prefect.host == "0.0.0.0" else self.prefect.host
        return self.prefect.api_url or f"http://{host}:{self.prefect.port}/api"


_in_use: list[Settings] = []


def load(*, env: Mapping[str, str] | None = None, home: Path | None = None) -> Settings:
    """The settings of this process, read once; raise SettingsError naming every setting that cannot be used.

    With `env` or `home` (tests, children) they are read from there and nothing is remembered.
    """
    if env is not None or home is not None:
        return _read(os.environ if env is None else env, home)
    if not _in_use:
        _in_use.append(_read(os.environ, None))
    return _in_use[0]


def use(settings: Settings) -> None:
    """Make `load()` return these from now on: how a command points its own process at the pretended vendors."""
    _in_use[:] = [settings]


def need(settings: Settings, key: str) -> str:
    """The value of e.g. `payments.secret_key` as text; SettingsError with the two ways to set it if empty."""
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if not text:
        remedy = f"Set {variable(key)} or {key} in {settings.file}"
        raise SettingsError(Problem("", key, "is not set", remedy))
    return text


def need_all(settings: Settings, keys: Iterable[str]) -> None:
    """SettingsError naming every one of the keys that is not set, each with the two ways to set it."""
    missing: list[Problem] = []
    for key in keys:
        try:
            need(settings, key)
        except SettingsError as error:
            missing += error.problems
    if missing:
        raise SettingsError(*missing)


def is_set(settings: Settings, *keys: str) -> bool:
    """True where every one of the keys has a value."""
    try:
        need_all(settings, keys)
    except SettingsError:
        return False
    return True


def variable(key: str) -> str:
    """`payments.secret_key` → `RECOUP_PAYMENTS__SECRET_KEY`."""
    return PREFIX + key.replace(".", "__").upper()


def last_four(secret: SecretStr) -> str:
    """How a secret may be named in output: `…9f3k`, or `set` where it is too short to show even that."""
    text = secret.get_secret_value()
    if not text:
        return "not set"
    return f"…{text[-SHOWN_OF_A_SECRET:]}" if len(text) >= LONG_ENOUGH_TO_SHOW_AN_END else "set"


def masked(url: str) -> str:
    """A database address without its password."""
    return re.sub(r"(//[^:/@]*):.*@", r"\1:…@", url)


def keys() -> Iterator[str]:
    """Every key that can be set, e.g. `shop.time_zone`, except `home`, which is RECOUP_HOME only."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Part):
            yield from (f"{name}.{inner}" for inner in field.annotation.model_fields)
        elif name != "home":
            yield name


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The home folder, without reading any other setting."""
    return Path((os.environ if env is None else env).get("RECOUP_HOME") or ".recoup").expanduser().absolute()


def _read(env: Mapping[str, str], home: Path | None) -> Settings:
    folder = home.absolute() if home else home_folder(env)
    file = folder / FILE_NAME
    known = set(keys())
    written = read_file(file, known)
    named = {variable(key): key for key in known}
    from_env = {named[name]: (name, value) for name, value in env.items() if name in named}
    problems = [problem for key, (where, _) in written.items() if (problem := unknown(where, key, known))]
    problems += [
        Problem(name, "variable", "is not a setting", suggestion(name, named))
        for name in env
        if name.startswith(PREFIX) and name not in named and name != "RECOUP_HOME" and not name.startswith(NOT_OURS)
    ]
    defaults = {
        "home": ("default", folder),
        "database_url": ("default", f"sqlite:///{folder / 'recoup.db'}"),
        "policies_dir": ("default", Path(__file__).resolve().parent / "policies"),
    }
    chosen = {**defaults, **{key: written[key] for key in written if key in known}, **from_env}
    try:
        settings = Settings.model_validate(_nested({key: value for key, (_, value) in chosen.items()}))
    except ValidationError as error:
        raise SettingsError(*problems, *_explained(error, chosen)) from None
    if problems:
        raise SettingsError(*problems)
    return settings


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in flat.items():
        group, _, name = key.rpartition(".")
        (result.setdefault(group, {}) if group else result)[name] = value
    return result


def _explained(error: ValidationError, chosen: Mapping[str, tuple[str, Any]]) -> Iterator[Problem]:
    for found in error.errors(include_input=False, include_url=False):
        key = ".".join(map(str, found["loc"]))
        where, value = chosen.get(key, ("settings", None))
        what = found["msg"].removeprefix("Value error, ").replace("Input should", "should")
        yield Problem(where, key, f"{what}; the value is {shape(value)}", "Correct it and start again")

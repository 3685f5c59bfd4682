"""Settings: where a value comes from, and errors that name the place, the key and the remedy but never the value."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import settings
from settings import SettingsError, load

SECRET = "sk_live_" + "q7" * 12


def written(home: Path, text: str) -> Path:
    """A home folder with this settings file."""
    home.mkdir(exist_ok=True)
    (home / "recoup.toml").write_text(text, "utf-8")
    return home


def problem(home: Path, text: str = "", **env: str) -> str:
    """What the error says about these settings."""
    with pytest.raises(SettingsError) as caught:
        load(env=env, home=written(home, text))
    return str(caught.value)


def test_nothing_has_to_be_set_and_no_default_names_a_vendor(tmp_path: Path) -> None:
    found = load(env={}, home=tmp_path)
    assert found.database_url == f"sqlite:///{tmp_path}/recoup.db"
    assert found.shop.time_zone == "UTC"
    assert [found.payments.url, found.texts.url, found.helpdesk.url, found.mail.host] == [""] * 4
    assert not any(
        settings.is_set(found, f"{group}.{key}")
        for group, key in [
            ("payments", "secret_key"),
            ("texts", "auth_token"),
            ("helpdesk", "api_key"),
            ("mail", "password"),
        ]
    )


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    home = written(tmp_path, '[shop]\nname = "File"\nlanguage = "de"\n')
    found = load(env={"RECOUP_SHOP__NAME": "Variable"}, home=home)
    assert (found.shop.name, found.shop.language, found.shop.currency) == ("Variable", "de", "USD")


def test_the_home_folder_comes_from_its_variable_and_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(env={"RECOUP_HOME": "here"}).home == tmp_path / "here"
    assert load(env={}).home == tmp_path / ".recoup"


@pytest.mark.parametrize(
    ("text", "env", "says"),
    [
        ('[payments]\nsecret_ky = "x"\n', {}, ["recoup.toml:2: payments.secret_ky", "mean payments.secret_key"]),
        ('\n[paymnts]\nurl = "x"\n', {}, ["recoup.toml:2: paymnts", "is not a setting"]),
        ("", {"RECOUP_SHOP__TIMEZONE": "UTC"}, ["RECOUP_SHOP__TIMEZONE", "Did you mean RECOUP_SHOP__TIME_ZONE?"]),
        ("", {"RECOUP_SHOP__TIME_ZONE": "Berlin"}, ["RECOUP_SHOP__TIME_ZONE: shop.time_zone", "of 6 characters"]),
        ("[prefect]\nport = 70000\n", {}, ["recoup.toml:2: prefect.port", "65535", "a whole number of 5 digits"]),
        ("", {"RECOUP_PREFECT__PORT": "many"}, ["RECOUP_PREFECT__PORT", "integer", "a text of 4 characters"]),
        ('[payments]\nurl = "http://example.com"\n', {}, ["recoup.toml:2: payments.url", "https://"]),
        ('[helpdesk]\nurl = "example"\n', {}, ["recoup.toml:2: helpdesk.url", "https://api.example.com"]),
        ("", {"RECOUP_SHOP__CURRENCY": "eur"}, ["RECOUP_SHOP__CURRENCY", "shop.currency", "pattern"]),
        ('database_url = "mysql://x"\n', {}, ["recoup.toml:1: database_url", "sqlite:///"]),
        ('database_url = "sqlite:///recoup.db"\n', {}, ["recoup.toml:1: database_url", "four slashes"]),
        ('[mail]\nsecurity = "ssl"\n', {}, ["recoup.toml:2: mail.security", "starttls"]),
        ("[shop\n", {}, ["recoup.toml: file: cannot be read", "line 1"]),
        ("shop = 3\n", {}, ["recoup.toml:1: shop: is not a setting"]),
    ],
)  # fmt: skip
def test_an_error_names_place_key_and_remedy(tmp_path: Path, text: str, env: dict[str, str], says: list[str]) -> None:
    said = problem(tmp_path, text, **env)
    assert [part for part in says if part not in said] == []


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    said = problem(tmp_path, "[prefect]\nport = 0\nprt = 1\n", RECOUP_SHOP__TIME_ZONE="Mars", RECOUP_SHOPS="x")
    assert said.startswith("4 settings cannot be used:")
    assert all(part in said for part in ("prefect.port", "prefect.prt", "shop.time_zone", "RECOUP_SHOPS"))


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(env={}, home=tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_bytes(b'\xef\xbb\xbf[shop]\nname = "B"\n')
    assert load(env={}, home=tmp_path).shop.name == "B"


def test_a_missing_setting_says_both_ways_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.need(load(env={}, home=tmp_path), "payments.secret_key")
    assert str(caught.value) == (
        "payments.secret_key: is not set. "
        f"Set RECOUP_PAYMENTS__SECRET_KEY or payments.secret_key in {tmp_path}/recoup.toml"
    )


def test_all_missing_settings_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.need_all(load(env={"RECOUP_MAIL__HOST": "m"}, home=tmp_path), ["mail.host", "mail.user", "shop.name"])
    assert [found.key for found in caught.value.problems] == ["mail.user", "shop.name"]


@pytest.mark.parametrize(
    "key", ["RECOUP_PAYMENTS__SECRET_KEY", "RECOUP_TEXTS__AUTH_TOKEN", "RECOUP_PAYMENTS__SECRET_KY"]
)
def test_a_secret_is_in_no_error_and_no_text_of_the_settings(tmp_path: Path, key: str) -> None:
    said = problem(tmp_path, f'[prefect]\nport = "{SECRET}"\n[shop]\ntime_zone = "{SECRET}"\n', **{key: f"{SECRET} "})
    assert SECRET not in said
    found = load(
        env={"RECOUP_PAYMENTS__SECRET_KEY": SECRET, "RECOUP_DATABASE_URL": f"postgresql+psycopg://u:{SECRET}@h/d"},
        home=tmp_path / "x",
    )
    assert SECRET not in repr(found) + str(found)
    assert SECRET not in settings.masked(found.database_url)
    assert settings.need(found, "payments.secret_key") == SECRET


def test_an_address_with_a_password_is_shown_without_it() -> None:
    assert settings.masked("postgresql+psycopg://app:p@ss@db/recoup") == "postgresql+psycopg://app:…@db/recoup"
    assert settings.masked("postgresql+psycopg://app:pass@db/recoup") == "postgresql+psycopg://app:…@db/recoup"
    assert settings.masked("sqlite:////srv/recoup.db") == "sqlite:////srv/recoup.db"


@given(st.text(min_size=1, max_size=40))
def test_never_more_than_four_characters_of_a_secret_are_shown(secret: str) -> None:
    shown = settings.last_four(SecretStr(secret))
    assert len(shown.removeprefix("…")) <= 4
    assert len(secret) >= 12 or shown == "set"


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="frozen"):
        load(env={}, home=tmp_path).shop.name = "x"  # type: ignore[misc]


def test_a_settings_value_of_the_tests_is_not_looked_at(tmp_path: Path) -> None:
    assert load(env={"RECOUP_TEST_POSTGRESQL": "x", "RECOUP_BENCH_ROWS": "1"}, home=tmp_path).home == tmp_path


def test_every_key_has_a_variable_that_is_read(tmp_path: Path) -> None:
    for key in list(settings.keys()):
        value = {"prefect.port": "1", "mail.port": "1", "mail.security": "none", "shop.currency": "EUR",
                 "shop.language": "de", "shop.time_zone": "UTC", "policies_dir": "/p", "database_url": "sqlite:////x",
                 "database_owner_url": "sqlite:////y", "refunds.mover": "storefront",
                 "refunds.home_country": "DE", "web.port": "1", "web.keep_bodies_days": "7",
                 "web.runs_at_once": "2"}.get(key, "https://x.example")  # fmt: skip
        found = load(env={settings.variable(key): value}, home=tmp_path)
        assert settings.need(found, key) == value, key


def test_importing_settings_reads_nothing(tmp_path: Path) -> None:
    """A broken file must not break whoever only imports."""
    written(tmp_path, "broken [")
    code = "import settings; print(settings._in_use)"
    env = {**os.environ, "RECOUP_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_only_the_settings_and_named_places_read_the_environment() -> None:
    """A second reader would be a setting that nobody validates and nobody can find."""
    root = Path(settings.__file__).parent
    allowed = {
        "commands/demo_home.py",
        "settings.py",
        "commands/output.py",
        "commands/shell.py",
        "deployments/processes.py",
        "deployments/supervisor.py",
    }
    packages = ("commands", "deployments", "domain", "flows", "integrations", "ledger", "policies", "store", "tasks")
    files = [root / "cli.py", *(file for name in packages for file in (root / name).rglob("*.py"))]
    reading = re.compile(r"getenv|environ\.get|environ\[[^]]+\](?! *=)|\*\*os\.environ|environ\.items")
    readers = {str(file.relative_to(root)) for file in files if reading.search(file.read_text("utf-8"))}
    assert readers - allowed == set()


def test_a_home_that_does_not_exist_is_not_made_by_reading(tmp_path: Path) -> None:
    load(env={}, home=tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()

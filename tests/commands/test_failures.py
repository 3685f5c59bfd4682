"""Every error that recoup can raise is rendered for a person: what, cause or fix, the right exit code, no traceback."""

import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from commands import output
from commands.failures import MEANINGS, bug, failure_of
from commands.output import Failure, show
from policies.findings import Finding
from settings_file import Problem

PACKAGES = ("settings_file", "deployments", "domain", "flows", "integrations", "ledger", "policies", "store", "tasks")
MESSAGE = "what went wrong with in_123"
NOT_FOR_PEOPLE = {
    "deployments.supervisor.StopAsked": "ends the start of `recoup up` from within",
    "domain.strict_json.UnreadableJson": "becomes an event in quarantine, with its reason",
    "integrations.export_rows.CellError": "becomes a row in quarantine, with its line",
    "integrations.fields.Damaged": "becomes Unreadable in every client, or an item in quarantine",
    "integrations.signing.NotSigned": "is answered 401 by the receiver",
    "integrations.stripe.sandbox_shelves.ApiError": "is an answer of the pretended vendor",
    "integrations.shopify.sandbox_refunds.UserError": "is an answer of the pretended vendor",
    "integrations.shopify.sandbox_shop.GraphError": "is an answer of the pretended vendor",
}
"""Exceptions that never reach the command line, and why."""


def error_classes() -> list[type[Exception]]:
    """Every exception class that is defined in our packages."""
    found: dict[str, type[Exception]] = {}
    for package in PACKAGES:
        for module in modules(package):
            for _, kind in inspect.getmembers(module, inspect.isclass):
                name = f"{kind.__module__}.{kind.__qualname__}"
                if issubclass(kind, Exception) and kind.__module__ == module.__name__ and name not in NOT_FOR_PEOPLE:
                    found[name] = kind
    return [found[name] for name in sorted(found)]


def modules(package: str) -> Iterator[Any]:
    """The package and every module below it, but for migrations, which only alembic can import."""
    top = importlib.import_module(package)
    yield top
    for each in pkgutil.walk_packages(getattr(top, "__path__", []), f"{package}."):
        if ".migrations" not in each.name:
            yield importlib.import_module(each.name)


def made(kind: type[Exception]) -> Exception:
    """An error of this class, with an argument of the right kind for each parameter."""
    skipped = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    needed = [each for each in parameters if each.default is inspect.Parameter.empty and each.kind not in skipped]
    return kind(*(sample(str(parameter.annotation)) for parameter in needed))


def sample(annotation: str) -> Any:
    """A value of the annotated type; a parameter without one is a message."""
    if "Problem" in annotation:
        return Problem("recoup.toml:3", "shop.name", "is not set", "Set it")
    if "Finding" in annotation:
        return (Finding("dunning.toml", 3, "days", "is not a list", "write days = [1, 3]"),)
    if "Iterable" in annotation or "tuple" in annotation:
        return ("amount", "currency")
    return MESSAGE


def rendered(failure: Failure, width: int = 300) -> str:
    """What a person sees on stderr."""
    stream = io.StringIO()
    show(failure, Console(file=stream, width=width, no_color=True))
    return stream.getvalue()


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_error_class_says_what_and_what_to_do(kind: type[Exception]) -> None:
    failure = failure_of(made(kind))
    assert failure is not None, (
        f"add {kind.__module__}.{kind.__qualname__}, or a base class, to commands.failures.MEANINGS"
    )
    text = rendered(failure)
    assert text.startswith("✗ ")
    assert "fix:" in text
    assert failure.code in (output.FAILED, output.WRONG_USE, output.FOUND, output.NOT_AUTHORISED)
    assert "None" not in text
    assert "Traceback" not in text
    assert len(failure.what) > 3


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_meaning_belongs_to_an_error_that_there_is(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), kind), Exception)


def test_refused_credentials_have_their_own_exit_code_and_say_where_to_mend_them() -> None:
    from integrations.errors import Unauthorised

    failure = failure_of(Unauthorised("stripe", "list renewals", "refused our credentials (401)"))
    assert failure is not None
    assert failure.code == 4
    assert rendered(failure) == (
        "✗ stripe: list renewals: refused our credentials (401)\n"
        "  cause: The vendor refused our credentials\n"
        "  fix:   Put the right key into the settings; recoup doctor names them\n"
        "  note:  Every step that was begun is on record; run it again, nothing happens twice.\n"
    )


def test_an_interruption_is_told_from_a_failure() -> None:
    failure = failure_of(KeyboardInterrupt())
    assert failure is not None
    assert (failure.code, failure.what) == (130, "Interrupted")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "none.csv").open()
    failure = failure_of(caught.value)
    assert failure is not None
    assert f"{tmp_path}/none.csv" in failure.what
    assert failure.code == 2


def test_an_unforeseen_error_is_kept_in_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret details")

    with pytest.raises(ZeroDivisionError) as caught:
        broken()
    assert failure_of(caught.value) is None
    failure = bug(caught.value, tmp_path, "plan dunning")
    (kept,) = (tmp_path / "errors").iterdir()
    assert kept.name.startswith("E-")
    assert "secret details" in kept.read_text("utf-8")
    assert "recoup plan dunning" in kept.read_text("utf-8")
    assert kept.stat().st_mode & 0o077 == 0
    text = rendered(failure)
    assert str(kept) in text
    assert "secret details" not in text
    assert "recoup ledger verify" in text


def test_an_unforeseen_error_is_told_even_where_no_file_can_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "could not be written" in rendered(bug(ValueError("x"), blocked, "plan"))


def test_square_brackets_in_a_message_are_text() -> None:
    assert "[bold]x[/bold]" in rendered(Failure("order [bold]x[/bold]", "because", "do"))

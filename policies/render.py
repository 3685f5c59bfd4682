"""A text with its values filled in. Pure. A missing value or text is an error that names file and value, never a blank.

Some values are sentences chosen by what is known: a greeting with or without a name, the pay link or an offer to
send one, the next charge or none. A text so promises no charge that nobody planned and shows no empty link.
"""

import unicodedata
from collections.abc import Mapping
from string import Template
from typing import NamedTuple

from policies.messages import Messages, Source
from policies.wording import SMS_LENGTH, sms_length

LONGEST_NAME = 80
"""Characters that a person's name keeps."""

EMPTY = "(not known)"
"""What a note to our own team says where a value is empty."""

CHOICES = {
    "greeting": ("name", "part_greeting_name", "part_greeting"),
    "how_to_pay": ("pay_link", "part_pay_link", "part_pay_reply"),
    "what_next": ("retry_on", "part_retry", "part_no_retry"),
}
"""By value: the fact it depends on, the piece where the fact is known, the piece where it is empty."""

REMEDY = "what_to_do"


class Text(NamedTuple):
    """A text as a person reads it."""

    subject: str
    body: str
    language: str
    """The language it is in."""
    asked: tuple[str, ...]
    """The languages that were looked for, in order; more than one means that an own one is missing."""


class RenderError(Exception):
    """A text cannot be filled in; the message names file and value. Nothing was sent."""


def render(messages: Messages, name: str, language: str, values: Mapping[str, str]) -> Text:
    """The message in the person's language or the nearest there is.

    `values` are texts, dates and amounts already formatted (`policies.formats`), raw facts for the chosen sentences:
    `name`, `pay_link`, `retry_on` (each may be empty) and `remedy`. Raises RenderError.
    """
    asked = messages.chain(language)
    tongue = asked[-1]
    source = _source(messages, name, tongue)
    clean = {key: _clean_name(value) if key == "name" else _clean(value) for key, value in values.items()}
    if messages.entries[name].kind == "note":
        clean = {key: value or EMPTY for key, value in clean.items()}
    filled = {key: _value(messages, source, key, tongue, clean) for key in _used(source)}
    body = Template(source.body).substitute(filled)
    subject = " ".join(Template(source.subject).substitute(filled).split())
    if messages.entries[name].kind == "sms":
        _check_sms(source, body)
    return Text(subject, body, tongue, asked)


def _value(messages: Messages, source: Source, key: str, tongue: str, values: Mapping[str, str]) -> str:
    """One value of a text: given, or a sentence chosen by what is known."""
    if key in CHOICES:
        fact, known, unknown = CHOICES[key]
        piece = known if _need(source, fact, values, empty=True) else unknown
    elif key == REMEDY:
        remedy = _need(source, "remedy", values, empty=True)
        piece = f"part_do_{remedy or 'nothing_special'}"
    else:
        return _need(source, key, values)
    part = _source(messages, piece, tongue)
    return Template(part.body).substitute({name: _need(part, name, values) for name in _used(part)})


def _need(source: Source, key: str, values: Mapping[str, str], *, empty: bool = False) -> str:
    if key not in values:
        raise RenderError(f"policies/{source.file}: the value ${key} was not given; nothing was sent")
    if not values[key] and not empty:
        raise RenderError(f"policies/{source.file}: the value ${key} is empty; nothing was sent")
    return values[key]


def _source(messages: Messages, name: str, tongue: str) -> Source:
    source = messages.sources.get((name, tongue))
    if source is None:
        raise RenderError(f"policies/messages/{name}/{tongue}.txt is missing; nothing was sent")
    return source


def _used(source: Source) -> list[str]:
    return sorted({*Template(source.subject).get_identifiers(), *Template(source.body).get_identifiers()})


def _clean(value: str) -> str:
    """One line without control or invisible direction characters, so that a name cannot add a header or a line."""
    kept = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in value)
    kept = "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cf", "Cs", "Co"))
    return " ".join(kept.split())


def _clean_name(value: str) -> str:
    """A name for a greeting; empty where it holds an address, which somebody else's sign-up may have planted."""
    name = _clean(value)[:LONGEST_NAME].strip()
    return "" if any(mark in name.lower() for mark in ("://", "www.", "@", "/")) else name


def _check_sms(source: Source, body: str) -> None:
    length = sms_length(body)
    if length < 0:
        raise RenderError(f"policies/{source.file}: a value holds a letter that a text message cannot carry")
    if length > SMS_LENGTH:
        raise RenderError(f"policies/{source.file}: takes {length} of {SMS_LENGTH} characters; shorten it")

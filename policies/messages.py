"""The texts under `policies/messages`, with what each may use, as one frozen value.

`policies/messages.toml` lists them; a text that is missing in a language, uses a value it must not use, or is
not listed is noted. What the words say is looked at in `policies/wording.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from policies.findings import Finding, suggest
from policies.reading import Table

KINDS = ("mail", "sms", "note", "part")
WITH_SUBJECT = frozenset({"mail", "note"})
WORDS = ("advertising", "secret", "sms", "promise", "stop")
SUBJECT = "Subject: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one message is: who reads it and which values it uses."""

    name: str
    kind: str
    needs: frozenset[str]
    may: frozenset[str]
    promises: bool = False
    """True for the one piece that promises a later charge."""
    stops: bool = False
    """True where the text must say how to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One text in one language, as the file has it."""

    file: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Every text in every language. The first language is the shop's own."""

    languages: tuple[str, ...]
    entries: Mapping[str, Entry]
    sources: Mapping[tuple[str, str], Source]
    """By (message, language)."""
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Forbidden words by class and language."""

    def language_for(self, wanted: str) -> str:
        """The language in which somebody is written to: `de-AT` falls back to `de`, then to the shop's own."""
        return self.chain(wanted)[-1]

    def chain(self, wanted: str) -> tuple[str, ...]:
        """The languages that were looked for, in order; the last one is there."""
        asked: list[str] = []
        parts = wanted.replace("_", "-").lower().split("-")
        for length in range(len(parts), 0, -1):
            tag = "-".join(parts[:length])
            if tag:
                asked.append(tag)
            if tag in self.languages:
                return tuple(asked)
        return (*asked, self.languages[0])


def read_messages(table: Table, folder: Path) -> Messages:
    """The register and every file of it; what is wrong is noted in the table's findings."""
    languages = table.texts("languages")
    if not languages:
        table.note("languages", "is empty", 'at least the shop\'s own: languages = ["en"]')
        languages = ("en",)
    entries = read_register(table)
    words = table.table("words")
    forbidden = {name: {tag: words.table(name).texts(tag) for tag in languages} for name in WORDS}
    words.close()
    table.close()
    found = _read_files(folder, table.findings)
    _note_strays(found, entries, languages, table.findings)
    sources = {key: source for key, source in found.items() if key[0] in entries}
    for entry in entries.values():
        _check_files(entry, languages, sources, table.findings)
    return Messages(languages=languages, entries=entries, sources=sources, words=forbidden)


def read_register(table: Table) -> dict[str, Entry]:
    """What `messages.toml` says of each message, by name."""
    entries: dict[str, Entry] = {}
    for item in table.tables("message"):
        _read_entries(item, entries)
    return entries


def placeholders(source: Source) -> frozenset[str]:
    """The values that a text uses."""
    return frozenset(Template(source.subject).get_identifiers()) | frozenset(Template(source.body).get_identifiers())


def _read_entries(item: Table, entries: dict[str, Entry]) -> None:
    kind = item.text("kind", choices=KINDS)
    needs, may = frozenset(item.texts("needs")), frozenset(item.texts("may", default=[]))
    promises, stops = item.flag("promises", False), item.flag("stops", False)
    for name in item.texts("names"):
        if name in entries:
            item.note("names", f'holds "{name}" a second time', "each message once")
        entries[name] = Entry(name=name, kind=kind, needs=needs, may=may, promises=promises, stops=stops)
    item.close()


def _read_files(folder: Path, findings: list[Finding]) -> dict[tuple[str, str], Source]:
    found = {}
    for path in sorted(folder.glob("*/*.txt")):
        name = f"messages/{path.parent.name}/{path.name}"
        try:
            text = path.read_text(encoding="utf-8-sig").strip("\n")
        except UnicodeDecodeError:
            findings.append(Finding(name, 0, "", "is not UTF-8 text", "save it again as UTF-8"))
            continue
        subject = ""
        if text.startswith(SUBJECT.strip()):
            first, _, text = text.partition("\n")
            subject = first.removeprefix(SUBJECT.strip()).strip()
        found[path.parent.name, path.stem] = Source(file=name, subject=subject, body=text.strip("\n"))
    return found


def _note_strays(
    found: Mapping[tuple[str, str], Source],
    entries: Mapping[str, Entry],
    languages: tuple[str, ...],
    findings: list[Finding],
) -> None:
    for (name, language), source in found.items():
        if name not in entries:
            help = suggest(name, tuple(entries)) if suggest(name, tuple(entries)).endswith("?") else ""
            findings.append(Finding(source.file, 0, "", "is not listed in messages.toml", help or "list it there"))
        elif language not in languages:
            findings.append(
                Finding(source.file, 0, "", f'"{language}" is not among the languages', "see messages.toml: languages")
            )


def _check_files(
    entry: Entry, languages: tuple[str, ...], sources: Mapping[tuple[str, str], Source], findings: list[Finding]
) -> None:
    before = len(findings)
    for language in languages:
        source = sources.get((entry.name, language))
        if source is None:
            file = f"messages/{entry.name}/{language}.txt"
            findings.append(Finding(file, 0, "", "is missing", "every text exists in every language"))
        else:
            _check_form(entry, source, findings)
            _check_values(entry, source, findings)
    if len(findings) == before:
        # A value that is wrong in one language would make all others differ from it; one cause, one finding.
        _check_same([sources[entry.name, language] for language in languages], findings)


def _check_same(sources: list[Source], findings: list[Finding]) -> None:
    first = placeholders(sources[0])
    for source in sources[1:]:
        odd = ", ".join(f"${name}" for name in sorted(placeholders(source) ^ first))
        if odd:
            problem = f"does not use the same values as {sources[0].file}: {odd}"
            findings.append(Finding(source.file, 0, "", problem, "use the same"))


def _check_form(entry: Entry, source: Source, findings: list[Finding]) -> None:
    for part, text in (("subject", source.subject), ("text", source.body)):
        if not Template(text).is_valid():
            help = "a value is written $amount, a dollar sign itself $$"
            findings.append(Finding(source.file, 0, part, "has a $ that starts no value", help))
    if entry.kind in WITH_SUBJECT and not source.subject:
        findings.append(Finding(source.file, 1, "", "has no subject", f"first line: {SUBJECT}…"))
    if entry.kind not in WITH_SUBJECT and source.subject:
        findings.append(Finding(source.file, 1, "", f"has a subject, which a {entry.kind} has not", "remove the line"))
    if not source.body:
        findings.append(Finding(source.file, 0, "", "says nothing", "write the text"))


def _check_values(entry: Entry, source: Source, findings: list[Finding]) -> None:
    used = placeholders(source)
    allowed = entry.needs | entry.may
    for name in sorted(used - allowed):
        findings.append(Finding(source.file, 0, f"${name}", "is no value of this text", suggest(name, tuple(allowed))))
    for name in sorted(entry.needs - used):
        findings.append(Finding(source.file, 0, f"${name}", "is missing", "this text has to say it"))

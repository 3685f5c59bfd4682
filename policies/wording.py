"""What the words of a text say: no advertising in a notice, no secret of the bank, no promise that nobody planned.

Also that a text message fits into one (160 characters of the GSM alphabet; 3GPP TS 23.038) and says how to stop.
"""

from string import Template

from policies.findings import Finding
from policies.messages import Entry, Messages, Source

SMS_LENGTH = 160
SAMPLE_SHOP = "Northwind Outdoor & Co. GmbH"
"""A longish shop's name, to see whether a text message still fits."""

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_DOUBLE = frozenset("^{}\\[~]|€")
"""Characters that take the room of two."""


def check_words(messages: Messages) -> list[Finding]:
    """Everything that a text to a customer says and must not, and what a text message lacks."""
    findings: list[Finding] = []
    for (name, language), source in messages.sources.items():
        entry = messages.entries[name]
        if entry.kind == "note":
            continue
        for words, why in _forbidden(entry):
            for word in messages.words.get(words, {}).get(language, ()):
                if says(source, word):
                    findings.append(Finding(source.file, _line(source, word), "", f'says "{word.strip()}"', why))
        if entry.kind == "sms":
            findings += _check_sms(entry, source, messages.words.get("stop", {}).get(language, ()))
    return findings


def says(source: Source, word: str) -> bool:
    """Whether a word of the text starts with `word`; capital letters do not matter."""
    return _find(f"{source.subject}\n{source.body}", word) >= 0


def sms_length(text: str) -> int:
    """How much of the 160 a text message takes; -1 where a character is not in the GSM alphabet."""
    if any(letter not in GSM and letter not in GSM_DOUBLE for letter in text):
        return -1
    return len(text) + sum(letter in GSM_DOUBLE for letter in text)


def _forbidden(entry: Entry) -> list[tuple[str, str]]:
    rules = [
        ("advertising", "that makes the mail advertising, with other consent and an opt-out; leave it out"),
        ("secret", "the reason of a refusal is never told; leave it out"),
    ]
    if not entry.promises:
        rules.append(("promise", "no later charge may be planned; use $what_next"))
    if entry.kind == "sms":
        rules.append(("sms", "carriers stop such texts; leave it out"))
    return rules


def _check_sms(entry: Entry, source: Source, stop_words: tuple[str, ...]) -> list[Finding]:
    findings = []
    sample = Template(source.body).safe_substitute(shop=SAMPLE_SHOP)
    length = sms_length(sample)
    if length < 0:
        odd = "".join(sorted({letter for letter in sample if letter not in GSM and letter not in GSM_DOUBLE}))
        findings.append(
            Finding(source.file, 0, "", f"uses {odd}, which a text message cannot carry", "write it otherwise")
        )
    if length > SMS_LENGTH:
        problem = f"takes {length} of {SMS_LENGTH} characters with a shop's name of {len(SAMPLE_SHOP)}"
        findings.append(Finding(source.file, 0, "", problem, "make it shorter"))
    if entry.stops and not any(word in source.body for word in stop_words):
        findings.append(Finding(source.file, 0, "", "does not say how to stop", f"mention {' or '.join(stop_words)}"))
    return findings


def _find(text: str, word: str) -> int:
    lowered, wanted = text.lower(), word.lower()
    position = lowered.find(wanted)
    while position > 0 and wanted[0].isalpha() and lowered[position - 1].isalpha():
        position = lowered.find(wanted, position + 1)
    return position


def _line(source: Source, word: str) -> int:
    """The line in the file; the body of a text with a subject starts on line 3."""
    if _find(source.subject, word) >= 0:
        return 1
    before = 3 if source.subject else 1
    return before + source.body.count("\n", 0, max(0, _find(source.body, word)))

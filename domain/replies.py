"""What a person meant with a short text back to us: opt out, cancel, opt in, help, or something for a person to read.

An opt-out may be said in any reasonable way (47 CFR 64.1200(a)(10): `stop quit end revoke opt out cancel unsubscribe`
always count), but a word inside a sentence is not one: "Please stop and read this message" opts nobody out. Decided by
the whole text, by one of its clauses, or by a phrase that says what is to stop. Pure; the same text means the same.
"""

import re
import unicodedata
from typing import NamedTuple

PER_SE = frozenset({"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"})
"""The words of the rule itself: each counts as a clause of its own, also beside other clauses."""

STOP_WORDS = PER_SE | frozenset(
    {
        *("stopall", "stop all", "optout", "remove", "td", "halt", "unsub", "unsubscribed", "opted out", "sms off"),
        *("arret", "arrete", "arretez", "desabonner", "desinscrire", "no mas", "ya no", "basta", "alto", "parar"),
        *("baja", "detener", "cancelar", "sair", "abmelden", "abbestellen", "aufhoren", "afmelden", "kundigen"),
    }
)
"""What carriers and vendors act on too, and the plain word in the languages that customers write."""

MISSPELT = {
    **dict.fromkeys(("stpo", "sotp", "tsop", "stp", "atop", "dtop", "srop", "stopl", "stop1", "st op"), "stop"),
    **dict.fromkeys(("cancle", "cansel", "cancal", "cncel", "canel"), "cancel"),
    **dict.fromkeys(("unsubcribe", "unsubscibe", "unsuscribe", "unsubscrbe", "unscribe"), "unsubscribe"),
    **dict.fromkeys(("qiut", "qut"), "quit"),
}
"""Misspellings that stand for nothing else. "shop", "step" and "and" are words, so they are not here."""

CANCEL_WORDS = frozenset({"cancel", "cancelar", "kundigen"})
"""Opt-outs that also ask for the end of the subscription (case 65 of the dunning cases)."""

OPT_IN_WORDS = frozenset({"start", "unstop"})
"""YES is not here: carriers take it as an opt-in, but it is also a plain answer. A person decides."""

HELP_WORDS = frozenset({"help", "info", "aide", "ayuda", "hilfe"})

POLITE = (
    "please pls plz plss thanks thank you thx ty ok okay now right immediately asap today hi hello hey sorry just no "
    "yes yeah can could would will must need want to i wish like id said say u it this that already all everything me "
    "bitte danke por favor gracias sil vous plait svp merci per favore grazie obrigado"
)
"""Words that change nothing at the ends of a clause."""

SAID = r"(?:texts?|texting|messages?|messaging|msgs?|sms|spam|spamming)"
_FILL = r"(?:(?:all|of|with|the|these|this|those|your|sending|me|us|any|more|so|many) )*"
OPT_OUT_PHRASES = (
    rf"\b(?:stop|quit|end|cancel) {_FILL}{SAID}\b",
    r"\bstop (?:contacting|bothering|harassing|writing|calling)\b",
    r"\bstop sending(?: (?:me|us|this|these|it|any|more|anymore|stuff|things))*$",
    rf"\b(?:do not|dont|never|no longer) (?:ever )?send (?:me |us )?{_FILL}{SAID}\b",
    rf"\b(?:do not|dont|never|no longer|quit) (?:ever )?(?:{SAID}|contact|contacting|bother|bothering|write|call)"
    r"(?: me| us| this| my| again| any\w*|$)",
    rf"\bno more (?:of )?(?:these |your |this )?{SAID}\b",
    r"\bno (?:quiero|deseo) (?:mas )?(?:mensajes|sms)\b|\bkeine (?:sms|nachrichten) mehr\b",
    r"\bplus de (?:sms|messages)\b",
    r"\b(?:take|get) me (?:off|out)\b|\b(?:remove|delete) (?:me|my (?:phone )?number)\b",
    r"\btake my (?:phone )?number off\b",
    r"\bunsubscribe (?:me|from|this|my)\b|\bopt(?:ing)? (?:me )?out\b",
    r"\b(?:revoke|withdraw)(?:ing)? (?:my |all )*(?:consent|permission)\b|\bi do not consent\b",
    r"\bleave me alone\b|\blose my number\b|\bgo away\b",
)
"""Sentences that say that our texts shall stop."""

STRANGER_PHRASES = (r"\bwrong (?:number|person|guy)\b",)
"""The number belongs to somebody who never consented."""

_THING = r"(?:subscriptions?|membership|account|order|plan|box|renewal|auto ?renew\w*|service|contract)"
CANCEL_PHRASES = (
    rf"\b(?:cancel\w*|end|stop|terminate|close|quit) (?!by |at |of |in )(?:\w+ ){{0,3}}{_THING}\b",
    r"\b(?:want|like|need|wish|how|going|trying|asked|tried|please|already|i|ive) (?:\w+ ){0,4}cancel(?:l?ed|l?ing)?\b",
    rf"\b{_THING} (?:\w+ ){{0,3}}cancell?ed\b",
    r"\bstop charging (?:me|us|my)\b|\b(?:do not|dont) (?:charge|renew) (?:me|us|my|it|this|again)\b",
    r"\bno longer want (?:it|this|the)\b",
)
"""Sentences that ask for the end of the subscription: a person answers. By themselves they are no opt-out."""

_NEGATED = re.compile(
    r"\b(?:do not|dont|does not|doesnt|never|cant|cannot|wont|didnt|not|without) (?:(?!you\b)\w+ ){0,2}"
    r"(?:stop\w*|end|quit\w*|cancel\w*|opt out|unsubscribe\w*)\b"
)
_REACTION = re.compile(
    r"\s*(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted .{1,20} to|removed an? .{1,20} from) "
    r"[\"“«]",
    re.IGNORECASE,
)


_SHOUTED = re.compile(r"\W*STOP\b.*[a-z]", re.DOTALL)
"""A text that begins with the keyword as we print it and goes on in small letters: "STOP and cancel my plan"."""


class TextReply(NamedTuple):
    """What a text means. All false: only a person can tell."""

    opt_out: bool = False
    """No further text to this number."""
    cancel: bool = False
    """They ask to end the subscription: a person answers, and dunning holds."""
    opt_in: bool = False
    help: bool = False
    rule: str = ""
    """`T-1` to `T-9`: which of the tests decided."""
    reason: str = ""


def read_text(body: str) -> TextReply:
    """What a short text from a person to our number means, with the rule and the reason. Never raises."""
    if _REACTION.match(body):
        # Phones send a "like" as a text that quotes ours, and ours says how to opt out.
        return TextReply(rule="T-9", reason="a reaction that quotes our own text")
    clauses = [clause for part in re.split(r"[.!?,;:\n\r…()]+|\s[-\u2013\u2014]\s", body) if (clause := _plain(part))]
    text = _joined(" ".join(clauses))
    said = _NEGATED.sub(" ", text)
    cancels = _says(CANCEL_PHRASES, said)
    word = _stop_word(text, STOP_WORDS)
    clause = word or next((found for part in clauses if (found := _stop_word(part, PER_SE))), "")
    clause = clause or ("stop" if _SHOUTED.match(body) else "")
    if clause:
        rule, where = ("T-1", "the text is") if word else ("T-2", "one clause is")
        cancels = cancels or clause in CANCEL_WORDS
        return TextReply(opt_out=True, cancel=cancels, rule=rule, reason=f"{where} {clause!r}, which always opts out")
    if _says(OPT_OUT_PHRASES, said):
        return TextReply(opt_out=True, cancel=cancels, rule="T-3", reason="a sentence says to send no more texts")
    if _says(STRANGER_PHRASES, said):
        return TextReply(opt_out=True, rule="T-4", reason="the number belongs to somebody else")
    if cancels:
        return TextReply(cancel=True, rule="T-5", reason="a sentence asks to end the subscription")
    if text in OPT_IN_WORDS:
        return TextReply(opt_in=True, rule="T-6", reason=f"the text is {text!r}")
    if text in HELP_WORDS:
        return TextReply(help=True, rule="T-7", reason=f"the text is {text!r}")
    return TextReply(rule="T-8", reason="not understood; a person reads it")


def _plain(text: str) -> str:
    """Lower case without accents, apostrophes and signs, one space between words."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    kept = re.sub(r"['\u2019\u2018`\u00b4]", "", bare.casefold())
    return " ".join(re.sub(r"[^\w]+|_", " ", kept).split())


def _joined(text: str) -> str:
    """`s t o p` as `stop`; anything else as it is."""
    return text.replace(" ", "") if re.fullmatch(r"\w(?: \w){2,}", text) else text


def _squeezed(text: str) -> str:
    """`stooop` and `stop stop` as `stop`: repeated letters and words count once."""
    words = re.sub(r"(\w)\1+", r"\1", text).split()
    return " ".join(word for index, word in enumerate(words) if index == 0 or word != words[index - 1])


_POLITE = frozenset(POLITE.split())
_WORDS = {_squeezed(word): word for word in STOP_WORDS} | {_squeezed(wrong): right for wrong, right in MISSPELT.items()}


def _stop_word(clause: str, allowed: frozenset[str]) -> str:
    """The stop word that a clause is, without the polite words around it, or ""."""
    words = clause.split()
    while words:
        found = _WORDS.get(_squeezed(" ".join(words)), "")
        if found in allowed:
            return found
        if words[0] in _POLITE:
            words = words[1:]
        elif words[-1] in _POLITE:
            words = words[:-1]
        else:
            return ""
    return ""


def _says(phrases: tuple[str, ...], text: str) -> bool:
    return any(re.search(phrase, text) for phrase in phrases)

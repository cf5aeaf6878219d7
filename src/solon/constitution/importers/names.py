"""Ids that people can read, and aims from the words of a principle."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from solon.constitution.importers.vocabulary import ASIDE, GRAMMAR, LIKELY, SURE, TALK
from solon.constitution.model import ID_PATTERN, Aim
from solon.types import digest

MAX_ID = 64
NEGATIONS = frozenset(
    ("not", "no", "never", "without", "nor", "nobody", "nothing", "none", "cannot", "less", "least", "fewer")
)
WORDS = 5

_POSITIONAL = re.compile(r"^(?:[a-z]{1,20}[-_ .]*\d+[a-z]?|\d[\d-]*|[a-z]|[ivxlc]+|[0-9a-f]{8,}(?:-[0-9a-f]+)*)$")

# The table behind inferred aims. A section or category decides first, then what the text opens with, then all of it, by
# the number of its words in each row; where none tells, its form does (`_by_form`). A tie is "own": nothing is guessed.
AIM_WORDS: dict[Aim, str] = {
    "harmless": (
        r"harm\w*|hurt\w*|injur\w+|kill\w*|stalk\w*|spy|spying|hack\w*|steal\w*|malware|suicid\w+|hazard\w*|"
        r"unharm\w*|safe|safer|safety|safeguard\w*|secur\w+|illegal\w*|unlawful\w*|"
        r"crim\w+|danger\w*|violen\w+|weapon\w*|"
        r"toxic\w*|racis\w+|sexis\w+|misogyn\w*|bias\w*|discriminat\w+|hate\w*|hateful|offensive\w*|insult\w*|abus\w+|"
        r"unethical\w*|immoral\w*|inappropriate\w*|insensitiv\w+|objectionable|privacy|private|threat\w*|malicious\w*|"
        r"prohibited|derogatory|tortur\w+|cruel\w*|slavery|exploit\w*|coerc\w+|manipulat\w+|fraud\w*|theft|risk\w*|"
        r"red.lines?|age.appropriate|family.friendly|disallowed|personal (?:data|details|information)|passwords?|"
        r"bank details|confidential\w*|consent|identity check|backdoors?|leaks?|minors?|child(?:ren)?|erotic\w*|gore|"
        r"extremis\w+|terroris\w+|emergenc\w+|self-harm|slurs?|stereotyp\w+|contempt|demean\w*|degrad\w+|endanger\w*|"
        r"legal advice|medical advice|diagnos\w+|illicit|drugs?|pirat\w+|copyright\w*|neighbours?|neighbors?|"
        r"another (?:person|"
        r"tenant|customer|user|patient)(?:['’]s)?"
    ),
    "helpful": (
        r"(?<!never )(?<!not )(?<!n't )(?<!refuse to )(?<!refuses to )help|helps|helpful\w*|helping|useful\w*|utility|"
        r"relevan\w+|concise\w*|clear|clearly|clarity|actionable|practical\w*|competen\w+|expert\w*|on.topic|assist|"
        r"assists|assisting|thorough\w*|plain|plainly|everyday words|jargon|short|shorter|brief\w*|next step|"
        r"steps?|politely?|"
        r"warm\w*|patien(?:t|ce)|friendly|kind|kinder|kindly|courte\w+|tone|complain\w*|language|format\w*|"
        r"appointments?|opening hours|"
        r"answers? the question|level of (?:the )?(?:detail|person|reader)|length|creativ\w+|curio\w+|"
        r"empath\w+|apologi\w+|deadlines?"
    ),
    "honest": (
        r"honest\w*|dishonest\w*|truth\w*|untruth\w*|accura\w+|inaccura\w+|factual\w*|facts?|evidence\w*|uncertain\w*|"
        r"uncertainty|calibrat\w+|confidence|transparen\w+|decept\w+|deceiv\w*|mislead\w*|hallucinat\w+|sincer\w+|"
        r"citations?|cites?|sources?|fabricat\w+|doubt|lies?|lying|unsure|not sure|how sure|does not know|"
        r"invent\w*|made.up|makes? up|"
        r"guess\w*|promis\w+|limits?|opinions?|sycophan\w+|flatter\w*|objective\w*|is an AI|a (?:human|"
        r"person)\b|false|correct(?:s|ed)?"
    ),
}
_AIM_TESTS = {aim: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for aim, words in AIM_WORDS.items()}
# A text that asks for more of what harms is no principle of harmlessness.
_FURTHERS = re.compile(
    r"\b(?:encourag\w+|promot\w+|add|more|most|maximi[sz]\w+)\b(?:\W+\w+){0,4}?\W+(?:violen\w+|racis\w+|sexis\w+|"
    r"harmful|toxic\w*|illegal|doxxing|hate\w*|inequality|deception|lying|cruel\w*)\b",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:no|not|never|avoid\w*|remov\w+|less|least|without|refrain\w*|discourag\w+|oppos\w+|reject\w*|refus\w+|"
    r"whether|prevent\w*|reduc\w+)\b|n['’]t\b",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"^\W*(?:(?:the |an? |your )?\w+(?: reply)?(?:,)? )?(?:must |should |shall |will |may |do |does |can)?"
    r"(?:never|not|no|nobody|avoids?|refus\w+|declin\w+|n['’]t|cannot|don['’]?t|doesn['’]t|won['’]t)\b",
    re.IGNORECASE,
)
_SERVES = re.compile(
    r"\b(?:answers?|explains?|names?|gives?|offers?|tells?|says?|points?|suggests?|guides?|provides?|lists?|"
    r"shows?|asks?|"
    r"keeps?|uses?|writes?|supports?|follows?|adapts?|summari[sz]es?|describes?|recommends?|mentions?|"
    r"includes?|speaks?|"
    r"welcomes?|listens?|be|is|are|begins?|ends?|starts?|repl(?:y|ies)|responds?|lets?|makes?|takes?|puts?|reminds?)\b",
    re.IGNORECASE,
)
_NAMED: dict[str, Aim] = {
    "harmlessness": "harmless",
    "helpfulness": "helpful",
    "honesty": "honest",
    "harmless": "harmless",
    "helpful": "helpful",
    "honest": "honest",
}


def words_of(text: str) -> list[str]:
    """The words of `text` in plain lower-case ASCII; camelCase and snake_case come apart, as do don't and can't."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("’", "'")
    apart = re.sub(
        r"(?i)\b(ca|wo|sha)n't\b", lambda m: {"ca": "can", "wo": "will", "sha": "shall"}[m[1].lower()] + " not", apart
    )
    apart = re.sub(r"(?i)n't\b", " not", apart)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().lower()
    return re.findall(r"[a-z0-9]+", re.sub(r"'(?:s|t|re|ve|ll|d|m)\b", "", plain))


def rank(key: object) -> int:
    """How surely a key names principles: 2 surely, 1 likely, 0 not at all."""
    words = words_of(str(key))
    if not words or (ASIDE & set(words) and words[-1] not in LIKELY):
        return 0
    return 2 if SURE & set(words) else 1 if LIKELY & set(words) else 0


def telling_words(text: str) -> list[str]:
    """The words that say what a principle is about, each once, in order, with the "not" that turns them."""
    words = list(dict.fromkeys(words_of(text)))
    grammatical = [w for w in words if w in NEGATIONS or (w not in GRAMMAR and not w.isdigit() and len(w) < 25)]
    telling = [w for w in grammatical if w not in TALK]
    return telling if len(telling) > 1 else grammatical or words


def _forbidden(text: str) -> str:
    """The id of a text that opens by forbidding: its own words ("Don't ask for bank details, …"), "" for any other."""
    phrase = re.split(r"[,;:.!?()–—]", text.strip(), maxsplit=1)[0]
    words = words_of(phrase)
    if words[:1] not in (["never"], ["no"]) and words[:2] not in (["do", "not"], ["do", "no"], ["must", "not"]):
        return ""
    words = words[: 2 * WORDS - 3]
    while words and words[-1] in GRAMMAR - NEGATIONS:
        words.pop()
    return slug(words) if len(words) > 2 else ""


def slug(words: list[str]) -> str:
    """The words joined by hyphens, as many as fit an id."""
    joined = "-".join(words)
    while len(joined) > MAX_ID - 4 and len(words) > 1:
        words = words[:-1]
        joined = "-".join(words)
    return joined[: MAX_ID - 4].strip("-")


def meaningful(key: str) -> str:
    """The id that a key of the source makes ("noViolence" → "no-violence"), "" where it only counts ("harmful0")."""
    words = words_of(key)
    if not words or len(words) > WORDS + 1 or _POSITIONAL.match(key.strip().lower()):
        return ""
    name = slug(words)
    return "" if _POSITIONAL.match(name) or len(name) < 3 else name


def kept_id(given: str, taken: Collection[str]) -> str:
    """The id that a file gives, as an id of ours ("Do_Not_Lie" → "do-not-lie"); "" where that is none, or is taken."""
    plain = re.sub(r"[\s_.]+", "-", given.strip().lower())
    return plain if re.fullmatch(ID_PATTERN, plain) and len(plain) <= MAX_ID and plain not in taken else ""


def make_id(key: str, text: str, taken: Collection[str]) -> str:
    """An id that is not taken: the source's own name, else the first telling words of the text."""
    base = meaningful(key)
    if base and base not in taken:
        return base
    words = telling_words(text)
    if base:
        return _counted(base, taken)
    if (forbidden := _forbidden(text)) and forbidden not in taken:
        return forbidden
    size = WORDS + sum(word in NEGATIONS for word in words[:WORDS])
    first = words[:size]
    for more in ([], *([word] for word in words[size:])):
        if (name := slug([*first, *more])) and name not in taken:
            return name
    return _counted(slug(first) or f"text-{digest(text)[:8]}", taken)


def _counted(base: str, taken: Collection[str]) -> str:
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return base if base not in taken else f"{base}-{number}"


def infer_aim(*hints: str) -> Aim:
    """The aim that the first telling hint names, or has most words of, or that the text's form suggests.

    Hints go from the surest to the text, which comes last. "own" when none tells, when words of several aims tie, or
    when the text asks for harm. A guess, right for about two in three of the shipped principles, on which the
    words were grown; of other texts fewer may be right. import says so.
    """
    *named_first, text = hints
    if _FURTHERS.search(text) and not _AGAINST.search(text):
        return "own"
    for hint in named_first:
        named = {_NAMED[word] for word in words_of(hint) if word in _NAMED}
        aim = named.pop() if len(named) == 1 else _by_words(hint.replace("_", " "))
        if aim:
            return aim
    opening = re.split(r"[;:.](?:\s|$)|,? but ", text, maxsplit=1)[0]
    told = _by_words(opening) or _by_words(text)
    if told or any(test.search(text) for test in _AIM_TESTS.values()):
        return told or "own"
    return _by_form(opening) or "own"


def _by_form(text: str) -> Aim | None:
    """What forbids is taken to be about harm, what asks for something to be about help."""
    return "harmless" if _FORBIDS.search(text) else "helpful" if _SERVES.search(text) else None


def _by_words(text: str) -> Aim | None:
    """The aim with more of its words in `text` than any other; None at a tie."""
    counts = {aim: len(test.findall(text)) for aim, test in _AIM_TESTS.items()}
    best = max(counts.values())
    winners = [aim for aim, count in counts.items() if count == best]
    return winners[0] if best and len(winners) == 1 else None

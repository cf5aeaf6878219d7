"""The telling words of a sentence, to see whether one says what another says. Words only, English first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_UNTELLING = """
a about above after all also always am an and another any anyone anything are as ask asked asks asking at be because
been before being both but by can cannot could did do does doing done each either else ever every everyone everything
for from get gets give given gives go good had has have having he her hers him his how if in instead into is it its
itself just keep keeps know knows let lets like made make makes making may me might mine more most much must my no
nobody none nor not nothing of off on once one only onto or other others our ours out over own rather same say says
shall she should so some somebody someone something such take takes tell tells than that the their theirs them
themselves then there these they this those to too under unless until up upon us use very was we were what when where
whether which while who whom whose why will with within without would yes you your yours never don doesn isn aren won
can't reply replies answer answers response responses assistant assistants agent agents chatbot model user users
people
"""
_STOP = frozenset(_UNTELLING.split())
_ENDINGS = "ations ation ingly ness edly ings ing ies ied ers est ed er es ly s e y"  # the longest first
_ALIKE = 5  # first letters that make two stems one: disclosure, discloses

_FORBIDS = re.compile(
    r"\b(?:never|(?:must|may|shall|should|can|will|do|does|is|are) not|cannot|(?:can|won|must|should|don|doesn)['’]t"
    r"|prohibited|forbidden|under no circumstances|no (?:one|agent|assistant|employee|reply|answer))\b",
    re.I,
)
_CLAUSE = re.compile(r"\b(?:if|when|where|unless|until|because|since|who|whose|which|that|what)\b[^,;:.]*", re.I)
_HOLDS_BACK = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|nor|neither|without|cannot|\w+n['’]t|avoid\w*|refus\w+|declin\w+|refrain\w*"
    r"|prevent\w*|withh\w+|stops?|only|unless|instead|rather|keeps?|leaves?|rejects?|except|free of)\b",
    re.I,
)


def telling(text: str) -> list[str]:
    """The words of `text` that say what it is about, case-folded and without 's, in order."""
    words = re.findall(r"[^\W\d_]+(?=['’][^\W\d_]+)|(?<!['’])[^\W\d_]+", text.casefold())
    return [word for word in words if word not in _STOP and len(word) > 1]


def stem(word: str) -> str:
    """`word` without its ending, roughly."""
    for suffix in _ENDINGS.split():
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word.removesuffix(suffix)
            break
    return word


def stems(text: str) -> set[str]:
    """The stems of the telling words of `text`."""
    return {stem(word) for word in telling(text)}


def shared(some: Iterable[str], others: Iterable[str]) -> set[str]:
    """The stems that are among `others` too, or begin as one of them does."""
    known = set(others)
    begins = {word[:_ALIKE] for word in known if len(word) >= _ALIKE}
    return {s for s in some if s in known or s[:_ALIKE] in begins}


def forbids(text: str) -> bool:
    """Whether `text` says, outside of its conditions, that something is not to be done."""
    return _FORBIDS.search(_CLAUSE.sub("", text)) is not None


def holds_back(text: str) -> bool:
    """Whether any word of `text` denies or limits something."""
    return _HOLDS_BACK.search(text) is not None


def slug(text: str, taken: Iterable[str], otherwise: str) -> str:
    """A readable id that is not `taken`: the telling words of `text`, as few as make it unique."""
    used = set(taken)
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    denied = re.search(r"\b(?:never|no|not|declines|refuses|avoids)\b", ascii_text, re.I)
    words = [re.sub(r"[^a-z0-9]", "", word) for word in telling(ascii_text)]
    words = list(dict.fromkeys(word for word in words if word)) or [otherwise]
    words = [denied.group().lower(), *words] if denied and denied.group().lower() not in words else words
    for count in range(min(4, len(words)), min(8, len(words)) + 1):
        if (name := "-".join(words[:count])[:56].strip("-")) not in used:
            return name
    base = "-".join(words[:4])[:56].strip("-")
    return next(name for n in range(2, len(used) + 3) if (name := f"{base}-{n}") not in used)

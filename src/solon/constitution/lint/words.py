"""Texts as the rules compare them: folded, cut into words and sentences, without the openings that say nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from solon.constitution.lint.vocabulary import EMPTY, ENGLISH, IRREGULAR, TYING, VAGUE, VERBS

OPENING_WORDS = 8  # the longest run of words that counts as a common opening or closing

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_SPEAKER = r"(?:assistant|model|ai|chat ?bot|bot|system|agent|response|reply|replies|answer|output)s?"
_MODAL = r"(?:should|must|shall|will|would|can|ought to|needs? to|has to|have to|is expected to|aims? to|tries to)"
# "A good reply", "The assistant's response should", "Please choose the response that is", "I": conventions
# which say nothing about what is demanded.
_OPENING = re.compile(
    rf"^\W{{0,9}}(?:please\s+)?"
    rf"(?:(?:choose|select|pick|prefer)\s+(?:the|a)\s+(?:\w+\s+)?{_SPEAKER}\s+(?:that(?:'s|’s)?|which)\s*(?:is|are|was)?\s*"
    rf"|(?:an?|the|every|each|any|all|your|our|its)?\s*(?:(?:good|ideal|great|best|better|excellent|proper)\s+)?"
    rf"(?:ai\s+)?{_SPEAKER}(?:['’]s?\s+{_SPEAKER})?\b\s*(?:always\s+)?(?:{_MODAL}\s+)?(?:always\s+)?(?:be\s+)?"
    rf"|(?:i|we|you)\s+(?:always\s+)?(?:{_MODAL}\s+)?(?:always\s+)?)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_NEGATION = re.compile(
    r"\b(?:do(?:es)?|is|are|can|will|would|should|must)(?:\s+not|n['’]t)\b|\bcannot\b|\bnever\b|\bno\b", re.I
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "es", "ed", "ly", "s", "e", "y")


def fold(text: str) -> str:
    """Case, punctuation, width and spacing folded away: equal for texts that say the same words."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def words(text: str) -> list[str]:
    """The words of `text`, lower case, in order."""
    return _WORD.findall(text.casefold())


def length(text: str) -> int:
    """How many words `text` has; of scripts that put no spaces between words, half its characters."""
    unspaced = sum(
        1 for c in text if "\u0e00" <= c <= "\u0eff" or "\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af"
    )
    return len(words(text)) + unspaced // 2


def sentences(text: str) -> list[str]:
    """Sentences, and clauses that a semicolon or a line end sets apart."""
    return [part for part in (s.strip() for s in _SENTENCE.split(text)) if part]


def demand(text: str) -> str:
    """`text` without an opening such as "A good reply" or "The assistant should"."""
    return text[match.end() :] if (match := _OPENING.match(text)) else text


def opening(text: str) -> str:
    """What `demand` leaves away."""
    return text[: len(text) - len(demand(text))]


def english(text: str) -> bool:
    """Whether the English word lists can judge `text`: a twelfth of it are words that tie English sentences
    together, or two fifths are words of the vocabulary."""
    found = words(text)
    tying = sum(word in ENGLISH for word in found)
    known = sum(word in EMPTY or word in VAGUE or base_form(word) is not None for word in found)
    return tying * 12 >= max(len(found), 1) or known * 5 >= max(len(found), 1) * 2


def stem(word: str) -> str:
    """`word` without its ending: crude, only for telling whether two words are forms of one."""
    word = re.sub(r"['’]s?$", "", word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def content(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order; every negation is "not"."""
    plain = _NEGATION.sub(" not ", unicodedata.normalize("NFKC", text).casefold())
    return [stem(word) for word in _WORD.findall(plain) if word not in TYING]


def without_common_ends(texts: Sequence[list[str]]) -> list[list[str]]:
    """Word lists less the openings and closings that at least a quarter of them (and three) share.

    Never more than half of a list goes, nor more than OPENING_WORDS at either end, so that texts which are
    nearly the same stay so.
    """
    reversed_ = _without_common_starts([list(reversed(words_)) for words_ in _without_common_starts(texts)])
    return [list(reversed(words_)) for words_ in reversed_]


def _without_common_starts(texts: Sequence[list[str]]) -> list[list[str]]:
    shared: Counter[tuple[str, ...]] = Counter()
    for words_ in texts:
        shared.update(tuple(words_[:end]) for end in range(1, _most(words_) + 1))
    enough = max(3, len(texts) / 4)
    cut = []
    for words_ in texts:
        ends = [end for end in range(_most(words_), 0, -1) if shared[tuple(words_[:end])] >= enough]
        cut.append(words_[ends[0] :] if ends else words_)
    return cut


def _most(words_: list[str]) -> int:
    return min(OPENING_WORDS, len(words_) // 2)


@cache
def base_form(word: str) -> str | None:
    """The verb that `word` is a form of, if the vocabulary knows it: "gives" is of "give"."""
    if word in VERBS:
        return word
    for ending, instead in (
        ("ies", "y"),
        ("es", ""),
        ("s", ""),
        ("ied", "y"),
        ("ing", ""),
        ("ing", "e"),
        ("ed", ""),
        ("d", ""),
    ):
        if word.endswith(ending) and word.removesuffix(ending) + instead in VERBS:
            return word.removesuffix(ending) + instead
    return None


def has_verb(text: str) -> bool:
    """Whether any word of `text` may be a verb."""
    return any(word in IRREGULAR or base_form(word) or word.endswith(("n't", "n’t")) for word in words(text))

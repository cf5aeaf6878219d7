"""What a prompt looks like, whatever it says: lengths, first word, mood, punctuation, casing. English in its words."""

from __future__ import annotations

import math
import re

from solon.promptsets.mood import MOODS, mood
from solon.sentences import sentences

MOST = 5  # marks of one kind that count
_MARKS = {
    "commas": re.compile(r","),
    "apostrophes": re.compile(r"['’]"),
    "quotation marks": re.compile(r"[\"“”«»]"),
    "colons and semicolons": re.compile(r"[:;]"),
    "dashes": re.compile(r"[–—]|\s-\s|-"),
    "exclamation marks": re.compile(r"!"),
    "question marks": re.compile(r"\?"),
    "full stops": re.compile(r"\."),
    "brackets": re.compile(r"[()\[\]{}]"),
    "digits": re.compile(r"\d"),
    "line breaks": re.compile(r"\n"),
}
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][a-z]+")
_I = re.compile(r"\bi\b|\bi['’]")


def words(text: str) -> int:
    """The number of words, as spaces part them."""
    return len(text.split())


def numbers_of(text: str) -> dict[str, float]:
    """The style of a prompt as numbers by name; its first word aside."""
    count, said = max(1, words(text)), mood(text)
    measured = {
        "words": math.log(count),
        "words squared": math.log(count) ** 2,
        "characters": math.log(max(1, len(text))),
        "characters a word": len(text) / count,
        "sentences": float(min(MOST, sum(1 for _ in sentences(text)))),
    }
    marks = {name: float(min(MOST, len(found.findall(text)))) for name, found in _MARKS.items()}
    end = text.rstrip()[-1:]
    ends = {f"ends in {mark}": float(end == mark) for mark in "?.!"}
    ends["ends without a mark"] = float(end.isalnum())
    moods = {f"is a {name}": float(said == name) for name in MOODS}
    return measured | marks | ends | moods | _casing(text)


def _casing(text: str) -> dict[str, float]:
    letters = [c for c in text if c.isalpha()]
    return {
        "begins with a small letter": float(bool(letters) and letters[0].islower()),
        "has no capital": float(not any(c.isupper() for c in letters)),
        "words in capitals": float(min(MOST, len(_CAPITALS.findall(text)))),
        "capitalised words inside": float(min(MOST, len(_NAME.findall(text)))),
        "small i": float(bool(_I.search(text))),
    }

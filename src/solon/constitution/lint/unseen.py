"""Characters that a reader does not see, though the model does, and spaces that are not plain.

What a language needs stays: joiners in Persian, Indic scripts and emoji, direction marks beside right-to-left
letters, the narrow spaces that French puts before punctuation, variation selectors.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Each pattern tries a run of spaces once, from its start: files of half a megabyte are read.

# Never meant in a constitution: soft hyphen, combining joiner, fillers, separators, zero-width space, word joiner,
# invisible operators, bidirectional embeddings, overrides and isolates, annotations, byte order mark, tags.
_NEVER = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# Meant after one letter, mark or sign of a script that needs them, which all come after U+058F.
_JOINERS = "\u200c\u200d\u200e\u200f\u061c\ufe00-\ufe0f\U000e0100-\U000e01ef"
_HIDDEN = re.compile(f"[{_NEVER}]|(?<![\u0590-\u1fff\u2070-\U000dffff0-9#*©®])[{_JOINERS}]")
_MARKS = re.compile("[\u200e\u200f\u061c]")
_FRENCH = r"(?<![«\d])[\u00a0\u202f](?![:;!?»%€$\d])"
_SPACE = re.compile(rf"{_FRENCH}|[\t\u1680\u2000-\u200a\u2028\u2029\u205f]")
_DOUBLE = re.compile(r"(?<=\S)  +(?=\S)")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+(?=\r?\n)")


def visible(text: str) -> str:
    """`text` without characters that nobody sees."""
    kept = _HIDDEN.sub("", text)
    while kept != text:  # what stood behind one of them may be the next
        text, kept = kept, _HIDDEN.sub("", kept)
    return kept if _right_to_left(kept) else _MARKS.sub("", kept)


def spaced(text: str) -> str:
    """`text` with single plain spaces. Spaces that start a line stay."""
    return _TRAILING.sub("", _DOUBLE.sub(" ", _SPACE.sub(" ", text)))


def hidden(text: str) -> list[str]:
    """The characters that `visible` leaves out, the most of one kind together."""
    left = Counter(text)
    left.subtract(visible(text))
    return [character for character, count in left.items() for _ in range(count)]


def odd_spaces(text: str) -> str:
    """What is odd about the spaces of `text`, in words."""
    names = [name(character).lower() for character in dict.fromkeys(_SPACE.findall(text))]
    if _DOUBLE.search(text):
        names.append("double spaces")
    if _TRAILING.search(text):
        names.append("spaces at the end of a line")
    return ", ".join(names[:3]) or "odd spaces"


def name(character: str) -> str:
    """The Unicode name of a character."""
    return "tab" if character == "\t" else unicodedata.name(character, "unnamed")


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)

"""SOL6xx: characters that a reader does not see, though the model does. All of it can be mended by `--fix`.

What a language needs stays: joiners in Persian, Indic scripts and emoji, direction marks beside right-to-left
letters, the narrow spaces that French puts before punctuation, variation selectors.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Passage, Target

INVISIBLE = Rule(
    "SOL601", "invisible-character", "error",
    "The text holds characters that nobody sees (zero-width, soft hyphen, byte order mark, tags) or that reorder what "
    "is seen (bidirectional controls). They can hide words from a reviewer. Delete them.",
    fixable=True,
)  # fmt: skip
ODD_SPACES = Rule(
    "SOL602", "odd-spaces", "note",
    "The text holds double spaces, spaces at the end of a line, tabs, or odd spaces such as no-break ones. Every token "
    "counts in a prompt. Use single plain spaces.",
    fixable=True,
)  # fmt: skip
RULES = (INVISIBLE, ODD_SPACES)

# Never meant in a constitution: soft hyphen, combining joiner, fillers, separators, zero-width space, word joiner,
# invisible operators, bidirectional embeddings, overrides and isolates, annotations, byte order mark, tags.
_NEVER = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Meant after a letter, mark or sign of a script that needs them, which all come after U+058F.
_JOINERS = "\u200c\u200d\u200e\u200f\u061c\ufe00-\ufe0f"
_HIDDEN = re.compile(f"[{_NEVER}]|(?<![\u0590-\U000dffff\\d#*©®])[{_JOINERS}]")
_MARKS = re.compile("[\u200e\u200f\u061c]")
_LINES = re.compile("[ \t]*[\u2028\u2029][ \t]*")
_FRENCH = r"(?<![«\d])[\u00a0\u202f](?![:;!?»%€$\d])"
_SPACE = re.compile(rf"{_FRENCH}|[\t\u1680\u2000-\u200a\u205f]")
_DOUBLE = re.compile(r"(?<=\S)  +(?=\S)")
_TRAILING = re.compile(r"[ \t]+(?=\r?\n)")


def check(target: Target) -> Iterator[Finding]:
    for passage in target.passages:
        about = (passage.principle,) if passage.principle else ()
        if hidden := _hidden(passage.text):
            names = ", ".join(dict.fromkeys(f"U+{ord(c):04X} {_name(c)}" for c in hidden[:3]))
            count = f"{len(hidden)} character{'s' * (len(hidden) > 1)}"
            said = f"{passage.called} holds {count} nobody sees ({names}); --fix deletes them"
            yield target.found(INVISIBLE, passage.loc, said, about=about, fixable=True)
        if _is_odd(passage):
            said = f"{passage.called} holds {_what(passage.text)}; --fix makes them single plain spaces"
            yield target.found(ODD_SPACES, passage.loc, said, about=about, fixable=True)


def clean(passage: Passage) -> str:
    """The passage's text as `--fix` leaves it. Demonstrations keep their spaces: they may be code or tables."""
    seen = visible(passage.text)
    return seen if passage.in_exemplar else spaced(seen)


def visible(text: str) -> str:
    """`text` without characters that nobody sees."""
    kept = _HIDDEN.sub("", text)
    return kept if _right_to_left(kept) else _MARKS.sub("", kept)


def spaced(text: str) -> str:
    """`text` with single plain spaces. Spaces that start a line stay."""
    return _TRAILING.sub("", _DOUBLE.sub(" ", _SPACE.sub(" ", _LINES.sub(" ", text))))


def _hidden(text: str) -> list[str]:
    kept = list(visible(text))
    gone = []
    for character in text:
        if kept and kept[0] == character:
            kept.pop(0)
        else:
            gone.append(character)
    return gone


def _is_odd(passage: Passage) -> bool:
    return not passage.in_exemplar and spaced(passage.text) != passage.text


def _what(text: str) -> str:
    odd = dict.fromkeys(_SPACE.findall(text) + _LINES.findall(text))
    names = [_name(c.strip(" ") or c).lower() for c in odd]
    if _DOUBLE.search(text):
        names.append("double spaces")
    if _TRAILING.search(text):
        names.append("spaces at the end of a line")
    return ", ".join(names[:3]) or "odd spaces"


def _name(character: str) -> str:
    return "tab" if character[0] == "\t" else unicodedata.name(character[0], "unnamed")


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)

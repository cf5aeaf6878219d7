"""What a line of Markdown or plain text is: a list item, a heading, part of a table, …"""

from __future__ import annotations

import re

from solon.sentences import sentences

QUOTE = re.compile(r"^\s{0,3}(?:> ?)+")
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
ATX = re.compile(r"^\s{0,3}(#{1,6})(?=\s|$)")
UNDERLINE = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")
RULE = re.compile(r"^\s{0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|(?:=\s*){3,})$")
DELIMITERS = re.compile(r"^\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?$|^\|\s*:?-+:?\s*\|$")  # of a stripped line
ROW = re.compile(r"^\s*(?:\|.*\||\+[-=+]+\+)\s*$")
TAGS = re.compile(r"^\s*(?:</?[A-Za-z][^>]*>\s*)+$")
LINK = re.compile(r"^\s{0,3}\[[^\]^][^\]]*\]:\s*\S+")
MARKER = re.compile(
    r"^(?P<indent>\s*)(?P<mark>[-*+•‣◦▪–]|\(?\d{1,3}[.)]|\d{1,3}(?:\.\d{1,3})+[.)]?|\(?(?:[a-z]|[ivx]{2,5})[.)])\s+"
    r"(?:\[[ xX]\]\s+)?(?=\S)"
)
FIRST = re.compile(r"\(?(?:1|a|i)[.)]$|[-*+•‣◦▪]$")
_TITLE_WORDS, _TITLE_CHARS = 8, 80


def style(mark: str) -> str:
    """What kind of marker it is: "0" for numbers, "0.0" for numbers of two parts, "a" for letters, else itself."""
    return re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", mark.strip("().")))


def titled(line: str) -> bool:
    """Whether a line reads as a title: short, a capital or a number first, no sentence."""
    plain = line.strip().strip("*_")
    short = 0 < len(plain) <= _TITLE_CHARS and len(plain.split()) <= _TITLE_WORDS
    begins = plain[:1].isupper() or plain[:1].isdigit()
    return short and begins and plain[-1] not in ".!?…:;," and len(sentences(plain)) == 1


def loud(line: str) -> bool:
    """Whether a title is all bold or all capitals."""
    text = line.strip()
    bold = re.fullmatch(r"(\*\*|__)[^*_]+\1:?|(\*\*|__)[^*_]+:\2", text)
    capitals = text.isupper() and sum(character.isalpha() for character in text) >= 4
    return bool(bold or capitals) and titled(text.rstrip(":").strip("*_").rstrip(":"))

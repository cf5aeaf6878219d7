"""Prose cut into sentences: abbreviations, initials, decimals and list numbers do not end one."""

from __future__ import annotations

import re
from dataclasses import replace

from solon.types import Completion

_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]*_`]*(?=\s)|[。！？]+[”’」』）]*|[।۔؟]+(?=\s)")
_OPENING = "\"'“‘«([*_`"

_NEVER_END = "e.g i.e eg ie cf vs viz mr mrs ms mx dr prof st approx dept resp"
_NUMBERED = "art arts no nos nr sec secs sect para paras ch chap cl p pp vol fig figs eq reg regs app ed ver tel ext"
_SOMETIMES = "inc ltd co corp llc plc etc al jr sr est bros"
# Words that open sentences: after "Acme Inc." or "p.m." one of them tells that the sentence is over.
_OPENERS = """
a all an and any as at be but do each every for he however if in it its never no our please she staff agents assistants
employees customers that the their there these they this those users we when where you your
"""
_NEVER, _BEFORE_NUMBER = frozenset(_NEVER_END.split()), frozenset(_NUMBERED.split())
_MAY_END, _STARTERS = frozenset(_SOMETIMES.split()), frozenset(_OPENERS.split())
_NEAR = 80  # characters that decide whether a sentence is over
_ROMAN = re.compile(r"[IVXLC]+\b")


def sentences(text: str) -> list[tuple[int, int]]:
    """The (start, end) of every sentence in `text`, in order, without the white space around them."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        begins = max(start, match.start() - _NEAR)
        if _ends(text[begins : match.start()], match.group(), text[match.end() : match.end() + _NEAR]):
            found.append((start, match.end()))
            start = match.end()
    found.append((start, len(text)))
    return [span for span in (_trimmed(text, *span) for span in found) if span[0] < span[1]]


def finished(text: str) -> bool:
    """Whether `text` ends where a sentence may end."""
    return re.search(r"[.!?…。！？।۔؟][\"'”’»)\]*_`」』）]*\s*$", text) is not None


def stopped_after(answer: Completion, count: int | None) -> Completion:
    """The answer as far as its first `count` sentences (None: all of it); each line of a list counts as one.

    Where it has so many it is a whole text, which ended, whether or not the model had more to say: small models ramble
    until their token limit, and texts that stop in mid-sentence cannot be compared with others.

    >>> stopped_after(Completion("One. Two. Thr", "length"), 2).text
    'One. Two.'
    """
    if count is None:
        return answer
    ends = _all_ends(answer.text)
    if len(ends) > count or (len(ends) == count and finished(answer.text)):
        return replace(answer, text=answer.text[: ends[count - 1]], finish_reason="stop")
    return answer


def settled(text: str, count: int) -> bool:
    """Whether `stopped_after` cuts `text` where it would cut every text that begins with it.

    It does once a whole word is known of what follows the first `count` sentences, or that it stands on another line:
    what is not an end yet may become one ("Acme Inc. T", "Acme Inc. The").

    >>> settled("One. Two. Thr", 2), settled("One. Two. Three is", 2)
    (False, True)
    """
    ends = _all_ends(text)
    if len(ends) <= count:
        return False
    after = text[ends[count - 1] :]
    if len(after) >= _NEAR or len(after.splitlines()) > 1:
        return True
    return re.search(r"\W", _opened(after)) is not None


def _all_ends(text: str) -> list[int]:
    """Where the sentences of all lines end."""
    return [start + end for start, line in _lines(text) for _, end in sentences(line)]


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines of `text`, each with the place where it starts."""
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        found.append((start, line))
        start += len(line)
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def _opened(after: str) -> str:
    """What comes next, from its first word on."""
    return after.lstrip().lstrip(_OPENING)


def _ends(before: str, stop: str, after: str) -> bool:
    """Whether the sentence `before` is over at `stop`, when `after` comes next."""
    rest = _opened(after)
    if not rest or stop[0] in "。！？।۔؟":
        return True
    if rest[0].islower():
        return False
    if stop[0] != "." or stop.startswith(".."):
        return True
    word = (before.split() or [""])[-1].lstrip(_OPENING)
    key = word.lower()
    if not word or key in _NEVER or (word.isdigit() and before.strip() == word):  # "2. Be kind": a number, not an end
        return False
    if key in _BEFORE_NUMBER:
        return not (rest[0].isdigit() or rest[0] == "§" or _ROMAN.match(rest))
    initial = len(word) == 1 and word.isupper()
    if initial or key in _MAY_END or re.fullmatch(r"(?:[a-z]\.)+[a-z]", key):
        return re.split(r"\W", rest, maxsplit=1)[0].lower() in _STARTERS
    return True

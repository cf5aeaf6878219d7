"""One line of text with and without Markdown's escapes. `plain(escaped(text)) == text` for every text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5
from typing import NoReturn

Refuse = Callable[[int, str], NoReturn]

# Longer runs of backticks open no code span: each length is searched for in vain at most once a line.
_CODE = r"(?P<code>(?P<run>`{1,8})(?!`)(?:.*?[^`])??(?P=run)(?!`))|`+"
_ENTITY = r"(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);"
_HTML = r"<(?:/?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>|[!?])"
_MARKDOWN = re.compile(rf"{_CODE}|\\(?P<escaped>[!-/:-@\[-`{{-~])|&(?P<entity>{_ENTITY})|(?P<html>{_HTML})")
# Line ends of all scripts, byte order marks, and characters that no UTF-8 file of ours may hold.
_ODD = re.compile("[\n\u2028\u2029\ufeff\ufffe\uffff]")
# A backslash is left alone only before letters and digits, which nothing written here starts with.
_MARKS = rf"(?P<mark>\\(?![A-Za-z0-9])|&(?={_ENTITY})|<(?=[A-Za-z/!?]))"
_TEXT = re.compile(rf"{_CODE}|{_MARKS}")
_TEXT_WITHOUT_CODE = re.compile(rf"(?P<mark>`|{_MARKS.removeprefix('(?P<mark>')}|{_ODD.pattern}")


def entity(character: str) -> str:
    return f"&#{ord(character)};"


def escaped(text: str) -> str:
    """Markdown for one line of text; line ends in it become entities."""
    # A code span cannot hold entities, so a text that needs some has no code spans.
    pattern = _TEXT_WITHOUT_CODE if _ODD.search(text) else _TEXT

    def mark(found: re.Match[str]) -> str:
        if found["mark"]:
            return "\\" + found[0]
        return entity(found[0]) if _ODD.match(found[0]) else found[0]

    return pattern.sub(mark, text)


def plain(line: str, refuse: Refuse) -> str:
    """The text of one line of Markdown. `refuse` is told the offset of what cannot be kept, and why."""

    def read(found: re.Match[str]) -> str:
        if found["html"]:
            refuse(found.start(), f"HTML is not read: {found[0][:40]} (a plain < is written \\<)")
        if found["entity"]:
            return _character(found["entity"]) or found[0]
        return found["escaped"] or found[0]

    return _MARKDOWN.sub(read, line)


def _character(name: str) -> str:
    """The character that an entity names; nothing if it names none."""
    if not name.startswith("#"):
        return html5.get(name, "")
    number = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    usable = 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    return chr(number) if usable else ""

"""The items of lists in plain text and Markdown, with the headings above them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from solon.constitution.importers.model import MAX_CHARS
from solon.constitution.importers.words import flat, word_count

_ITEM = re.compile(
    r"^(?P<indent>[ \t]*)(?:[-*+•‣▪–—]|\(?\d{1,3}(?:\.\d{1,2})*[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)]|"
    r"\**(?:Principle|Rule|Article|Criterion|Tenet|Value|Guideline)\s*#?\d{1,3}\s*[:.)–—-]\**)\s+(?P<text>\S.*)$",
)
HEADING = re.compile(
    r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$|^\s*(?:\*\*|__)([^*_]{2,80}?):?(?:\*\*|__):?\s*$|^([^\s.?!][^.?!]{1,80}):\s*$"
)
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*(\w*)")
_BOLD_NAME = re.compile(
    r"^(?:\*\*|__)(?P<name>[^*_]{2,60}?)(?:[:.]?(?:\*\*|__)[:.]?|:(?:\*\*|__))\s*(?:[-–—:]\s*)?(?P<rest>\S.*)$"
)
_PLAIN_NAME = re.compile(r"^(?P<name>[A-Z][\w'’ &/-]{2,40}?)\s*(?::|\s[–—-])\s+(?P<rest>\S.*)$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


@dataclass(slots=True)
class Item:
    """A list item: the line it starts on, how deep it is indented, and the headings above it."""

    line: int
    indent: int
    text: str
    headings: tuple[str, ...]
    fenced: bool = False
    children: list[Item] = field(default_factory=list)


def named(text: str) -> tuple[str, str]:
    """The name at the head of an item ("**Honesty**: tell the truth") and its text, without Markdown marks."""
    if len(text) > MAX_CHARS:
        return "", text
    text = re.sub(r"^\[[ xX]\]\s+", "", text)
    bold = _BOLD_NAME.match(text)
    if bold and word_count(bold["rest"]) > 2:
        rest = without_marks(bold["rest"])
        return without_marks(bold["name"]), rest[:1].upper() + rest[1:]
    text = without_marks(text)
    plain = _PLAIN_NAME.match(text)
    return (plain["name"] if plain and word_count(plain["name"]) < 5 else ""), text


def without_marks(text: str) -> str:
    text = _LINK.sub(r"\1", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    return flat(re.sub(r"(?<!\w)([*_`])(?=\S)([^*_`]+?)(?<=\S)\1(?!\w)", r"\2", text)).strip()


def list_items(text: str) -> list[Item]:
    """The items of every list in `text`, sub-items below their parents; hard-wrapped lines are joined."""
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        reader.line(number, line)
    return reader.roots


class _Reader:
    """Goes through a text line by line and remembers where it is."""

    def __init__(self) -> None:
        self.roots: list[Item] = []
        self.open: list[Item] = []  # the item being read and its parents
        self.headings: list[tuple[int, str]] = []
        self.fence = ""
        self.blank = False

    def line(self, number: int, line: str) -> None:
        fence = _FENCE.match(line)
        if fence and (not self.fence or (line.strip().startswith(self.fence) and not fence[2])):
            self.fence = "" if self.fence else fence[1]
            self.open = []
        elif not line.strip():
            self.blank = True
            return
        elif (item := _ITEM.match(line)) and not re.fullmatch(r"\s*([-*_–—]\s*){3,}", line):
            self._item(number, item)
        elif heading := None if line[:1] in " \t" and self.open else HEADING.match(line):
            level = line.strip().count("#", 0, len(line.strip()) - len(line.strip().lstrip("#"))) or 7
            self.headings = [h for h in self.headings if h[0] < level]
            self.headings.append((level, without_marks(next(filter(None, heading.groups())))))
            self.open = []
        elif self.open and (not self.blank or line[:1] in " \t"):
            self.open[-1].text += " " + line.strip()
        else:
            self.open = []
        self.blank = False

    def _item(self, number: int, match: re.Match[str]) -> None:
        indent = len(match["indent"].expandtabs(4))
        item = Item(number, indent, match["text"].strip(), tuple(h for _, h in self.headings), bool(self.fence))
        self.open = [parent for parent in self.open if parent.indent < indent]
        (self.open[-1].children if self.open else self.roots).append(item)
        self.open.append(item)

"""Principles in plain text and Markdown: numbered and bulleted lists, with headings as categories.

A list inside a fence (``` … ```) is taken before lists outside it. Prose without lists is refused: an engine
reads it with `solon constitution draft`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from solon.constitution.importers.entries import add
from solon.constitution.importers.model import MAX_CHARS, Entry, Found, Place, Source, refusal, shown
from solon.constitution.importers.names import words_of
from solon.constitution.importers.vocabulary import HEADINGS
from solon.constitution.importers.words import compares, doubtful, flat, is_dialogue, is_norm, share, word_count

_ITEM = re.compile(
    r"^(?P<indent>[ \t]*)(?:[-*+•‣▪–—]|\(?\d{1,3}(?:\.\d{1,2})*[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)]|"
    r"\**(?:Principle|Rule|Article|Criterion|Tenet|Value|Guideline)\s*#?\d{1,3}\s*[:.)–—-]\**)\s+(?P<text>\S.*)$",
)
_HEADING = re.compile(
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


def read_text(source: Source) -> Found:
    """The principles in a text file. Raises ConfigError when it has no list of principles."""
    found = read_list_text(source.text, source)
    if found is None:
        if is_dialogue(source.text):
            raise refusal(source.path, "is a conversation written out, not principles", "give a list of principles")
        raise refusal(
            source.path,
            "is running text with no list of principles in it",
            f"let an engine read it: solon constitution draft {source.path}",
        )
    return found


def read_list_text(text: str, source: Source) -> Found | None:
    """The principles in `text`; None when it has no list of them."""
    items = list_items(text)
    fenced = _taken([i for i in items if i.fenced], source, "a list in fenced text")
    found = fenced or _taken([i for i in items if not i.fenced], source, "a numbered or bulleted list")
    if found is None and not items:
        found = _taken(_sentence_lines(text), source, "one principle a line")
    if found is not None:
        if fenced and (outside := [i for i in items if not i.fenced]):
            found.drop((f"L{outside[0].line}",), f"{len(outside)} list items", "stand outside the fenced list")
        if title := next((h for i in items for h in i.headings), "") or _title(text):
            found.head.setdefault("title", title)
    return found


def _taken(items: Sequence[Item], source: Source, name: str) -> Found | None:
    """The items as principles, section by section: one that does not say how to behave is left out whole."""
    found = Found(name)
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        groups.setdefault(item.headings, []).append(item)
    for headings, group in groups.items():
        part = Found(name)
        for item in group:
            _add_item(item, headings[-1] if headings else "", part)
        telling = bool(HEADINGS & set(words_of(" ".join((*headings, source.path.stem)))))
        why = doubtful(part.entries, 0.4 if telling else 0.6)
        if why and part.entries:
            part.entries.clear()
            part.drop((f"L{group[0].line}",), f"{len(group)} list items{_under(headings)}", why)
        found.merge(part)
    return found if found.entries else None


def _under(headings: Sequence[str]) -> str:
    return f" under “{shown(headings[-1], 40)}”" if headings else ""


def _add_item(item: Item, category: str, found: Found) -> None:
    """A principle; with sub-items, a short or open-ended one is their heading and each of them a principle."""
    key, text = named(item.text)
    place: Place = (f"L{item.line}",)
    opens = text.endswith(":") or word_count(text) < 4
    if not (item.children and opens):
        add(Entry(place, text, key=key, category=category), found)
    for child in item.children:
        _add_item(child, text.rstrip(":") if opens else category, found)


def named(text: str) -> tuple[str, str]:
    """The name at the head of an item ("**Honesty**: tell the truth") and its text, without Markdown marks."""
    if len(text) > MAX_CHARS:
        return "", text
    text = re.sub(r"^\[[ xX]\]\s+", "", text)
    bold = _BOLD_NAME.match(text)
    if bold and word_count(bold["rest"]) > 2:
        rest = _plain(bold["rest"])
        return _plain(bold["name"]), rest[:1].upper() + rest[1:]
    text = _plain(text)
    plain = _PLAIN_NAME.match(text)
    return (plain["name"] if plain and word_count(plain["name"]) < 5 else ""), text


def _plain(text: str) -> str:
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
        elif heading := None if line[:1] in " \t" and self.open else _HEADING.match(line):
            level = line.strip().count("#", 0, len(line.strip()) - len(line.strip().lstrip("#"))) or 7
            self.headings = [h for h in self.headings if h[0] < level]
            self.headings.append((level, _plain(next(filter(None, heading.groups())))))
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


def _sentence_lines(text: str) -> list[Item]:
    """A text of one statement a line, as items; nothing for prose, whose lines end anywhere."""
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(n, line) for n, line in lines if not _HEADING.match(line)]
    said = [line for _, line in lines]
    whole = share(said, lambda line: bool(re.match(r"\W*[A-Z]", line) and re.search(r"[.?!:]\W*$", line)))
    single = share(
        said, lambda line: len(line) <= 400 and (compares(line) or len(re.findall(r"[.?!](?:\s|$)", line)) < 2)
    )
    if len(said) < 3 or whole < 0.9 or single < 1 or share(said, is_norm) < 0.8:
        return []
    return [Item(n, 0, line, ()) for n, line in lines]


def _title(text: str) -> str:
    """The first heading of a Markdown text, "" when it has none."""
    match = re.search(r"(?m)^\s{0,3}#\s+(.+?)\s*#*\s*$", text)
    return _plain(match[1]) if match else ""


def without_front_matter(text: str) -> tuple[str, str]:
    """YAML front matter, and the text with its lines emptied so that line numbers stay."""
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", text, re.DOTALL)
    if not match:
        return "", text
    return match[1], "\n" * match.group().count("\n") + text[match.end() :]

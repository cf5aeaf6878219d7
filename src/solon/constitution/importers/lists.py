"""Principles in plain text and Markdown: numbered and bulleted lists, with headings as categories.

A list inside a fence (``` … ```) is taken before lists outside it. Prose without lists is refused: an engine
reads it with `solon constitution draft`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from solon.constitution.importers.entries import add
from solon.constitution.importers.items import HEADING, Item, list_items, named, without_marks
from solon.constitution.importers.model import Entry, Found, Place, Source, refusal, shown
from solon.constitution.importers.names import rank, words_of
from solon.constitution.importers.vocabulary import HEADINGS, bare
from solon.constitution.importers.words import compares, doubtful, is_dialogue, is_norm, share, word_count
from solon.yaml import parse_yaml

CODE = (
    ".toml",
    ".ini",
    ".cfg",
    ".conf",
    ".py",
    ".js",
    ".ts",
    ".sh",
    ".html",
    ".htm",
    ".xml",
    ".tex",
    ".ipynb",
    ".lock",
)
LITTLE, MOST = 0.4, 0.6  # shares of items that must say how to behave, under a telling heading and elsewhere
SHARE = 0.4  # of a text's words, other lists left out, that its principles must make up
MAX_ITEMS = 250  # a text with more is a long document
MAX_WORDS = 60  # in the middle item: longer ones are numbered prose


def read_text(source: Source) -> Found:
    """The principles in a text file. Raises ConfigError when it has no list of principles."""
    if source.path.suffix.lower() in CODE:
        raise refusal(source.path, f"is a {source.path.suffix} file, code or settings", "give a list of principles")
    if "copyright" in source.text.lower() and re.search(r"\bAS\s+IS\b", source.text):
        raise refusal(source.path, "is a software licence", "give a list of principles")
    front, text = _front_matter(source.text)
    found = read_list_text(text, source)
    if found is None:
        if is_dialogue(source.text):
            raise refusal(source.path, "is a conversation written out, not principles", "give a list of principles")
        raise refusal(
            source.path,
            "is running text with no list of principles in it",
            f"let an engine read it: solon constitution draft {source.path}",
        )
    if front:
        data = parse_yaml(front, source.path, "import").data
        found.head = {**found.head, **{bare(key): value for key, value in data.items()}}
    return found


def read_list_text(text: str, source: Source, *, sure: bool = False) -> Found | None:
    """The principles in `text`; None when it has no list of them. `sure`: its key says that it holds principles."""
    items = list_items(text)
    outside = [item for item in items if not item.fenced]
    found = _taken([item for item in items if item.fenced], source, "a list in fenced text", 1 if sure else 2)
    if found is not None and outside:
        found.drop((f"L{outside[0].line}",), f"{len(outside)} list items", "stand outside the fenced list")
    if found is None:
        found = _taken(outside, source, "a numbered or bulleted list", 1 if sure else 3)
        if found is not None and not sure and not _is_mainly(found, outside, text):
            return None
    if found is None and not items:
        found = _taken(_sentence_lines(text), source, "one principle to a line", 3)
    if found is not None and len(found.entries) > MAX_ITEMS:
        return None
    if found is not None and (title := _title(text)):
        found.head.setdefault("title", title)
    return found


def _taken(items: Sequence[Item], source: Source, name: str, least: int) -> Found | None:
    """The items as principles, section by section: one that does not say how to behave is left out whole.

    Fewer than `least` are taken only under a title of principles, or where all ask to choose.
    """
    found = Found(name)
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        groups.setdefault(item.headings, []).append(item)
    for headings, group in groups.items():
        part = Found(name)
        for item in group:
            _add_item(item, headings[-1] if headings else "", part)
        telling = bool(HEADINGS & set(words_of(" ".join((*headings, source.path.stem)))))
        if part.entries and (why := _odd(part.entries, LITTLE if telling else MOST)):
            part.entries.clear()
            part.drop((f"L{group[0].line}",), f"{len(group)} list items{_under(headings)}", why)
        found.merge(part)
    titled = any(_is_title((heading,)) for item in items for heading in item.headings) or all(
        compares(e.text) for e in found.entries
    )
    alone = len(found.entries) < least and not titled
    return None if not found.entries or (alone and rank(source.path.stem) < 2) else found


def _is_title(headings: Sequence[str]) -> bool:
    """Whether the nearest heading is a title of principles ("Our principles"), not a sentence about them."""
    return bool(headings) and rank(headings[-1]) == 2 and word_count(headings[-1]) <= 6


def _odd(entries: Sequence[Entry], least: float) -> str:
    """Why a list is hardly one of principles, "" when nothing speaks against it."""
    middle = sorted(word_count(e.text) for e in entries)[len(entries) // 2]
    return doubtful(entries, least) or (f"half of its items have {middle} words or more" if middle > MAX_WORDS else "")


def _is_mainly(found: Found, items: Sequence[Item], text: str) -> bool:
    """Whether a text is mainly its list of principles, or has them under a heading that says so."""
    lines = {e.place[0] for e in found.entries}
    titled = sum(_is_title(item.headings) for item in _all(items) if f"L{item.line}" in lines)
    if titled > 2:
        return True
    listed = list(_all(items))
    unfenced = re.sub(r"(?ms)^```.*?^```|^#.*?$", "", text)
    prose = len(unfenced.split()) - sum(word_count(item.text) + 1 for item in listed)
    kept = sum(word_count(e.text) for e in found.entries)
    return kept >= SHARE * (kept + prose) and len(found.entries) >= len(listed) / 2


def _all(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _all(item.children)


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


def _sentence_lines(text: str) -> list[Item]:
    """A text of one statement a line, as items; nothing for prose, whose lines end anywhere."""
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(n, line) for n, line in lines if not HEADING.match(line)]
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
    return without_marks(match[1]) if match else ""


def _front_matter(text: str) -> tuple[str, str]:
    """YAML front matter, and the text with its lines emptied so that line numbers stay."""
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", text, re.DOTALL)
    if not match:
        return "", text
    return match[1], "\n" * match.group().count("\n") + text[match.end() :]

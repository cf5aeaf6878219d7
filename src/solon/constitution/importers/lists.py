"""Principles in plain text and Markdown: lists, tables with a column of rules, and headings that number principles.

What shows and does not say is left out and told: fenced and indented text, quotations, items under headings such as
"Bad answers", turns of a dialogue, items marked as bad. Prose without lists is refused: an engine reads it with
`solon constitution draft`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from solon.constitution.importers.entries import add, read_item
from solon.constitution.importers.items import Item, Outline, is_link, outline
from solon.constitution.importers.model import Entry, Found, Place, Source, refusal, shown
from solon.constitution.importers.names import rank, words_of
from solon.constitution.importers.polarity import forbids, hangs, is_open, kind_of, not_meant
from solon.constitution.importers.sections import read_sections
from solon.constitution.importers.vocabulary import HEADINGS, RULED, bare
from solon.constitution.importers.words import (
    BELOW,
    compares,
    doubtful,
    is_beside,
    is_dialogue,
    is_norm,
    share,
    shown_only,
    shows_examples,
    word_count,
)
from solon.errors import ConfigError
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
SHORT = 100  # words of prose beside fenced text
_DRAFT = "solon constitution draft"
MAX_WORDS = 60  # in the middle item: longer ones are numbered prose


def read_text(source: Source) -> Found:
    """The principles in a text file. Raises ConfigError when it has no list of principles."""
    if source.path.suffix.lower() in CODE:
        raise refusal(source.path, f"is a {source.path.suffix} file, code or settings", "give a list of principles")
    if "copyright" in source.text.lower() and re.search(r"\bAS\s+IS\b", source.text):
        raise refusal(source.path, "is a software licence", "give a list of principles")
    front, text = _front_matter(source.text)
    found = read_sections(text, source) or read_list_text(text, source)
    if found is None:
        raise _no_list(text, source)
    if front:
        data = parse_yaml(front, source.path, "import").data
        found.head = {**found.head, **{bare(key): value for key, value in data.items()}}
    return found


def _no_list(text: str, source: Source) -> ConfigError:
    """The refusal of a text without principles that can be told apart."""
    path = source.path
    if is_dialogue(source.text):
        return refusal(path, "is a conversation written out, not principles", "give a list of principles")
    seen = outline(text, markdown=source.is_markdown)
    fenced = next((line for line, kind in seen.skipped if kind in ("fenced text", "indented code")), None)
    if fenced is not None and not seen.items and seen.words < SHORT:
        looks = "has nothing but prose outside its fenced text, which is taken for an example"
        return refusal(path, looks, "put the list of principles in a file of its own, without the fence", fenced)
    if seen.items:
        looks = f"is no list of principles: {_why(seen, source)}"
        return refusal(path, looks, f"give a list of principles, or let an engine read it: {_DRAFT} {path}")
    return refusal(path, "is running text with no list of principles in it", f"let an engine read it: {_DRAFT} {path}")


def _why(seen: Outline, source: Source) -> str:
    """The first reason why the items of a text are no principles."""
    found = Found("")
    _groups(seen.items, source, found)
    if found.entries:
        total = sum(1 for _ in _all(seen.items))
        return f"{len(found.entries)} of its {total} items say how to behave, beside {seen.words} words of prose"
    first = next(iter(found.dropped), None)
    return f"the first of its items, “{shown(seen.items[0].text, 40)}”" + (f", {first.why}" if first else "")


def read_list_text(text: str, source: Source, *, sure: bool = False, above: tuple[str, ...] = ()) -> Found | None:
    """The principles in `text`; None when it has no list of them.

    `sure`: its key says that it holds principles. `above`: the names of the sections that the text stands in.
    """
    seen = outline(text, markdown=source.is_markdown)
    seen.put_under(above)
    found = _tabled(seen)
    listed = _taken(seen.items, source, "a numbered or bulleted list", 1 if sure else 3)
    if listed is not None and not sure and not found.entries and not _is_mainly(listed, seen):
        return None
    if listed is not None:
        listed.merge(found)
        found = listed
    elif not found.entries and not seen.items:
        found = _taken(_sentence_lines(seen), source, "one principle to a line", 3) or found
    if not found.entries or len(found.entries) > MAX_ITEMS:
        return None
    if seen.title:
        found.head.setdefault("title", seen.title)
    _tell_skipped(seen, found)
    return found


def _tell_skipped(seen: Outline, found: Found) -> None:
    """What is not read at all, each kind once."""
    for kind in dict.fromkeys(kind for _, kind in seen.skipped):
        at = [line for line, other in seen.skipped if other == kind]
        more = f" ({len(at)} such)" if len(at) > 1 else ""
        found.drop((f"L{at[0]}",), f"{kind}{more}", "is no list of principles")
    if seen.words and seen.items:
        why = "stand outside lists; `solon constitution draft` reads prose"
        found.drop((f"L{seen.lines[0][0]}",), f"{seen.words} words of prose, the first here", why)


def _tabled(seen: Outline) -> Found:
    """The rows of tables with a column of rules."""
    found = Found("a table with a column of rules")
    for line, headings, rows in seen.tables:
        columns = {bare(name) for row in rows[:1] for name in row}
        aside = _aside(headings, seen.title)
        if columns & RULED and not aside:
            for number, row in enumerate(rows, line + 2):
                read_item(
                    {k: v for k, v in row.items() if v.strip()},
                    (f"L{number}",),
                    BELOW.join(_leads(headings, seen.title)),
                    found,
                )
        else:
            found.drop((f"L{line}",), f"a table of {len(rows)} rows", aside or "has no column of principles or rules")
    return found


def _aside(headings: Sequence[str], title: str = "") -> str:
    """Why what stands under these headings is no principle, "" when nothing speaks against it."""
    for heading in reversed(headings):
        if why := not_meant(heading, title=heading == title):
            return f"stands under “{shown(heading, 40)}”, which {why}"
        if shows_examples(heading):
            return f"stands under “{shown(heading, 40)}”: examples"
        if is_beside(heading):
            return f"stands under “{shown(heading, 40)}”, which is about the document"
    return ""


def _leads(headings: Sequence[str], title: str) -> tuple[str, ...]:
    """The headings above items; a document's title, which is about all of it, only where it says yes or no."""
    return tuple(h for h in headings if h != title or kind_of(h) != "plain" or len(headings) == 1)


def _taken(items: Sequence[Item], source: Source, name: str, least: int) -> Found | None:
    """The items as principles, section by section: one that does not say how to behave is left out whole.

    Fewer than `least` are taken only under a title of principles, or where all ask to choose.
    """
    found = Found(name)
    _groups(items, source, found)
    titled = any(_is_title((heading,)) for item in items for heading in item.headings) or all(
        compares(e.text) for e in found.entries
    )
    alone = len(found.entries) < least and not titled
    return None if not found.entries or (alone and rank(source.path.stem) < 2) else found


def _groups(items: Sequence[Item], source: Source, found: Found) -> None:
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        groups.setdefault(item.headings, []).append(item)
    for headings, group in groups.items():
        place, told = (f"L{group[0].line}",), f"{len(group)} list items{_under(headings)}"
        if aside := _aside(headings, group[0].title):
            found.drop(place, told, aside)
            continue
        part = Found("")
        for item in group:
            _add_item(item, _leads(headings, item.title), part)
        telling = bool(HEADINGS & set(words_of(" ".join((*headings, source.path.stem)))))
        if part.entries and (why := _odd(part.entries, LITTLE if telling else MOST)):
            part.entries.clear()
            part.turned = 0
            part.drop(place, told, why)
        found.merge(part)


def _is_title(headings: Sequence[str]) -> bool:
    """Whether the nearest heading is a title of principles ("Our principles"), not a sentence about them."""
    return bool(headings) and rank(headings[-1]) == 2 and word_count(headings[-1]) <= 6


def _odd(entries: Sequence[Entry], least: float) -> str:
    """Why a list is hardly one of principles, "" when nothing speaks against it."""
    middle = sorted(word_count(e.text) for e in entries)[len(entries) // 2]
    return doubtful(entries, least) or (f"half of its items have {middle} words or more" if middle > MAX_WORDS else "")


def _is_mainly(found: Found, seen: Outline) -> bool:
    """Whether a text is mainly its list of principles, or has them under a heading that says so."""
    lines = {e.place[0] for e in found.entries}
    titled = sum(_is_title(item.headings) for item in _all(seen.items) if f"L{item.line}" in lines)
    if titled > 2:
        return True
    listed = [item for item in _all(seen.items) if not _aside(item.headings, seen.title)]
    kept = sum(word_count(e.text) for e in found.entries)
    return kept >= SHARE * (kept + seen.words) and len(found.entries) >= len(listed) / 2


def _all(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _all(item.children)


def _under(headings: Sequence[str]) -> str:
    return f" under “{shown(headings[-1], 40)}”" if headings else ""


def _add_item(item: Item, above: tuple[str, ...], found: Found) -> None:
    """A principle; with sub-items, a short or open-ended one is their heading and each of them a principle."""
    key, text = item.read()
    place: Place = (f"L{item.line}",)
    own = not all(child.lead for child in item.children)  # whether a list stands right below it
    opens = text.endswith(":") or (own and (word_count(text) < 4 or is_open(text)))
    why, text = shown_only(text)
    if key and not why and not text.startswith(key):
        why = shown_only(f"{key}: {text}")[0]
    if is_link(item.source):
        why = "is a link, as tables of contents have them"
    if item.children and (shows_examples(text) or (opens and key and shows_examples(key)) or why):
        found.drop(place, shown(item.text), why or "leads into examples")
        return
    if why:
        found.drop(place, shown(item.text), why)
    elif not (item.children and opens):
        limits = [child.text for child in item.children if hangs(child.text) and not child.children]
        add(Entry(place, " ".join([text, *limits]), key=key, category=(*above, "")[-1], above=above), found)
    for child in item.children:
        said = child.text
        inner = (
            *above,
            *filter(
                None, (key if opens and not text.startswith(key) else "", text.rstrip(":") if opens else "", child.lead)
            ),
        )
        if why := not_meant(child.lead) if child.lead else "":
            found.drop((f"L{child.line}",), shown(said), f"stands under “{shown(child.lead, 40)}”, which {why}")
        elif not opens and hangs(said) and not why:
            pass  # went with its parent
        elif not opens and not child.lead and forbids(text) and not (forbids(said) or shown_only(said)[0]):
            why = f"stands under “{shown(text, 40)}”; whether it is ruled out, too, cannot be told"
            found.drop((f"L{child.line}",), shown(said), why)
        else:
            _add_item(child, inner, found)


def _sentence_lines(seen: Outline) -> list[Item]:
    """A text of one statement a line, as items; nothing for prose, whose lines end anywhere."""
    said = [line for _, line, _ in seen.lines]
    whole = share(said, lambda line: bool(re.match(r"\W*[A-Z]", line) and re.search(r"[.?!:]\W*$", line)))
    single = share(
        said, lambda line: len(line) <= 400 and (compares(line) or len(re.findall(r"[.?!](?:\s|$)", line)) < 2)
    )
    if len(said) < 3 or whole < 0.9 or single < 1 or share(said, is_norm) < 0.8:
        return []
    return [Item(number, line, above) for number, line, above in seen.lines]


def _front_matter(text: str) -> tuple[str, str]:
    """YAML front matter, and the text with its lines emptied so that line numbers stay."""
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", text, re.DOTALL)
    if not match:
        return "", text
    return match[1], "\n" * match.group().count("\n") + text[match.end() :]

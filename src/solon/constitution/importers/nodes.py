"""Walks lists and objects that hold principles, down to the single item."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from solon.constitution.importers.entries import read_item
from solon.constitution.importers.fields import Fields
from solon.constitution.importers.lists import MAX_WORDS, read_list_text
from solon.constitution.importers.model import MAX_PRINCIPLES, Found, Place, Source, refusal, shown
from solon.constitution.importers.names import rank
from solon.constitution.importers.polarity import kind_of, not_meant, standing
from solon.constitution.importers.refuse import refuse_rows, refuse_texts
from solon.constitution.importers.vocabulary import CATEGORY, GROUP, HEAD, REMARKS, STRONG, bare
from solon.constitution.importers.words import BELOW, word_count

DEPTH = 6
_LISTED = re.compile(r"\n[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]")  # a text that is a list of its own
SHORT = 6  # words: the best anchor of a scale that needs the name of the scale before it


def parts_of(category: str) -> tuple[str, ...]:
    """The names of the sections that one stands in, the outermost first."""
    return tuple(filter(None, category.split(BELOW)))


def read_section(value: Any, place: Place, category: str, found: Found, source: Source) -> None:
    """A list, a text or an object whose key tells of principles."""
    if isinstance(value, list):
        read_list(value, place, category, found, source)
    elif isinstance(value, Mapping) and (top := highest(value)) is not None:
        name = str(place[-1]) if place else ""
        short = word_count(value[top]) < SHORT and name
        read_item(f"{name}: {value[top]}" if short else value[top], place, category, found, name)
        found.drop(place, f"the anchors below {top}", "describe replies that follow the principle less")
    elif isinstance(value, Mapping) and value and len(place) < DEPTH:
        read_names(value, place, category, found, source)
    elif isinstance(value, str) and (part := read_list_text(value, source, sure=True, above=parts_of(category))):
        found.merge(part)
    elif isinstance(value, str) and word_count(value) > MAX_WORDS:
        found.drop(place, shown(value), "is running text; for prose use `solon constitution draft`")
    else:
        read_item(value, place, category, found)


def read_list(items: list[Any], place: Place, category: str, found: Found, source: Source) -> None:
    """Every item of a list. Raises ConfigError when most are rows of a data set, prompts or conversations."""
    refuse_texts([item for item in items if isinstance(item, str)], source.path)
    rows = [item for item in items if isinstance(item, Mapping)]
    if len(rows) > len(items) / 2:
        refuse_rows(rows, source.path)
    if len(items) > 2 * MAX_PRINCIPLES:
        raise refusal(source.path, f"holds a list of {len(items):,} entries: a data set", "give only the principles")
    for number, item in enumerate(items):
        counted = f"L{source.lines[number]}" if source.lines and not place else number + 1
        _read_element(item, (*place, counted), category, found, source)


def _read_element(item: Any, place: Place, category: str, found: Found, source: Source) -> None:
    """An element of a list: a principle, {"name": "sentence"}, or a group that holds some."""
    if not isinstance(item, Mapping) or not item:
        read_item(item, place, category, found)
        return
    fields = Fields(item)
    if why := standing(fields.by_name)[1]:
        found.drop(place, shown(fields.statement() or fields.title() or ", ".join(map(str, item))), why)
        return
    nested = {k: v for k, v in item.items() if isinstance(v, list) and v and (rank(k) or bare(k) in GROUP)}
    only = next(iter(item.values()))
    if nested and not fields.is_pair() and not STRONG & set(fields.by_name) and len(place) < DEPTH:
        own = (fields.text((*CATEGORY, "name", "title", "id")), standing(fields.by_name)[0])
        name = BELOW.join(filter(None, (category, *own)))
        for key, value in nested.items():
            turns = kind_of(str(key)) != "plain" or not_meant(str(key))
            read_section(value, (*place, str(key)), f"{name}{BELOW}{key}" if turns else name, found, source)
    elif len(item) == 1 and isinstance(only, str) and not fields.states():
        read_item(only, place, category, found, str(next(iter(item))))
    else:
        read_item(item, place, category, found)


def highest(value: Any) -> Any:
    """The key of the best anchor of a scale ({1: "The reply lies.", …, 5: "It is honest."}); None of anything else."""
    if not isinstance(value, Mapping) or len(value) < 2 or not all(isinstance(text, str) for text in value.values()):
        return None
    scores = {key: str(key).strip() for key in value}
    return max(scores, key=lambda key: int(scores[key])) if all(s.isdecimal() for s in scores.values()) else None


def scaled(value: Any) -> bool:
    """Whether it maps names to scales of anchors, and nothing else."""
    return isinstance(value, Mapping) and bool(value) and all(highest(v) is not None for v in value.values())


def read_names(value: Mapping[Any, Any], place: Place, category: str, found: Found, source: Source) -> None:
    """Names with sentences, with objects, or with lists and names of their own."""
    fields = Fields(value)
    lead, why = standing({n: v for n, v in fields.by_name.items() if word_count(str(v)) < 4})
    if why and place:
        found.drop(place, shown(str(value)), why)
        return
    category = BELOW.join(filter(None, (category, lead)))
    if fields.is_pair() or (fields.states() and not any(isinstance(v, list | Mapping) for v in value.values())):
        read_item(value, place, category, found)
        return
    for key, inner in value.items():
        where = (*place, str(key))
        if bare(key) in REMARKS and not isinstance(inner, Mapping):
            found.drop(where, shown(str(inner)), "is a remark on the section, not a principle")
            continue
        if isinstance(inner, str) and bare(key) in HEAD and word_count(inner) < 4:
            found.drop(where, shown(inner), "is about the section, not a principle")
        elif isinstance(inner, str) and _LISTED.search(inner):
            read_section(inner, where, f"{category}{BELOW}{key}" if category else str(key), found, source)
        elif isinstance(inner, str) or (
            isinstance(inner, Mapping) and (Fields(inner).states() or Fields(inner).is_pair())
        ):
            read_item(inner, where, category, found, str(key))
        elif isinstance(inner, list | Mapping):
            read_section(inner, where, f"{category}{BELOW}{key}" if category else str(key), found, source)
        elif inner is not None:
            found.drop(where, shown(repr(inner)), "is no text")

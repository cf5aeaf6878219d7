"""One item of a list of principles, a string or an object of any known shape, taken into `Found`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from solon.constitution.importers.exemplars import read_shown
from solon.constitution.importers.fields import Fields
from solon.constitution.importers.model import Entry, Found, Place, shown
from solon.constitution.importers.polarity import not_meant, read_under, standing
from solon.constitution.importers.vocabulary import (
    AIM,
    AUTHORITY,
    CATEGORY,
    COMPARISON,
    KNOWN,
    PAPER,
    PROMPTS,
    SHOWN,
    STATEMENT,
    WEIGHT,
    bare,
)
from solon.constitution.importers.words import BELOW, compares, flat, unfit, without_label
from solon.constitution.model import RANKS, Authority

MAX_WEIGHT = 1e6
NO_FIELD = "a principle has no such field"
NO_PART = "is not part of a constitution"

_HOLE = re.compile(r"\{+\s*[A-Za-z_]\w*\s*\}+|<(?:response|prompt|answer|output|question|[A-Z][A-Z_]+)>|%s")
_STATES = re.compile(
    r"^(?:the |an? |your )?(?:AI |language )?(?:model|assistant|AI|response|reply|answer|chatbot)(?:['’]s \w+)?\s+"
    r"(?:should|must|shall|never|always|ought)\b",
    re.IGNORECASE,
)


def read_item(item: Any, place: Place, category: str, found: Found, key: str = "") -> None:
    """Take what `item` holds into `found`: principles, prompts that came along, and all that had to be left out."""
    if isinstance(item, str):
        add(Entry(place, item, key=key, category=category), found)
    elif isinstance(item, Mapping) and item:
        _read_fields(Fields(item), place, category, key, found)
    else:
        found.drop(place, shown(repr(item)), "is neither text nor an object")


def add(entry: Entry, found: Found) -> None:
    """Take an entry into `found`, its text cleaned; or say why it cannot be a principle."""
    label, text = without_label(flat(entry.text))
    if why := unfit(text):
        found.drop(entry.place, shown(entry.text) or "(nothing)", why)
        return
    above = tuple(filter(None, entry.above or entry.category.split(BELOW)))
    if why := next((f"stands under “{shown(lead, 40)}”, which {no}" for lead in above if (no := not_meant(lead))), ""):
        found.drop(entry.place, shown(entry.text), why)
        return
    key = entry.key if entry.key not in above else ""
    if key and not_meant(key, title=True):
        found.drop(entry.place, shown(entry.text), f"its name, “{shown(key, 40)}”, says that it is not in force")
        return
    whole, why = read_under(tuple(filter(None, (*above, key))), text) if entry.stated else (text, "")
    if why:
        found.drop(entry.place, shown(entry.text), why)
        return
    if label:
        found.labels.append(label)
    found.turned += whole != text
    found.entries.append(replace(entry, text=whole))


def _read_fields(fields: Fields, place: Place, category: str, key: str, found: Found) -> None:
    lead, why = standing(fields.by_name)
    said = fields.statement()
    if why:
        found.drop(place, shown(said or fields.title() or ", ".join(map(str, fields.item))), why)
        return
    question = _whole([fields.text(COMPARISON)], (*place, "comparison"), found)
    if question and not said and not compares(question[0]):
        said, question = question[0], []  # a plain statement under a name for questions
    critiques = _whole(fields.critiques(), (*place, "critique"), found)
    revision = _whole([fields.revision()], (*place, "revision"), found)
    exemplars = read_shown(fields.by_name, place, found)
    _leftovers(fields, said, lead, place, found)
    entry = Entry(
        place,
        said or next(iter(question), ""),
        revision=next(iter(revision), None),
        question=next(iter(question), None),
        key=fields.title() or key,
        aim=fields.text((AIM,)),
        category=fields.text(CATEGORY) or category,
        above=tuple(filter(None, (*category.split(BELOW), fields.text(CATEGORY), lead))),
        weight=_weight(fields, place, found),
        authority=_authority(fields, place, found),
        exemplars=exemplars,
        named=fields.identifier(),
        stated=bool(said),
    )
    if critiques and entry.revision:
        if not entry.text:
            entry = replace(entry, text=next((c for c in critiques if _STATES.match(c)), entry.revision))
        for number, critique in enumerate(critiques, 1):
            where = (*place, "variant", number) if len(critiques) > 1 else place
            add(replace(entry, place=where, critique=critique), found)
    elif entry.text:
        add(replace(entry, critique=next(iter(critiques), None)), found)
    elif critiques or entry.revision:
        missing = "revision" if critiques else "critique"
        found.drop(place, shown([*critiques, *revision][0]), f"has no {missing} request and states no principle")
    else:
        why = "is empty" if fields.states() else f"states nothing (no {', '.join(STATEMENT[:5])} or the like)"
        found.drop(place, shown(entry.key or ", ".join(map(str, fields.item))), why)


def _whole(requests: list[str], place: Place, found: Found) -> list[str]:
    """The requests that are more than templates: Solon shows the reply itself and fills no holes."""
    whole = []
    for request in filter(None, requests):
        if hole := _HOLE.search(request):
            found.drop(
                place, shown(request), f"is a template with a hole for {hole.group()}; Solon shows the reply itself"
            )
        else:
            whole.append(request)
    return whole


def _weight(fields: Fields, place: Place, found: Found) -> float:
    value = fields.by_name.get(WEIGHT)
    if value is None:
        return 1.0
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_WEIGHT:
        return float(value)
    why = f"is no number above 0 and up to {MAX_WEIGHT:,.0f}; the weight is 1"
    found.drop((*place, "weight"), shown(repr(fields.by_name[WEIGHT])), why)
    return 1.0


def _authority(fields: Fields, place: Place, found: Found) -> Authority | None:
    value = fields.by_name.get(AUTHORITY)
    known = next((level for level in RANKS if level == str(value).strip().lower()), None)
    if value is not None and known is None:
        found.drop((*place, "authority"), shown(repr(value)), f"is none of {', '.join(RANKS)}")
    return known


def _leftovers(fields: Fields, said: str, lead: str, place: Place, found: Found) -> None:
    """Prompts that came along are kept apart; fields that a principle has no place for are told."""
    for name in PROMPTS:
        found.questions += fields.texts((name,))
    for key, value in fields.item.items():
        name = bare(key)
        used = name in KNOWN or name in SHOWN or (name == "prompt" and PAPER in fields)
        used = used or bool(lead and standing({name: value})[0])
        if name == "id" and not isinstance(value, str):
            found.drop(
                (*place, str(key)), shown(repr(value)), 'is no text, such as "007"; the id is made from the words'
            )
            continue
        told = isinstance(value, str) and flat(value) in (said, fields.title())
        if not used and not told and value not in (None, "", [], {}):
            found.drop((*place, str(key)), shown(value if isinstance(value, str) else repr(value)), NO_FIELD)

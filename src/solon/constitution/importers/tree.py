"""Principles in JSON and YAML data: lists, objects with lists, sections, names with sentences.

What may be taken for principles depends on how sure the source makes us. Under a key such as `principles`
every statement counts. Under `rules` or `criteria`, which settings and data sets have too, half of the texts
must say how to behave, unless the file calls itself a constitution; with no telling name, three in five must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solon.constitution.importers.entries import NO_PART
from solon.constitution.importers.exemplars import is_chat, is_chats, read_demonstrations
from solon.constitution.importers.fields import Fields
from solon.constitution.importers.model import Entry, Found, Source, refusal, shown
from solon.constitution.importers.names import rank, words_of
from solon.constitution.importers.nodes import read_list, read_names, read_section, scaled
from solon.constitution.importers.polarity import standing
from solon.constitution.importers.refuse import refuse_object
from solon.constitution.importers.vocabulary import ASIDE, HEAD, STRONG, SURE, bare
from solon.constitution.importers.words import BELOW, compares, doubtful

SOME, MOST = 0.5, 0.6  # shares of texts that must say how to behave
ABOUT = "is about the document, not a principle"
UNTOLD = "its name does not tell of principles"
TITLES = ("name", "title", "id", "document")


def read_tree(source: Source) -> Found:
    """The principles in JSON or YAML data. Raises ConfigError when it is something else."""
    data, path = source.data, source.path
    if isinstance(data, Mapping) and data:
        refuse_object(data, path)
        found = _object(data, source)
    elif isinstance(data, list) and data:
        found = _top_list(data, source)
    else:
        single = "a single value" if data not in ([], {}, None) else "empty"
        raise refusal(path, f"is {single}", "give a list of principles")
    kind = _kind(found.entries, "traits" if found.traits else "statements") + " with questions" * bool(found.questions)
    found.format = f"{source.kind}: {kind} {found.format}"
    return found


def _kind(entries: Sequence[Entry], plain: str) -> str:
    half = len(entries) / 2
    if sum(bool(e.critique and e.revision) for e in entries) > half:
        return "critique and revision requests"
    if sum(compares(e.text) for e in entries) > half:
        return "comparison instructions"
    return plain


def _top_list(data: list[Any], source: Source) -> Found:
    found = Found("in a list" if source.kind != "JSON lines" else "one to a line")
    read_list(data, (), "", found, source)
    rows = [Fields(item) for item in data if isinstance(item, Mapping)]
    found.traits = sum("trait" in row for row in rows) > len(data) / 2
    named = sum(bool(STRONG & set(row.by_name)) or row.is_pair() for row in rows)
    sure = _sure_name(source) or named > len(data) / 2
    why = doubtful(found.entries, 0.0 if sure else MOST)
    if not sure and 0 < len(found.entries) < len(data) / 2:
        why = f"only {len(found.entries)} of its {len(data)} entries are statements"
    if source.kind == "CSV" and not named:
        columns = ", ".join(shown(str(key), 20) for key in list(data[0])[:6])
        raise refusal(
            source.path, f"is a table with the columns {columns}", "name the column of principles 'principle'"
        )
    if why:
        fix = "if these are principles, put the list under the key 'principles'"
        raise refusal(source.path, f"is a list, but {why}", fix)
    return found


def _sure_name(source: Source) -> bool:
    """Whether the file's own name says that it holds principles."""
    return bool(SURE & set(words_of(source.path.stem)))


def _object(given: Mapping[Any, Any], source: Source) -> Found:
    data = _unwrapped(given)
    _refuse_several(data, source)
    sure = (
        _sure_name(source)
        or data is not given
        or any(isinstance(v, str) and rank(v) == 2 for k, v in data.items() if bare(k) in TITLES)
    )
    found = Found("in named entries", head={bare(k): v for k, v in data.items() if _is_head(k, v)})
    body = {k: v for k, v in data.items() if not _is_head(k, v)}
    alone = len(body) > 1 and all(scaled({key: value}) for key, value in body.items())
    pairs = sum(isinstance(v, Mapping) and Fields(v).is_pair() for v in body.values())
    if pairs > len(body) / 2 or alone:
        read_names(body, (), "", found, source)
    elif _is_names(body) or _is_described(body):
        read_names(body, (), "", found, source)
        if why := doubtful(found.entries, SOME if sure else MOST):
            fix = "if these are principles, put them under the key 'principles'"
            raise refusal(source.path, f"maps names to texts, but {why}", fix)
    else:
        found.format = _sections(body, sure, found, source)
        if not found.entries and all(d.why in (ABOUT, NO_PART, UNTOLD) for d in found.dropped):
            keys = ", ".join(shown(str(key), 20) for key in list(data)[:6])
            found.looks = f"is an object with the keys {keys}{', …' if len(data) > 6 else ''}: none holds principles"
    return found


def _unwrapped(data: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """{"constitution": {"name": …, "principles": […]}} without its outer object."""
    inner = [k for k, v in data.items() if isinstance(v, Mapping) and bare(k) in ("constitution", "data", "content")]
    if len(inner) != 1 or not any(rank(k) and isinstance(v, list | Mapping) for k, v in data[inner[0]].items()):
        return data
    if any(rank(k) and isinstance(v, list) for k, v in data.items()):
        return data
    return {**{k: v for k, v in data.items() if k != inner[0]}, **data[inner[0]]}


def _is_names(body: Mapping[Any, Any]) -> bool:
    """Whether an object maps names to sentences and nothing else ({"honesty": "Tell the truth.", …})."""
    return len(body) > 1 and all(isinstance(v, str) for v in body.values()) and not Fields(body).states()


def _is_described(body: Mapping[Any, Any]) -> bool:
    """Whether an object maps names to objects that state something ({"no-harm": {"description": …, "weight": 3}})."""
    said = [v for v in body.values() if isinstance(v, Mapping) and Fields(v).states() and not _lists(v)]
    return len(body) > 1 and len(said) == len(body) and not any(rank(key) == 2 for key in body)


def _lists(value: Mapping[Any, Any]) -> bool:
    return any(rank(key) and isinstance(inner, list) for key, inner in value.items())


def _sections(body: Mapping[Any, Any], sure: bool, found: Found, source: Source) -> str:
    """Read the sections that hold principles into `found`, and say in words which these are."""
    listed = any(rank(key) == 2 and isinstance(value, list | Mapping) for key, value in body.items())
    taken = []
    lead = standing({bare(k): v for k, v in body.items()})[0]
    for key, value in body.items():
        if is_chats(value) or is_chat(value):
            read_demonstrations(value, (str(key),), found)
        elif why := _unfit(key, value, listed):
            if value not in (None, "", [], {}):
                found.drop((str(key),), shown(value if isinstance(value, str) else repr(value)), why)
        elif _take(str(key), value, sure, found, source, lead):
            taken.append(str(key))
    if len(taken) > 3:
        return f"in {len(taken)} sections"
    return "under " + " and ".join(f"'{key}'" for key in taken)


def _unfit(key: object, value: Any, listed: bool) -> str:
    """Why a section cannot hold principles, "" when it can."""
    if value in (None, "", [], {}):
        return "is empty"
    if ASIDE & set(words_of(str(key))) and not rank(key):
        return ABOUT
    if not isinstance(value, list | Mapping) and not (rank(key) and isinstance(value, str)):
        return NO_PART
    if not rank(key) and (listed or not _is_plain(value)):
        return UNTOLD
    return ""


def _take(key: str, value: Any, sure: bool, found: Found, source: Source, lead: str) -> bool:
    """Read a section into `found`, unless its texts do not say how to behave. `lead`: what all of the file is under."""
    part = Found("")
    read_section(value, (key,), f"{lead}{BELOW}{key}" if lead else key, part, source)
    told = rank(key)
    why = doubtful(
        part.entries, 0.0 if told == 2 or (told and sure) or scaled(value) else SOME if told or sure else MOST
    )
    if why:
        found.drop((key,), f"{len(part.entries)} texts, the first: {shown(part.entries[0].text)}", why)
        return False
    found.merge(part)
    return bool(part.entries)


def _is_plain(value: Any) -> bool:
    """Whether a section with no telling name is made of texts: lists, or names with sentences, lists or rules."""
    if isinstance(value, Mapping) and any(rank(k) and isinstance(v, list) for k, v in value.items()):
        return True
    if isinstance(value, Mapping) and value and (_is_described(value) or scaled(value)):
        return True
    inner = list(value.values()) if isinstance(value, Mapping) else value
    return all(_is_text(v) or (isinstance(v, list) and all(_is_text(t) for t in v)) for v in inner)


def _is_text(value: Any) -> bool:
    """Whether it is a text, or one under a name ("- Privacy: do not …" in YAML)."""
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    return isinstance(value, str)


def _is_head(key: object, value: Any) -> bool:
    """Whether a key tells of the document: its name, version, licence and so on."""
    scalar = value is None or isinstance(value, str | int | float)
    return bare(key) in HEAD and (scalar or bare(key) in ("provenance", "source", "author", "authors"))


def _refuse_several(data: Mapping[Any, Any], source: Source) -> None:
    """A file with several constitutions of their own: which one is meant cannot be guessed."""
    for key, value in data.items():
        if bare(key) == "constitutions" and isinstance(value, list | Mapping):
            each = list(value.values()) if isinstance(value, Mapping) else value
            whole = [
                v for v in each if isinstance(v, Mapping) and any(rank(k) and isinstance(x, list) for k, x in v.items())
            ]
            if len(whole) > 1:
                looks = f"holds {len(whole)} constitutions"
                raise refusal(source.path, looks, "import them one at a time, from a file each")

"""From entries to a constitution: ids, phases, aims, exact duplicates, name and version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from solon.constitution.importers.account import fold, noted, origin
from solon.constitution.importers.model import MAX_PRINCIPLES, Entry, Found, Imported, refusal, shown, spell
from solon.constitution.importers.names import infer_aim, kept_id, make_id, words_of
from solon.constitution.importers.words import bad_character, compares, is_prompt, without_options
from solon.constitution.model import VERSION_PATTERN, Exemplars, Phase, Principle, Written
from solon.errors import ConfigError
from solon.files import explain


def build(found: Found, path: Path) -> Imported:
    """The constitution that `found` amounts to. Raises ConfigError when it holds no principle."""
    entries = _distinct(_without_prompts(found.entries, found), found)
    if not entries:
        raise _nothing(found, path)
    if len(entries) > MAX_PRINCIPLES:
        raise refusal(
            path,
            f"holds {len(entries):,} entries, the limit is {MAX_PRINCIPLES:,}: a data set",
            "give only the principles",
        )
    taken: dict[str, None] = {}
    principles: list[Principle] = []
    for entry in entries:
        if isinstance(made := _principle(entry, taken, path), Principle):
            taken[made.id] = None
            principles.append(made)
        else:
            found.drop(entry.place, shown(entry.text), made)
    if not principles:
        raise _nothing(found, path)
    written = Written(
        name=_name(found, path),
        version=_version(found),
        description=_said(found, ("summary", "description", "purpose", "overview")),
        exemplars=Exemplars(revision=tuple(found.exemplars)) if found.exemplars else None,
        principles=tuple(principles),
    )
    notes = (*noted(found, written, entries), *origin(found))
    questions = tuple(q for q in dict.fromkeys(found.questions) if not bad_character(q))
    return Imported(written, found.format, notes, tuple(fold(found.dropped)), questions)


def _nothing(found: Found, path: Path) -> ConfigError:
    if found.looks:
        return refusal(path, found.looks, "put principles as a list under the key 'principles', or give another file")
    first = next((d for d in found.dropped if "." in d.where), next(iter(found.dropped), None))
    told = f" (the first of {len(found.dropped)} entries, {first.what}, {first.why})" if first else ""
    return refusal(path, f"holds no principle{told}", "give a list of principles, in JSON, YAML, Markdown or text")


def _without_prompts(entries: Sequence[Entry], found: Found) -> list[Entry]:
    kept = []
    for entry in entries:
        if entry.section or entry.critique or entry.question or not is_prompt(entry.text):
            kept.append(entry)
        else:
            found.drop(entry.place, shown(entry.text), "is a question or a request to a model, not a principle")
    return kept


def _distinct(entries: Sequence[Entry], found: Found) -> list[Entry]:
    """The entries without exact repetitions; the first of each stays."""
    first: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        said = tuple((part or "").casefold() for part in (entry.text, entry.critique, entry.revision, entry.question))
        if said in first:
            found.drop(entry.place, shown(entry.text), f"says the same as {spell(first[said].place)}")
        else:
            first[said] = entry
    return list(first.values())


def _principle(entry: Entry, taken: dict[str, None], path: Path) -> Principle | str:
    """The principle, or why it cannot be one."""
    chooses = compares(entry.text) and not entry.section
    question = without_options(entry.question or (entry.text if chooses else "")) or None
    fields: dict[str, Any] = {
        "id": kept_id(entry.named, taken) or make_id(entry.key, entry.text, taken),
        "text": without_options(entry.text) if chooses else entry.text,
        "aim": infer_aim(entry.aim, f"{entry.category} {entry.key}", entry.text),
        "weight": entry.weight,
        "authority": entry.authority,
        "source": f"{shown(path.name, 100)}#{spell(entry.place)}",
        "phases": _phases(entry, chooses),
        "critique_request": entry.critique,
        "revision_request": entry.revision,
        "comparison_question": question,
        "exemplars": entry.exemplars,
    }
    if bad := bad_character("".join(v for v in fields.values() if isinstance(v, str))):
        return bad
    try:
        return Principle.model_validate(fields)
    except ValidationError as error:
        return explain(error)


def _phases(entry: Entry, chooses: bool) -> tuple[Phase, ...]:
    """What states a principle serves both phases; requests without one only the first, choices only the second."""
    if chooses:
        return ("revise", "compare") if entry.critique or entry.revision else ("compare",)
    return ("revise", "compare") if entry.stated else ("revise",)


def _said(found: Found, names: Sequence[str]) -> str:
    for name in names:
        value = found.head.get(name)
        if isinstance(value, str) and value.strip():
            return shown(value, 2_000)
    return ""


def _name(found: Found, path: Path) -> str:
    return (
        shown(_said(found, ("name", "title", "id", "document", "datasetname")), 100)
        or "-".join(words_of(path.stem))
        or "imported"
    )


def _version(found: Found) -> str:
    given = found.head.get("version")
    if given is None or isinstance(given, bool) or not isinstance(given, str | int | float):
        return "0.1.0"
    text = str(given).strip().removeprefix("v")
    if re.fullmatch(VERSION_PATTERN, text):
        return text
    if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text):
        full = ".".join([*(str(int(part)) for part in text.split(".")), "0", "0"][:3])
        found.notes.append(f"version {text} is written {full}")
        return full
    found.notes.append(f"version {shown(text, 30)!r} is no semantic version; it starts at 0.1.0")
    return "0.1.0"

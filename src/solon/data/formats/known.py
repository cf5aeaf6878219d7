"""All formats by name, those with the most telling columns first."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from solon.data.formats import (
    hh,
    hh_turns,
    hhh_eval,
    llmbar,
    pairs,
    prompts,
    rewardbench,
    store,
    trl,
    ultrafeedback,
    ultrafeedback_raw,
    unpaired,
)
from solon.data.formats.base import Format
from solon.data.formats.checks import Record
from solon.errors import ConfigError

FORMATS = {
    f.name: f
    for f in (
        ultrafeedback_raw.FORMAT,
        ultrafeedback.FORMAT,
        store.FORMAT,
        rewardbench.FORMAT,
        hh_turns.FORMAT,
        hhh_eval.FORMAT,
        llmbar.FORMAT,
        pairs.FORMAT,
        unpaired.CONVERSATIONAL,
        unpaired.STANDARD,
        trl.EXPLICIT,
        trl.STANDARD,
        trl.IMPLICIT,
        hh.FORMAT,
        prompts.CONVERSATIONAL,
        prompts.STANDARD,
    )
}
ALIASES = {"kto": "trl-unpaired", "preferences": "solon"}
READABLE = [name for name, f in FORMATS.items() if f.parse is not None]
WRITABLE = [name for name, f in FORMATS.items() if f.render is not None]

# Rows that hold no two responses, and what to say of them.
REFUSED: tuple[tuple[Callable[[Record], bool], str], ...] = (
    (lambda r: "completion" in r, "one completion a prompt and no label: there is nothing to compare it with"),
    (lambda r: "messages" in r or "text" in r, "language modelling: whole texts, no two responses to one prompt"),
    (
        lambda r: isinstance(r.get("responses"), list),
        "several responses to a prompt and no label: solon label makes labelled pairs of them, solon best picks one",
    ),
    (prompts.holds, "prompts without responses: there is no pair to compare"),
)


def readable(name: str) -> Format:
    """The format of that name. Raises ConfigError when there is none, or it is only written."""
    return _named(name, READABLE, "read")


def writable(name: str) -> Format:
    """The format of that name. Raises ConfigError when there is none, or it is only read."""
    return _named(name, WRITABLE, "written")


def _named(name: str, names: list[str], done: str) -> Format:
    found = ALIASES.get(name, name)
    if found in names:
        return FORMATS[found]
    why = f"is not {done}" if found in FORMATS else "is not known"
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean '{near[0]}'?" if near and found not in FORMATS else ""
    raise ConfigError(f"format '{name}' {why}{hint}; formats that are {done}: {', '.join(sorted(names))}")


def told_by_columns(records: Iterable[Record]) -> Format | None:
    """The format that most of the records look like; None where none looks like any."""
    votes: dict[str, int] = {}
    for record in records:
        name = next((f.name for f in FORMATS.values() if f.parse is not None and f.holds(record)), None)
        if name is not None:
            votes[name] = votes.get(name, 0) + 1
    return FORMATS[max(votes, key=votes.__getitem__)] if votes else None


def refusal(record: Record) -> str | None:
    """Why a file of such records is no preference file, where that can be said."""
    return next((why for holds, why in REFUSED if holds(record)), None)

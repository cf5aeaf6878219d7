"""All formats by name, those with the most telling columns first; `register` adds one from outside."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

from solon.data.formats import (
    alpaca,
    hh,
    hh_turns,
    hhh_eval,
    kwise,
    label_studio,
    llmbar,
    named,
    openai,
    pairs,
    pku,
    prompts,
    rewardbench,
    sharegpt,
    side_by_side,
    store,
    trl,
    ultrafeedback,
    unpaired,
)
from solon.data.formats.base import Format
from solon.data.formats.checks import Record
from solon.errors import ConfigError

FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        *kwise.RAW,
        ultrafeedback.FORMAT,
        store.FORMAT,
        rewardbench.FORMAT,
        hh_turns.FORMAT,
        hhh_eval.FORMAT,
        llmbar.FORMAT,
        label_studio.FORMAT,
        openai.PREFERENCE,
        *pku.FORMATS,
        side_by_side.JUDGEBENCH,
        side_by_side.HELPSTEER,
        side_by_side.ICAI_CSV,
        side_by_side.SHP_FORMAT,
        side_by_side.CHATBOT_ARENA,
        pairs.FORMAT,
        unpaired.CONVERSATIONAL,
        unpaired.STANDARD,
        sharegpt.PAIRS,
        alpaca.PAIRS,
        sharegpt.KTO,
        alpaca.KTO,
        openai.KTO,
        trl.EXPLICIT,
        trl.STANDARD,
        trl.IMPLICIT,
        *kwise.NECTAR,
        *kwise.RESPONSES,
        named.FORMAT,
        hh.FORMAT,
        side_by_side.ANY,
        sharegpt.SFT,
        alpaca.SFT,
        openai.SFT,
        openai.COMPLETION,
        prompts.CONVERSATIONAL,
        prompts.STANDARD,
    )
}
ALIASES = {
    "kto": "trl-unpaired",
    "preferences": "solon",
    "openai": "messages",
    "kwise": "nectar",
    "rewardbench-2": "rewardbench",
}
USUAL = ("trl", "trl-unpaired", "hh", "pairs", "alpaca", "sharegpt", "messages", "ultrafeedback", "trl-prompts")

# Rows that hold no two responses, and what to say of them.
REFUSED: tuple[tuple[Callable[[Record], bool], str], ...] = (
    (lambda r: "completion" in r, "one completion a prompt and no label: there is nothing to compare it with"),
    (
        lambda r: _is_single(sharegpt.SFT, r),
        "ShareGPT conversations: one reply to each, and no label: there is nothing to compare it with",
    ),
    (
        lambda r: _is_single(alpaca.SFT, r),
        "Alpaca's instructions: one output to each, and no label: there is nothing to compare it with",
    ),
    (lambda r: "messages" in r or "text" in r, "language modelling: whole texts, no two responses to one prompt"),
    (
        lambda r: isinstance(r.get("responses"), list),
        "several responses to a prompt and no label: solon label makes labelled pairs of them, solon best picks one",
    ),
    (
        lambda r: prompts.holds(r) and not reply_columns(r),
        "prompts without responses: there is no pair to compare",
    ),
)
# The many names that replies and labels have elsewhere: beside a prompt they are nobody's other columns.
OF_REPLIES = re.compile(
    r"(.*[_ ])?(labels?|answers?|repl(y|ies)|responses?|outputs?|completions?|candidates?|generations?)"
    r"([_ ]?(\d+|[a-z]))?"
    r"|(preferred|dispreferred|preferences?|better|worse|safer|winner|loser|chosen|rejected)([_ \d].*)?",
    re.IGNORECASE,
)


def _is_single(format: Format, record: Record) -> bool:
    """Whether it is a row of single replies, with no column beside them that may hold another."""
    return format.holds(record) and not set(reply_columns(record)) - set(format.columns.split(", "))


def reply_columns(record: Record) -> list[str]:
    """The columns whose names say that they hold replies or labels."""
    return [name for name in record if OF_REPLIES.fullmatch(str(name))]


def register(format: Format) -> None:
    """Add a format, which its `holds` then tells before all others. Raises ConfigError for a name that is taken."""
    if format.name in FORMATS or format.name in ALIASES:
        raise ConfigError(f"format '{format.name}' is known already; give another name")
    others = dict(FORMATS)
    FORMATS.clear()
    FORMATS.update({format.name: format} | others)


def readables() -> list[str]:
    """The names of the formats that pairs are read from."""
    return [name for name, f in FORMATS.items() if f.parse is not None]


def writables() -> list[str]:
    """The names of the formats that are written."""
    return [name for name, f in FORMATS.items() if f.render or f.together or f.render_reply]


def readable(name: str) -> Format:
    """The format of that name, to read pairs from. Raises ConfigError when there is none, or it holds no pairs."""
    return _named(name, readables(), "read")


def convertible(name: str) -> Format:
    """As `readable`, single replies (SFT) too."""
    return _named(name, [*readables(), *(name for name, f in FORMATS.items() if f.reply and not f.parse)], "read")


def writable(name: str) -> Format:
    """The format of that name. Raises ConfigError when there is none, or it is only read."""
    return _named(name, writables(), "written")


def _named(name: str, names: list[str], done: str) -> Format:
    found = ALIASES.get(name, name)
    if found in names:
        return FORMATS[found]
    why = f"is not {done}" if found in FORMATS else "is not known"
    near = difflib.get_close_matches(name, shown(names), 1)
    hint = f"; did you mean '{near[0]}'?" if near and found not in FORMATS else ""
    usual = ", ".join(one for one in USUAL if one in names)
    raise ConfigError(f"format '{name}' {why}{hint}; formats that are {done}: {usual} and others (docs/forms.md)")


def shown(names: Iterable[str]) -> list[str]:
    """The names as lists of choices show them: without their variants."""
    return sorted(name for name in names if ":" not in name)


def told_by_columns(records: Iterable[Record], replies: bool = False) -> Format | None:
    """The format that most of the records look like; None where none looks like any.

    With `replies` formats of single replies are looked at too; else those that pairs can be read from.
    """
    votes: dict[str, int] = {}
    for record in records:
        name = next((f.name for f in FORMATS.values() if _is_read(f, replies) and f.holds(record)), None)
        if name is not None:
            votes[name] = votes.get(name, 0) + 1
    return FORMATS[max(votes, key=votes.__getitem__)] if votes else None


def _is_read(format: Format, replies: bool) -> bool:
    return format.parse is not None or (replies and format.reply is not None)


def refusal(record: Record) -> str | None:
    """Why a file of such records is no preference file, where that can be said."""
    return next((why for holds, why in REFUSED if holds(record)), None)


def nearest(record: Record) -> Format:
    """The format whose columns are most like the record's."""
    seen = [str(name).lower() for name in record]

    def likeness(format: Format) -> float:
        wanted = format.columns.partition(":")[0].split(", ")
        found = [
            max((difflib.SequenceMatcher(None, name, other).ratio() for other in seen), default=0) for name in wanted
        ]
        return sum(found) / len(found)

    return max((f for f in FORMATS.values() if f.parse is not None and ":" not in f.name), key=likeness)

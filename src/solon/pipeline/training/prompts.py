"""Prompts out of a file, for the trainers that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solon.data.prompts import PromptFile, PromptRow, read_prompts
from solon.data.repeats import group_names
from solon.data.rows import BadRow
from solon.errors import DataError
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Turns


@dataclass(frozen=True, slots=True)
class Asked:
    """One conversation to be answered, its last turn the user's, and where it stood. `kind` is what the file says it
    is, "" if nothing."""

    turns: Turns
    kind: str
    file: str
    line: int

    @property
    def text(self) -> str:
        """What the user says last."""
        return self.turns[-1].content

    @property
    def harmless(self) -> bool:
        """Whether it is known to ask for nothing wrong."""
        return self.kind not in ("", "red_team")


def load_prompts(job: Job) -> Loaded[Asked]:
    """The prompts of the job's file, less those that it says are held out, and repeats of each other and near-repeats
    of those. Raises ConfigError and DataError.
    """
    return taken(_trained_on(read_prompts(PromptFile(job.file))), job.limit, "prompts")


def _trained_on(found: Iterator[PromptRow | BadRow]) -> Iterator[Asked | BadRow]:
    """What is learnt from: a prompt is not where it, or nearly the same text, is held out."""
    rows: list[PromptRow | BadRow] = []
    broken: DataError | None = None
    try:
        rows.extend(found)
    except DataError as error:  # the rows before it count
        broken = error
    asked = [row for row in rows if isinstance(row, PromptRow)]
    out = {row.near: row.line for row in asked if row.side == "heldout"}
    names = group_names(sorted({row.near for row in asked})) if out else {}
    lines = {names[key]: line for key, line in out.items()}
    first: dict[str, int] = {}
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        reason = _left_out(row, lines.get(names.get(row.near, "")), first)
        if reason:
            yield BadRow(row.file, row.line, reason)
        else:
            yield Asked(row.prompt.turns, row.kind, row.file, row.line)
    if broken is not None:
        raise broken


def _left_out(row: PromptRow, twin: int | None, first: dict[str, int]) -> str:
    """Why a prompt is not learnt from; "" where it is. `first` has the line of each text that is."""
    if row.side == "heldout":
        return "is held out (split), and not trained on"
    if twin is not None:
        return f"says what line {twin} says, or nearly, which is held out (split)"
    if row.prompt.later:
        turns = 1 + len(row.prompt.later)
        return (
            f"has {turns} turns to be asked one after another, and one answer is rewarded: give the others as messages"
        )
    if (earlier := first.setdefault(row.key, row.line)) != row.line:
        return f"repeats line {earlier}"
    return ""

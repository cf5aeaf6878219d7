"""Prompts out of a file, for the trainers that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solon.data.formats.checks import Record, RowProblem, check_text, identity, kind
from solon.data.formats.messages import messages
from solon.data.formats.records import records
from solon.data.prompts import MAX_CHARS, SIDES, with_input
from solon.data.repeats import group_names, normalised
from solon.data.rows import BadRow, data_path
from solon.errors import DataError
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Turns, user

FIELDS = ("prompt", "text", "instruction", "question")


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt, a single turn of the user, and where it stood. `kind` is what the file says it is, "" if nothing."""

    text: str
    kind: str
    file: str
    line: int

    @property
    def turns(self) -> Turns:
        return (user(self.text),)

    @property
    def harmless(self) -> bool:
        """Whether it is known to ask for nothing wrong."""
        return self.kind not in ("", "red_team")


def load_prompts(job: Job) -> Loaded[Asked]:
    """The prompts of the job's file, less those that it says are held out and their repeats and near-repeats.

    Raises ConfigError and DataError.
    """
    return taken(_trained_on(_parsed(job.file)), job.limit, "prompts")


def _trained_on(found: Iterator[tuple[Asked, bool] | BadRow]) -> Iterator[Asked | BadRow]:
    """What is learnt from: a prompt is not where it, or nearly the same text, is held out."""
    rows: list[tuple[Asked, bool] | BadRow] = []
    broken: DataError | None = None
    try:
        rows.extend(found)
    except DataError as error:  # the rows before it count
        broken = error
    asked = [row for row in rows if not isinstance(row, BadRow)]
    out = {normalised(one.text): one.line for one, held in asked if held}
    names = group_names(sorted({normalised(one.text) for one, _ in asked})) if out else {}
    lines = {names[key]: line for key, line in out.items()}
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        one, held = row
        twin = lines.get(names.get(normalised(one.text), ""))
        if held:
            yield BadRow(one.file, one.line, "is held out (split), and not trained on")
        elif twin is not None:
            yield BadRow(one.file, one.line, f"says what line {twin} says, or nearly, which is held out (split)")
        else:
            yield one
    if broken is not None:
        raise broken


def _parsed(name: str) -> Iterator[tuple[Asked, bool] | BadRow]:
    """Each prompt, with whether the file says that it is held out."""
    path = data_path(name)
    seen: set[str] = set()
    for item in records(path):
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        try:
            name = identity(record, "id")
            if name and name in seen:
                raise RowProblem(f"duplicate id '{name[:80]}'")
            seen.add(name)
            yield _asked(record, str(path), line), SIDES.get(str(record.get("split"))) == "heldout"
        except RowProblem as problem:
            yield BadRow(str(path), line, str(problem))


def _asked(record: Record, file: str, line: int) -> Asked:
    text = with_input(_text(record), record)
    if not text.strip():
        raise RowProblem("the prompt is empty")
    if len(text) > MAX_CHARS:
        raise RowProblem(f"the prompt has {len(text):,} characters, the limit is {MAX_CHARS:,}")
    check_text(text)
    said = record.get("kind")
    return Asked(text.strip(), said if isinstance(said, str) else "", file, line)


def _text(record: Record) -> str:
    value = next((record[name] for name in FIELDS if record.get(name) is not None), None)
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RowProblem(f"the prompt is {kind(value)} (looked for {', '.join(FIELDS)}), expected text or messages")
    turns = messages(value, "prompt")
    if len(turns) != 1 or turns[0].role != "user":
        raise RowProblem(f"the prompt has {len(turns)} turns, expected one of the user: rollouts answer single turns")
    return turns[0].content

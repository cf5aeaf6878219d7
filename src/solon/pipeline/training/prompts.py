"""Prompts out of a file, for the trainers that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solon.data.formats.checks import Record, RowProblem, check_text, identity, kind
from solon.data.formats.messages import messages
from solon.data.formats.records import records
from solon.data.prompts import MAX_CHARS, BadRow, data_path
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken

FIELDS = ("prompt", "text", "instruction", "question")


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt, a single turn of the user, and where it stood. `kind` is what the file says it is, "" if nothing."""

    text: str
    kind: str
    file: str
    line: int

    @property
    def harmless(self) -> bool:
        """Whether it is known to ask for nothing wrong."""
        return self.kind not in ("", "red_team")


def load_prompts(job: Job) -> Loaded[Asked]:
    """The prompts of the job's file, less the rows that it says are held out. Raises ConfigError and DataError."""
    return taken(_parsed(job.file), job.limit, "prompts")


def _parsed(name: str) -> Iterator[Asked | BadRow]:
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
            yield _asked(record, str(path), line)
        except RowProblem as problem:
            yield BadRow(str(path), line, str(problem))


def _asked(record: Record, file: str, line: int) -> Asked:
    text = _text(record)
    if not text.strip():
        raise RowProblem("the prompt is empty")
    if len(text) > MAX_CHARS:
        raise RowProblem(f"the prompt has {len(text):,} characters, the limit is {MAX_CHARS:,}")
    check_text(text)
    if record.get("split") == "heldout":
        raise RowProblem("is held out (split), and not trained on")
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

"""Conversations to be answered, and files that hold several responses to each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from solon.data.formats.checks import Record, RowProblem, check_text, identity, kind
from solon.data.formats.ends import of_reason
from solon.data.formats.messages import messages
from solon.data.formats.records import records
from solon.data.formats.row import prompted
from solon.data.prompts import load_prompt_sets
from solon.data.rows import BadRow, data_path
from solon.errors import DataError
from solon.files import sha256_file
from solon.types import Message, digest, user

LOOKED_AT = 20  # records that tell whether the file holds responses, so that a broken first one does not


@dataclass(frozen=True, slots=True)
class Candidates:
    """A conversation, its last turn the user's, and the responses to it that a file holds; () where it holds none.

    `ended` says of each response whether it ended by itself (false: cut off by its token limit); () where the file
    does not say. `file` and `line` (from 1) say where the row stood.
    """

    id: str
    turns: tuple[Message, ...]
    responses: tuple[str, ...] = ()
    ended: tuple[bool | None, ...] = ()
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def ended_at(self, place: int) -> bool | None:
        """Whether the response at `place` ended by itself; None where that is not known."""
        return self.ended[place] if self.ended else None


def load_candidates(name: str) -> tuple[list[Candidates], list[BadRow]]:
    """The conversations of a file, and the rows that were set aside. `name` is as in `solon.data.prompts.data_path`.

    Where a row has `responses` (two texts or more), all need them, and `prompt` is a text or a list of messages;
    `ended` (true, false or null for each) or `finish_reasons` (a list under `finish_reason`, too) say which of them a
    token limit cut off. The file is JSON lines or a list, gzipped or not, or Parquet. Other files are prompt files
    (`load_prompt_sets`). Raises ConfigError when the file cannot be read and DataError when no row is usable.
    """
    path = data_path(name)
    if not _holds_responses(path):
        sets = load_prompt_sets({"prompts": name})
        asked = [(prompt, sets.lines["prompts", prompt.id]) for prompt in sets.prompts["prompts"]]
        return [Candidates(p.id, (user(p.text),), file=str(path), line=line) for p, line in asked], sets.bad
    rows = list(_rows(path))
    found = [row for row in rows if isinstance(row, Candidates)]
    bad = [row for row in rows if isinstance(row, BadRow)]
    if not found:
        raise DataError(f"{path} has no usable row; line {bad[0].line}: {bad[0].reason}")
    return found, bad


def data_facts(name: str, rows: int, set_aside: int) -> dict[str, Any]:
    """What a summary says of the file: its content, how many rows were used and how many were set aside."""
    return {"name": name, "sha256": sha256_file(data_path(name)), "rows": rows, "set_aside": set_aside}


def _holds_responses(path: Path) -> bool:
    first = islice(records(path), LOOKED_AT)
    return any("responses" in item[1] for item in first if not isinstance(item, BadRow))


def _rows(path: Path) -> Iterator[Candidates | BadRow]:
    seen: set[str] = set()
    for item in records(path):
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        try:
            row = _candidates(record)
        except RowProblem as problem:
            yield BadRow(str(path), line, str(problem))
            continue
        if row.id in seen:
            yield BadRow(str(path), line, f"duplicate id '{row.id[:80]}'")
        else:
            seen.add(row.id)
            yield replace(row, file=str(path), line=line)


def _candidates(record: Record) -> Candidates:
    prompt, responses = record.get("prompt"), record.get("responses")
    turns = prompted(prompt) if isinstance(prompt, str) else messages(prompt, "prompt")
    if turns[-1].role != "user" or not turns[-1].content.strip():
        raise RowProblem("prompt ends with no words of the user")
    if not isinstance(responses, list):
        raise RowProblem(f"responses is {kind(responses)}, expected a list of texts")
    for response in responses:
        if not isinstance(response, str):
            raise RowProblem(f"a response is {kind(response)}, expected text")
    if len(responses) < 2:
        raise RowProblem(f"has {len(responses)} responses, expected two or more")
    for text in (*(turn.content for turn in turns), *responses):
        check_text(text)
    name = identity(record, "id") or f"prompt-{digest([[turn.as_dict() for turn in turns], responses])[:16]}"
    return Candidates(name, turns, tuple(responses), _ended(record, len(responses)))


def _ended(record: Record, count: int) -> tuple[bool | None, ...]:
    """Of each response whether it ended by itself; () where the record does not say."""
    said = record.get("ended")
    if said is None:
        return _reasons(record, count)
    if (
        not isinstance(said, list)
        or len(said) != count
        or not all(one is None or isinstance(one, bool) for one in said)
    ):
        raise RowProblem(f"ended is no list of {count} times true, false or null, one for each response")
    return tuple(said)


def _reasons(record: Record, count: int) -> tuple[bool | None, ...]:
    """Of each response what its finish reason says, in a list that has one for each; () where there is no list."""
    for name in ("finish_reasons", "finish_reason"):
        said = record.get(name)
        if isinstance(said, list):
            if len(said) != count:
                raise RowProblem(f"{name} has {len(said)} entries, expected {count}: one for each response")
            return tuple(map(of_reason, said))
    return ()

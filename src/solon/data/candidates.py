"""Conversations to be answered, and files that hold several responses to each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from solon.data.formats.checks import Record, RowProblem, check_text, identity, kind
from solon.data.formats.conversation import conversation_of
from solon.data.formats.ends import OF_LISTS, of_reason
from solon.data.formats.messages import messages
from solon.data.formats.records import records
from solon.data.prompts import PromptFile, load_prompt_files
from solon.data.rows import BadRow, data_path
from solon.errors import DataError
from solon.files import sha256_file
from solon.types import Message, digest


@dataclass(frozen=True, slots=True)
class Candidates:
    """A conversation, its last turn the user's, and the responses to it that a file holds; () where it holds none.

    `ended` says of each response whether it ended by itself (false: cut off by its token limit); () where the file
    does not say. `extra` has the row's other columns, which are written where it is. `file` and `line` (from 1) say
    where the row stood.
    """

    id: str
    turns: tuple[Message, ...]
    responses: tuple[str, ...] = ()
    ended: tuple[bool | None, ...] = ()
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    extra: Record = field(default_factory=dict, compare=False)

    def ended_at(self, place: int) -> bool | None:
        """Whether the response at `place` ended by itself; None where that is not known."""
        return self.ended[place] if self.ended else None


def load_candidates(name: str) -> tuple[list[Candidates], list[BadRow]]:
    """The conversations of a file, and the rows that were set aside. `name` is as in `solon.data.rows.data_path`.

    Where a row has `responses` (two texts or more), all need them, beside a prompt as every prompt file has it
    (solon.data.formats.conversation); `ended` (true, false or null for each) or `finish_reasons` (a list under
    `finish_reason`, too) say which of them a token limit cut off. Other files are prompt files (`load_prompt_files`).
    Raises ConfigError when the file cannot be read and DataError when no row is usable.
    """
    path = data_path(name)
    if not _holds_responses(path):
        return _asked(name)
    rows = list(_rows(path))
    found = [row for row in rows if isinstance(row, Candidates)]
    bad = [row for row in rows if isinstance(row, BadRow)]
    if not found:
        raise DataError(f"{path} has no usable row; line {bad[0].line}: {bad[0].reason}")
    return found, bad


def _asked(name: str) -> tuple[list[Candidates], list[BadRow]]:
    """The conversations of a prompt file. Those with turns that come later are set aside: one answer is compared with
    another, and the turns between would not be the same."""
    sets = load_prompt_files([PromptFile(name, "prompts")], extras=True)
    found: list[Candidates] = []
    bad = list(sets.bad)
    for prompt in sets.prompts["prompts"]:
        key = ("prompts", prompt.id)
        if prompt.later:
            turns = f"{1 + len(prompt.later)} turns of the user are asked one after another"
            bad.append(
                BadRow(str(data_path(name)), sets.lines[key], f"{turns}: give the turns before the last as messages")
            )
            continue
        extra = sets.extras[key]
        found.append(Candidates(prompt.id, prompt.turns, file=str(data_path(name)), line=sets.lines[key], extra=extra))
    if not found:
        raise DataError(f"{data_path(name)} has no usable row; line {bad[0].line}: {bad[0].reason}")
    return found, bad


def data_facts(name: str, rows: int, set_aside: int) -> dict[str, Any]:
    """What a summary says of the file: its content, how many rows were used and how many were set aside."""
    return {"name": name, "sha256": sha256_file(data_path(name)), "rows": rows, "set_aside": set_aside}


def _holds_responses(path: Path) -> bool:
    return any("responses" in item[1] for item in records(path) if not isinstance(item, BadRow))


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
    said, responses = conversation_of(record), record.get("responses")
    if said.reply or said.later:
        raise RowProblem("prompt ends with a reply of its own or has turns that come later, and responses answer it")
    if not isinstance(responses, list):
        raise RowProblem(f"responses is {kind(responses)}, expected a list of texts")
    texts = tuple(_response(response) for response in responses)
    if len(texts) < 2:
        raise RowProblem(f"has {len(texts)} responses, expected two or more")
    for text in texts:
        check_text(text)
    turns = said.turns
    name = identity(record, "id") or f"prompt-{digest([[turn.as_dict() for turn in turns], list(texts)])[:16]}"
    own = (*said.columns, "id", "responses", *OF_LISTS)
    extra = {column: value for column, value in record.items() if column not in own}
    return Candidates(name, turns, texts, _ended(record, len(texts)), extra=extra)


def _response(value: Any) -> str:
    """A response: a text, or a message of the assistant, alone or in a list."""
    if isinstance(value, str):
        return value
    said = [value] if isinstance(value, dict) else value
    if not isinstance(said, list):
        raise RowProblem(f"a response is {kind(value)}, expected text")
    turns = messages(said, "a response")
    if len(turns) != 1 or turns[0].role != "assistant":
        raise RowProblem(f"a response has {len(turns)} turns, expected one of the assistant")
    return turns[0].content


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
    for name in OF_LISTS[1:]:
        said = record.get(name)
        if isinstance(said, list):
            if len(said) != count:
                raise RowProblem(f"{name} has {len(said)} entries, expected {count}: one for each response")
            return tuple(map(of_reason, said))
    return ()

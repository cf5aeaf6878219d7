"""Rows of SFT out of a file: conversations, prompts with completions, or the chosen replies of preferences.

messages            `messages`: every turn of the assistant is a row, the turns before it its prompt
prompt-completion   `prompt` and `completion`, texts or lists of messages
any other           a preference format (solon.data.formats): the reply that its label prefers

`ended` false, or the finish reason "length", says that the (last) reply was cut off: its end is not learnt as an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from solon.data.formats import Row, read_pairs
from solon.data.formats.checks import MAX_ROW, Record, RowProblem, boolean, check_text, identity, kind
from solon.data.formats.ends import ended
from solon.data.formats.known import READABLE, told_by_columns
from solon.data.formats.messages import messages
from solon.data.formats.records import records
from solon.data.formats.row import chosen_of, prompted
from solon.data.rows import BadRow, data_path
from solon.data.sft import row
from solon.errors import DataError
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Message, Preference, assistant

MESSAGES, COMPLETION = "messages", "prompt-completion"
UNPAIRED = ("trl-unpaired", "trl-unpaired-standard")  # one reply a row: a good one is a completion to learn
PLACE = "place"  # a row's file and line, for what is said of it
LOOKED_AT = 20  # records that tell the format, so that a broken first one does not

Rows = list[dict[str, Any]]


def load_rows(job: Job) -> Loaded[dict[str, Any]]:
    """The rows of the job's file, in TRL's columns. Raises ConfigError and DataError for a file that has none."""
    path = data_path(job.file)
    told = job.format or _told(path)
    parse = {MESSAGES: _of_messages, COMPLETION: _of_completion}.get(told)
    found = _parsed(path, parse) if parse else map(_of_pair, read_pairs(path, told))
    loaded = taken(found, job.limit, told)
    return Loaded(told, [one for rows in loaded.items for one in rows], loaded.bad)


def _told(path: Path) -> str:
    """The format that the first records have. Raises DataError where it is none."""
    first = [item[1] for item in islice(records(path), LOOKED_AT) if not isinstance(item, BadRow)]
    format = told_by_columns(first)
    if format is not None and format.name not in UNPAIRED:
        return format.name
    for name, told in (("completion", COMPLETION), ("messages", MESSAGES)):
        if any(name in record for record in first):
            return told
    if not first:
        bad = next((item for item in records(path) if isinstance(item, BadRow)), None)
        raise DataError(f"{path} has no usable row{f'; line {bad.line}: {bad.reason}' if bad else ' (it is empty)'}")
    columns = ", ".join(map(str, list(first[0])[:8])) or "none"
    raise DataError(
        f"{path}: columns {columns} are of no format that SFT learns from; it wants messages, or prompt and "
        f"completion, or preferences (--format is one of {', '.join([MESSAGES, COMPLETION, *sorted(READABLE)])})"
    )


def _parsed(path: Path, parse: Callable[[Record], Rows]) -> Iterator[Rows | BadRow]:
    for item in records(path):
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        try:
            yield [{**one, PLACE: (str(path), line)} for one in parse(record)]
        except RowProblem as problem:
            yield BadRow(str(path), line, str(problem))


def _of_messages(record: Record) -> Rows:
    return _replies(record, messages(record.get("messages"), "messages"), 0)


def _of_completion(record: Record) -> Rows:
    if boolean(record, "label") is False:
        raise RowProblem("label is false: a reply to be avoided is not learnt")
    prompt, completion = record.get("prompt"), record.get("completion")
    if not isinstance(completion, str | list):
        raise RowProblem(f"completion is {kind(completion)}, expected text or a list of messages")
    before = prompted(prompt) if isinstance(prompt, str) else messages(prompt, "prompt")
    said = (assistant(completion),) if isinstance(completion, str) else messages(completion, "completion")
    return _replies(record, (*before, *said), len(before))


def _of_pair(found: Row | BadRow) -> Rows | BadRow:
    if isinstance(found, BadRow):
        return found
    try:
        if found.identical or found.prob_a == 0.5:
            raise RowProblem("prefers neither reply")
        sides, _ = chosen_of(found)
        whole = Preference(found.comparison, found.prob_a or 0.0).chosen_ended is not False
        one = _checked((*sides.turns, assistant(sides.chosen)), found.comparison.prompt_id, whole)
        return [{**one, PLACE: (found.file, found.line)}]
    except RowProblem as problem:
        return BadRow(found.file, found.line, str(problem))


def _replies(record: Record, turns: Sequence[Message], first: int) -> Rows:
    """A row for each turn of the assistant from `first` on."""
    name, whole = identity(record, "prompt_id") or identity(record, "id"), ended(record) is not False
    at = [n for n, turn in enumerate(turns) if n >= first and turn.role == "assistant"]
    if not at:
        raise RowProblem("holds no turn of the assistant to learn")
    # Only the last can have been cut off: the conversation went on after the others.
    return [_checked(turns[: n + 1], name, whole or n != at[-1]) for n in at]


def _checked(turns: Sequence[Message], name: str, ended: bool = True) -> dict[str, Any]:
    """The row that learns the last turn."""
    *before, reply = turns
    if not before or before[-1].role != "user":
        follows = f"a turn of the {before[-1].role}" if before else "nothing"
        raise RowProblem(f"a reply follows {follows}, expected one of the user")
    if not reply.content.strip():
        raise RowProblem("the reply is empty")
    if (size := sum(len(turn.content) for turn in turns)) > MAX_ROW:
        raise RowProblem(f"the row has {size:,} characters, the limit is {MAX_ROW:,}")
    for turn in turns:
        check_text(turn.content)
    return row(before, reply.content, "file", name, ended)

"""Rows of SFT out of a file: conversations, prompts with completions, or the chosen replies of preferences.

conversations       messages, ShareGPT's, Alpaca's: every turn of the assistant is a row, the turns before it its prompt
prompt-completion   `prompt` and `completion`, texts or lists of messages: the completion is a row
any other           a preference format (solon.data.formats): the reply that its label prefers

`ended` false, or the finish reason "length", says that the (last) reply was cut off: its end is not learnt as an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from solon.data.formats import Reply, Row, read_pairs
from solon.data.formats.base import Format
from solon.data.formats.checks import RowProblem, identity
from solon.data.formats.known import convertible, told_by_columns
from solon.data.formats.openai import COMPLETION
from solon.data.formats.read import read_replies, unknown
from solon.data.formats.records import records
from solon.data.formats.reply import chosen_reply, liked
from solon.data.rows import BadRow, data_path
from solon.data.sft import row
from solon.errors import DataError
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded, taken
from solon.types import Message, assistant

PLACE = "place"  # a row's file and line, for what is said of it
LOOKED_AT = 20  # records that tell the format, so that a broken first one does not

Rows = list[dict[str, Any]]


def load_rows(job: Job) -> Loaded[dict[str, Any]]:
    """The rows of the job's file, in TRL's columns. Raises ConfigError and DataError for a file that has none."""
    path = data_path(job.file)
    format = _convertible(job.format) if job.format else _told(path)
    found: Iterator[Row | Reply | BadRow]
    found = read_replies(path, format) if format.reply is not None else read_pairs(path, format.name)
    loaded = taken((_rows(one, format) for one in found), job.limit, format.name)
    return Loaded(format.name, [one for rows in loaded.items for one in rows], loaded.bad)


def _convertible(name: str) -> Format:
    """The format of that name; unpaired columns without labels are completions, too."""
    return COMPLETION if name in ("trl-unpaired", "trl-unpaired-standard") else convertible(name)


def _told(path: Path) -> Format:
    """The format that the first records have. Raises DataError where it is none."""
    first = [item[1] for item in islice(records(path), LOOKED_AT) if not isinstance(item, BadRow)]
    format = told_by_columns(first, replies=True)
    if format is not None:
        return format
    if not first:
        bad = next((item for item in records(path) if isinstance(item, BadRow)), None)
        raise DataError(f"{path} has no usable row{f'; line {bad.line}: {bad.reason}' if bad else ' (it is empty)'}")
    singles = [COMPLETION.name, "messages", "sharegpt", "alpaca"]
    raise DataError(
        f"{path}: {unknown(first[0], 'SFT learns from')}; it wants messages, prompt and completion, or preferences "
        f"(--format: {', '.join(singles)} or one of pairs; docs/forms.md lists them)"
    )


def _rows(found: Row | Reply | BadRow, format: Format) -> Rows | BadRow:
    """What is learnt of a row of the file."""
    if isinstance(found, BadRow):
        return found
    try:
        reply = chosen_reply(found) if isinstance(found, Row) else liked(found)
        named = found.comparison.prompt_id if isinstance(found, Row) else _name(found)
        every = isinstance(found, Reply) and "completion" not in format.columns.split(", ")
        return [{**one, PLACE: (found.file, found.line)} for one in _replies(reply, named, every)]
    except RowProblem as problem:
        return BadRow(found.file, found.line, str(problem))


def _name(reply: Reply) -> str:
    return identity(reply.extra, "prompt_id") or identity(reply.extra, "id")


def _replies(reply: Reply, name: str, every: bool) -> Rows:
    """A row for the reply; of a whole conversation for `every` turn of the assistant before it, too."""
    turns = (*reply.turns, assistant(reply.reply))
    at = [n for n, turn in enumerate(turns) if turn.role == "assistant"] if every else [len(turns) - 1]
    # Only the last can have been cut off: the conversation went on after the others.
    return [_checked(turns[: n + 1], name, n != len(turns) - 1 or reply.ended is not False) for n in at]


def _checked(turns: tuple[Message, ...], name: str, ended: bool) -> dict[str, Any]:
    """The row that learns the last turn."""
    *before, reply = turns
    if not before or before[-1].role != "user":
        follows = f"a turn of the {before[-1].role}" if before else "nothing"
        raise RowProblem(f"a reply follows {follows}, expected one of the user")
    if not reply.content.strip():
        raise RowProblem("the reply is empty")
    return row(before, reply.content, "file", name, ended)

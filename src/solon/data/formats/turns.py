"""Conversations as other tools spell them: ShareGPT's from and value, one message alone, a system prompt in a column.

`turns_of` reads a value, `asked` the columns of a record that hold what is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from solon.data.formats.checks import Record, RowProblem, kind
from solon.data.formats.conversation import SYSTEM as SYSTEM
from solon.data.formats.messages import messages
from solon.data.formats.rendered import turns_of_text
from solon.types import Message, system, user

# What files call the column that is answered, the most telling names first.
PROMPTS = (
    "prompt",
    "question",
    "instruction",
    "orig_instruction",
    "query",
    "user_prompt",
    "conversations",
    "conversation",
    "messages",
    "context",
    "dialogue",
    "history",
    "post",
    "input",
)
INPUT = "input"  # Alpaca's second column: what the instruction is about
BETWEEN = "\n\n"  # stands between an instruction and its input
LENGTH = "instruction_length"  # characters of the prompt that are the instruction: the rest was its input


class Asked(NamedTuple):
    """What a record asks: a conversation whose last turn is the user's, the columns that say it, and columns to add."""

    turns: tuple[Message, ...]
    own: tuple[str, ...]
    more: Record


def turns_of(value: Any, name: str) -> tuple[Message, ...]:
    """The turns of a text, a message or a list of messages, at least one. Raises RowProblem."""
    if isinstance(value, str):
        return turns_of_text(value)
    return messages([value] if isinstance(value, dict) else value, name)


def is_shared(value: Any) -> bool:
    """Whether it looks like ShareGPT's list of {from, value}."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "from" in value[0]


def asked(record: Record, columns: Sequence[str] = PROMPTS) -> Asked:
    """What the first of `columns` that the record has asks, after its system prompt. Raises RowProblem."""
    name = prompt_column(record, columns)
    if name is None:
        raise RowProblem(f"has no prompt (looked for {', '.join(columns)})")
    more: Record = {}
    own: tuple[str, ...] = (name,)
    if name == "instruction":
        text, own, more = instructed(record)
        turns: tuple[Message, ...] = (user(text),)
    else:
        turns = turns_of(record[name], name)
    turns, taken = with_system(record, turns)
    return Asked(answered(turns, name), (*own, *taken), more)


def prompt_column(record: Record, columns: Collection[str] = PROMPTS) -> str | None:
    """The column that says what is answered; None where there is none. An empty text says something, null does not."""
    return next((name for name in columns if isinstance(record.get(name), str | list)), None)


def instructed(record: Record) -> tuple[str, tuple[str, ...], Record]:
    """Alpaca's instruction with its input, the columns that say it, and where the instruction ends."""
    text, about = record.get("instruction"), record.get(INPUT)
    if not isinstance(text, str):
        raise RowProblem(f"instruction is {kind(text)}, expected text")
    if about in (None, ""):
        return text, ("instruction", INPUT), {}
    if not isinstance(about, str):
        raise RowProblem(f"input is {kind(about)}, expected text: what the instruction is about")
    return f"{text}{BETWEEN}{about}", ("instruction", INPUT), {LENGTH: len(text)}


def with_system(record: Record, turns: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The turns after the record's system prompt, and the column that says it; nothing is added to a system turn."""
    name = next((name for name in SYSTEM if isinstance(record.get(name), str) and record[name]), None)
    if name is None or turns[0].role == "system":
        return turns, ()
    return (system(record[name]), *turns), (name,)


def answered(turns: tuple[Message, ...], name: str) -> tuple[Message, ...]:
    """The turns. Raises RowProblem unless the last is the user's."""
    if turns[-1].role != "user":
        raise RowProblem(f"{name} ends with a turn of the {turns[-1].role}, expected one of the user")
    return turns


def reply_of(value: Any, name: str) -> str:
    """The one reply under `name`: a text, a message of the assistant, or a list of that one."""
    if isinstance(value, str):
        return value
    turns = turns_of(value, name)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise RowProblem(f"{name} has {len(turns)} turns, expected the assistant's reply")
    return turns[0].content

"""Conversations as other tools spell them: ShareGPT's from and value, one message alone, a system prompt in a column.

`turns_of` reads a value, `asked` the columns of a record that hold what is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.conversation import BETWEEN as BETWEEN
from solon.data.formats.conversation import FIELDS, TALKS, may_ask, opened
from solon.data.formats.conversation import INPUT as INPUT
from solon.data.formats.conversation import LENGTH as LENGTH
from solon.data.formats.messages import messages
from solon.data.formats.rendered import turns_of_text
from solon.types import Message

# What files of replies call the column that is answered: those of prompt files, but not such as hold replies there.
PROMPTS = (
    *(name for name in FIELDS if name not in ("prompt_turns", "turns", "text", "input")),
    "context",
    "history",
    "input",
)


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
    """What the first of `columns` that the record has asks, read as prompt files are (conversation.opened).

    Raises RowProblem.
    """
    name = next((name for name in columns if may_ask(record.get(name))), None) or prompt_column(record, columns)
    if name is None:
        raise RowProblem(f"has no prompt (looked for {', '.join(columns)})")
    found = opened(record, name)
    if found.later:
        raise RowProblem(f"{name} has turns that come later, and replies answer it: give the turns as messages")
    turns = found.turns
    if turns[-1].role == "assistant" and any(other in TALKS for other in found.own if other != name):
        turns = turns[:-1]  # of a conversation that goes on from the prompt: the replies are elsewhere
    return Asked(answered(turns, name), found.own, found.more)


def prompt_column(record: Record, columns: Collection[str] = PROMPTS) -> str | None:
    """The column that says what is answered; None where there is none. An empty text says something, null does not."""
    return next((name for name in columns if isinstance(record.get(name), str | list)), None)


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

"""What a record asks: the conversation to be answered, whatever its columns are called, and a reply of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from solon.data.formats.checks import Record, RowProblem, check_text, kind
from solon.data.formats.messages import is_messages, messages
from solon.data.formats.rendered import turns_of_text
from solon.types import Message, assistant, system, user

# What files call the column that is answered, the most telling first.
FIELDS = (
    "prompt",
    "prompt_turns",
    "messages",
    "conversations",
    "conversation",
    "turns",
    "instruction",
    "question",
    "text",
    "query",
    "input",
)
_MOST = ("prompt", "text", "instruction", "question", "turns", "messages")  # those of FIELDS that messages name
SYSTEM = ("system", "system_prompt", "system_message")
LATER = "turns"  # a list of texts under it are turns of the user, asked one after another
_EMPTY_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_ONE_REPLY = ("response", "output", "completion", "answer", "reply")  # one text under it answers the prompt


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is answered, its last turn the user's; the user's turns that come `later`; the record's own `reply` (""
    without); and the columns that say these. Texts keep the indentation of their first line.
    """

    turns: tuple[Message, ...]
    later: tuple[str, ...] = ()
    reply: str = ""
    columns: frozenset[str] = frozenset()


def conversation_of(record: Record) -> Conversation:
    """What the first of FIELDS that the record has asks, after its system prompt and earlier turns.

    A list that ends with a reply of the assistant is asked up to the user's last turn. Raises RowProblem where nothing
    is asked, or turns hold what text cannot.
    """
    name = next((name for name in FIELDS if _may_ask(name, record.get(name))), None)
    if name is None:
        raise RowProblem(_nothing(record))
    turns, later = _turns(name, record[name])
    columns = {name}
    if len(turns) == 1 and isinstance(record[name], str):
        turns = (_with_input(turns[0], record, name, columns),)
    turns = (*_before(record, turns, columns), *turns)
    reply = ""
    if turns[-1].role == "assistant" and len(turns) > 1:
        turns, reply = turns[:-1], turns[-1].content
    if turns[-1].role != "user" or not turns[-1].content.strip():
        said = "words of the user" if turns[-1].role == "user" else f"turn of the user but one of the {turns[-1].role}"
        raise RowProblem(f"{name} ends with no {said}")
    told = (*turns[:-1], user(trimmed(turns[-1].content)))
    for text in (*(turn.content for turn in told), *later, reply):
        check_text(text)
    return Conversation(told, later, reply, frozenset(columns))


def trimmed(text: str) -> str:
    """A text without empty lines around it and spaces at its end. In a text of several lines the indentation of the
    first says something: it may be code."""
    told = _EMPTY_LINES.sub("", text).rstrip()
    return told if "\n" in told else told.strip()


def own_reply(record: Record, found: Conversation) -> str:
    """The one reply that a record has to its prompt, in its conversation or beside it; "" without."""
    if found.reply:
        return found.reply
    beside = (record.get(name) for name in _ONE_REPLY)
    return next((text for text in beside if isinstance(text, str) and text.strip()), "")


def _may_ask(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, dict):
        return is_messages(value.get("messages"))
    return isinstance(value, list) and bool(value)


def _nothing(record: Record) -> str:
    found = next((name for name in FIELDS if record.get(name) not in (None, "", [])), None)
    wrong = f"; {found} is {kind(record[found])}" if found and not isinstance(record[found], str) else ""
    return f"no prompt text (looked for {', '.join(_MOST)} and others{wrong})"


def _turns(name: str, value: Any) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The turns under a column, and those that come later."""
    if isinstance(value, dict):
        return messages(value["messages"], f"{name}.messages", facts=True), ()
    if isinstance(value, str):
        return tuple(Message(turn.role, turn.content) for turn in turns_of_text(value)), ()
    if all(isinstance(turn, str) for turn in value):
        if name != LATER and len(value) > 1:
            raise RowProblem(f"{name} is a list of {len(value)} texts, expected one text or messages with roles")
        if not all(turn.strip() for turn in value):
            raise RowProblem(f"{name} holds an empty turn")
        return (user(value[0]),), tuple(map(trimmed, value[1:]))
    return messages(value, name, facts=True), ()


def _with_input(turn: Message, record: Record, name: str, columns: set[str]) -> Message:
    """A turn with what its instruction is about, after an empty line: Alpaca's `input`, or Dolly's and SQuAD's
    `context`."""
    text = turn.content
    for about in ("input", *(("context",) if name in ("instruction", "question") else ())):
        given = record.get(about)
        if about == name or (about == "context" and not isinstance(given, str)) or isinstance(given, dict):
            continue
        if given is not None and not isinstance(given, str):
            raise RowProblem(f"{about} is {kind(given)}, expected text: what the prompt is about")
        columns.add(about)
        if given and given.strip():
            text = f"{text.rstrip()}\n\n{trimmed(given)}"
    return user(text)


def _before(record: Record, turns: tuple[Message, ...], columns: set[str]) -> tuple[Message, ...]:
    """The turns that other columns put before: a system prompt, and the earlier ones of `context` or `history`."""
    earlier: tuple[Message, ...] = ()
    if isinstance(record.get("context"), list) and record["context"]:
        columns.add("context")
        earlier = messages(record["context"], "context", facts=True)
    elif isinstance(record.get("history"), list) and record["history"]:
        columns.add("history")
        earlier = _history(record["history"])
    name = next((name for name in SYSTEM if record.get(name) not in (None, "")), None)
    if name is None:
        return earlier
    said = record[name]
    if not isinstance(said, str):
        raise RowProblem(f"{name} is {kind(said)}, expected text: the system prompt")
    columns.add(name)
    own = next((turn.content for turn in (*earlier, *turns) if turn.role == "system"), None)
    if own is not None and own.strip() != said.strip():
        raise RowProblem(f"{name} says another thing than the system turn of the conversation: keep one of them")
    return earlier if own is not None or not said.strip() else (system(said), *earlier)


def _history(value: list[Any]) -> tuple[Message, ...]:
    """Alpaca's earlier turns, pairs of what was asked and answered, or messages."""
    if is_messages(value):
        return messages(value, "history", facts=True)
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in value):
        raise RowProblem("history is no list of pairs of texts, what was asked and what was answered")
    return tuple(turn for asked, answered in value for turn in (user(asked), assistant(answered)))

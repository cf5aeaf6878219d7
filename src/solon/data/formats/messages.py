"""Conversations as lists of messages: {role, content}, as TRL and OpenAI have them, or ShareGPT's {from, value}."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from solon.data.formats.checks import RowProblem, kind
from solon.data.formats.rendered import checked_turn
from solon.data.formats.row import Sides
from solon.types import Message, Role

ROLES: dict[str, Role] = {role: role for role in get_args(Role)}
# What files call them elsewhere.
SPEAKERS: dict[str, Role] = {
    **ROLES,
    "developer": "system",
    "human": "user",
    "prompter": "user",
    **dict.fromkeys(("gpt", "chatgpt", "model", "bot", "chatbot", "bing", "bard", "ai"), "assistant"),
}
TOOLS = ("tool", "tools", "function", "function_call", "function_response", "observation", "ipython", "environment")
# Keys of a turn that say something which its text does not; of all others a list of prompts needs none.
_SAYS = re.compile(
    r"tool|function|image|audio|video|file|attach|media|refus|reason|think|thought|annotation|part|content|value", re.I
)
_NONE: tuple[Any, ...] = (None, "", [], {}, False)


def messages(value: Any, name: str, roles: dict[str, Role] = SPEAKERS, *, facts: bool = False) -> tuple[Message, ...]:
    """The turns of a list of messages, at least one; the parts of a content that are text are joined by line feeds.

    What a Message cannot hold (tool calls, images, other roles) would be lost: RowProblem. So would facts about a turn
    (a language, a date): with `facts` they may be, for nobody is asked them.
    """
    if not isinstance(value, list) or not value:
        raise RowProblem(f"{name} is {'empty' if value == [] else kind(value)}, expected a list of messages")
    return tuple([_message(turn, name, n, roles, facts) for n, turn in enumerate(value, 1)])


def _message(turn: Any, name: str, number: int, roles: dict[str, Role], facts: bool) -> Message:
    if type(turn) is dict and len(turn) == 2 and type(turn.get("content")) is str:  # as nearly all are
        role = turn.get("role")
        if type(role) is str and role in roles:
            return checked_turn(Message(roles[role], turn["content"]))
    where = f"{name}, turn {number}"
    if not isinstance(turn, dict):
        raise RowProblem(f"{where} is {kind(turn)}, expected an object with role and content")
    says, holds = ("from", "value") if turn.get("role") is None and "from" in turn else ("role", "content")
    role, content = turn.get(says), turn.get(holds)
    for key, other in turn.items():
        if key not in (says, holds) and other not in _NONE and (not facts or _SAYS.search(key)):
            raise RowProblem(f"{where}: has '{key}', which a turn of text cannot hold")
    if isinstance(role, str) and role.lower() in TOOLS:
        raise RowProblem(f"{where}: is a turn of a tool ('{role}'), which a turn of text cannot hold")
    known = role if role in roles else role.lower() if isinstance(role, str) else role
    if not isinstance(known, str) or known not in roles:
        shown = repr(role[:40]) if isinstance(role, str) else kind(role)
        raise RowProblem(f"{where}: {says} is {shown}, expected {', '.join(roles)}")
    return checked_turn(Message(roles[known], _content(content, where, holds)))


def _content(value: Any, where: str, name: str) -> str:
    """The text of a turn: a text, or parts that are text."""
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and value:
        return "\n".join(_part(part, f"{where}: {name}, part {n}") for n, part in enumerate(value, 1))
    if not isinstance(value, str):
        raise RowProblem(f"{where}: {name} is {'empty' if value == [] else kind(value)}, expected text")
    return value


def _part(part: Any, where: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        told = part.get("type") if isinstance(part, dict) else None
        shown = f"of type '{str(told)[:40]}'" if told else kind(part)
        raise RowProblem(f"{where} is {shown}, expected text: what is no text is not flattened")
    for key, other in part.items():
        if key not in ("type", "text") and other not in _NONE:
            raise RowProblem(f"{where}: has '{key}', which a turn of text cannot hold")
    return str(part["text"])


def parted(chosen: Sequence[Message], rejected: Sequence[Message]) -> Sides:
    """Two whole conversations as the turns they share and a last reply each.

    Raises RowProblem unless they part at that reply, and it answers the user.
    """
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if turns[-1].role != "assistant":
            raise RowProblem(f"{name} ends with a turn of the {turns[-1].role}, expected the assistant's reply")
    if chosen[:-1] != rejected[:-1]:
        n = next((n for n, (c, r) in enumerate(zip(chosen[:-1], rejected[:-1], strict=False), 1) if c != r), 0)
        where = f"at turn {n}" if n else f"in length: {len(chosen)} and {len(rejected)} turns"
        raise RowProblem(f"chosen and rejected are replies to different conversations, which differ {where}")
    turns = tuple(chosen[:-1])
    if not turns or turns[-1].role != "user":
        before = f"follows a turn of the {turns[-1].role}" if turns else "follows nothing"
        raise RowProblem(f"the last reply {before}, expected one of the user")
    return Sides(turns, chosen[-1].content, rejected[-1].content)


def is_messages(value: Any) -> bool:
    """Whether it looks like a list of messages."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)

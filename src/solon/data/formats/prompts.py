"""TRL's prompt-only type: what PPO, GRPO and other online methods answer. Written, not read: there is no pair in it."""

from __future__ import annotations

from solon.data.formats import trl
from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.names import content_prompt_id
from solon.data.formats.reply import Reply
from solon.data.formats.row import Row
from solon.types import Message, assistant


def _conversational(row: Row) -> list[Record]:
    return [{"id": row.comparison.prompt_id, "prompt": [turn.as_dict() for turn in row.comparison.turns]}]


def _standard(row: Row) -> list[Record]:
    return [{"id": row.comparison.prompt_id, "prompt": trl.single(row.comparison.turns)}]


def _turns(reply: Reply) -> tuple[Message, ...]:
    """What is to be answered: up to the reply, or with it where the user speaks after it."""
    turns = (*reply.turns, assistant(reply.reply), *reply.after) if reply.after else reply.turns
    if turns[-1].role != "user":
        raise RowProblem(f"the conversation ends with a turn of the {turns[-1].role}: there is nothing to answer")
    return turns


def _of_reply(reply: Reply) -> list[Record]:
    turns = _turns(reply)
    name = next((reply.extra[n] for n in ("prompt_id", "id") if reply.extra.get(n) is not None), None)
    named = content_prompt_id(turns) if name is None else str(name)
    return [{"id": named, "prompt": [turn.as_dict() for turn in turns]}]


def _of_reply_as_text(reply: Reply) -> list[Record]:
    return [_of_reply(reply)[0] | {"prompt": trl.single(_turns(reply))}]


def holds(record: Record) -> bool:
    return "prompt" in record and not {"chosen", "rejected", "completion", "response_a"} & set(record)


REPLIES = "the replies and their label"
CONVERSATIONAL = Format(
    "trl-prompts",
    "prompt",
    holds,
    render=_conversational,
    distinct=True,
    render_reply=_of_reply,
    loss=REPLIES,
)
STANDARD = Format(
    "trl-prompts-standard",
    "prompt as text",
    holds,
    render=_standard,
    distinct=True,
    render_reply=_of_reply_as_text,
    loss=f"{REPLIES}, {trl.ONE_TURN}",
)

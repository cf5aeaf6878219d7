"""OpenAI's files, which many others follow: `messages` (SFT), the preference format of its DPO, and rows of a reply.

messages            a whole conversation of {role, content}; with a `label` an unpaired preference
prompt-completion   `prompt` and `completion`, texts or lists of messages (TRL's SFT, and OpenAI's first)
openai-preference   input.messages, preferred_output, non_preferred_output; what else `input` has, such as tools, is
                    kept in columns `input_tools` and the like
"""

from __future__ import annotations

from typing import Any

from solon.data.formats import trl
from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, boolean, kind
from solon.data.formats.conversation import surrounded
from solon.data.formats.labels import is_good
from solon.data.formats.messages import parted
from solon.data.formats.reply import Reply, alone, beside, judged, liked, replied
from solon.data.formats.row import Row, chosen_of, conversation, preferred
from solon.data.formats.turns import turns_of
from solon.data.formats.unpaired import unpaired
from solon.types import Message, assistant

OUTPUTS = ("preferred_output", "non_preferred_output")
BESIDE_MESSAGES = ("tools", "parallel_tool_calls")  # what OpenAI's `input` may hold beside them


def _messages(record: Record) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    turns, taken, _ = surrounded(record, "messages", turns_of(record.get("messages"), "messages"))
    return turns, ("messages", *taken)


def _of_messages(record: Record) -> Reply:
    turns, own = _messages(record)
    return replied(record, own, turns)


def _of_labelled(record: Record) -> Reply:
    turns, own = _messages(record)
    return replied(record, (*own, "label"), turns, is_good(record))


def _of_completion(record: Record) -> Reply:
    if boolean(record, "label") is False:
        raise RowProblem("label is false: a reply to be avoided is not learnt")
    if not isinstance(record.get("completion"), str | list | dict):
        raise RowProblem(f"completion is {kind(record.get('completion'))}, expected text or a list of messages")
    if record.get("prompt") is None:
        raise RowProblem("prompt is missing, expected text or a list of messages")
    turns, taken, _ = surrounded(record, "prompt", trl.whole(record, "completion"))
    return replied(record, ("prompt", "completion", "label", *taken), turns)


def _render_messages(reply: Reply) -> list[Record]:
    learnt = liked(reply)
    own = {"messages": [*conversation(learnt.turns, learnt.reply), *(turn.as_dict() for turn in learnt.after)]}
    return [beside(own, learnt, ("prompt", "chosen", "label", *trl.claimed(reply.extra, reply.turns)))]


def _render_labelled(reply: Reply) -> list[Record]:
    own = {"messages": conversation(reply.turns, reply.reply), "label": judged(reply)}
    return [beside(own, reply, ("prompt", "chosen", *trl.claimed(reply.extra, reply.turns)))]


def _render_completion(reply: Reply) -> list[Record]:
    learnt = alone(liked(reply))
    own: Record = {"prompt": [turn.as_dict() for turn in learnt.turns]}
    own |= {"completion": [assistant(learnt.reply).as_dict()]}
    return [beside(own, learnt, ("messages", "chosen", "label", *trl.claimed(reply.extra, reply.turns)))]


def _preference(record: Record) -> list[Row]:
    given = record.get("input")
    if not isinstance(given, dict):
        raise RowProblem(f"input is {kind(given)}, expected an object with messages")
    before = turns_of(given.get("messages"), "input.messages")
    chosen, rejected = ((*before, *_output(record.get(name), name)) for name in OUTPUTS)
    kept = {f"input_{name}": value for name, value in given.items() if name != "messages" and value is not None}
    return [preferred(record | kept, ("input", *OUTPUTS), parted(chosen, rejected))]


def _output(value: Any, name: str) -> tuple[Message, ...]:
    """The assistant's reply: a message, a list of messages, or a text."""
    return (assistant(value),) if isinstance(value, str) else turns_of(value, name)


def _render_preference(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    given: Record = {"messages": [turn.as_dict() for turn in turns]}
    kept = {name: f"input_{name}" for name in BESIDE_MESSAGES if row.extra.get(f"input_{name}") is not None}
    given |= {name: row.extra[column] for name, column in kept.items()}
    own: Record = {"input": given}
    own |= {name: [assistant(text).as_dict()] for name, text in zip(OUTPUTS, (chosen, rejected), strict=True)}
    others = {name: value for name, value in row.extra.items() if name not in kept.values()}
    return [assembled(own, Row(row.comparison, row.prob_a, others))]


def _holds_messages(record: Record) -> bool:
    return isinstance(record.get("messages"), list) and not {"chosen", "rejected", "prompt", "completion"} & set(record)


def _holds_labelled(record: Record) -> bool:
    return _holds_messages(record) and "label" in record


def _holds_completion(record: Record) -> bool:
    return "completion" in record and "prompt" in record


def _holds_preference(record: Record) -> bool:
    return "input" in record and all(name in record for name in OUTPUTS)


SFT = Format("messages", "messages", _holds_messages, reply=_of_messages, render_reply=_render_messages)
KTO = unpaired("messages-kto", "messages, label", _holds_labelled, _of_labelled, _render_labelled)
COMPLETION = Format(
    "prompt-completion",
    "prompt, completion",
    _holds_completion,
    reply=_of_completion,
    render_reply=_render_completion,
)
PREFERENCE = Format(
    "openai-preference",
    "input, preferred_output, non_preferred_output",
    _holds_preference,
    _preference,
    _render_preference,
)

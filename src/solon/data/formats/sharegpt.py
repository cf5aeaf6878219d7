"""ShareGPT: `conversations` of {from: human or gpt, value}, as LLaMA-Factory, axolotl and FastChat take them.

SFT: the conversation ends with the reply. Pairs: it ends with the user, and `chosen` and `rejected` are a message each
(or a text, or a list of that one; with `messages` of role and content they are axolotl's). KTO: a `kto_tag` (or
`label`) says whether the reply is good. A `system` column is the conversation's first turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record
from solon.data.formats.conversation import surrounded
from solon.data.formats.labels import is_good
from solon.data.formats.reply import Reply, beside, judged, liked, replied
from solon.data.formats.row import Row, Sides, chosen_of, preferred
from solon.data.formats.trl import claimed
from solon.data.formats.turns import answered, is_shared, reply_of, turns_of
from solon.data.formats.unpaired import unpaired
from solon.types import Message, Role, assistant

TALKS = ("conversations", "conversation", "messages")
TAGS = ("kto_tag", "label")
NAMES: dict[Role, str] = {"system": "system", "user": "human", "assistant": "gpt"}


def _talk(record: Record) -> str | None:
    """The column that holds the conversation."""
    return next((name for name in TALKS if isinstance(record.get(name), list)), None)


def _read(record: Record) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    name = _talk(record) or TALKS[0]
    turns, taken, _ = surrounded(record, name, turns_of(record.get(name), name))
    return turns, (name, *taken)


def _pairs(record: Record) -> list[Row]:
    turns, own = _read(record)
    chosen, rejected = (reply_of(record.get(side), side) for side in ("chosen", "rejected"))
    sides = Sides(answered(turns, own[0]), chosen, rejected)
    return [preferred(record, (*own, "chosen", "rejected"), sides)]


def _reply(record: Record) -> Reply:
    turns, own = _read(record)
    return replied(record, own, turns)


def _tagged(record: Record) -> Reply:
    turns, own = _read(record)
    return replied(record, (*own, *TAGS), turns, is_good(record, TAGS))


def _said(turns: Sequence[Message]) -> list[dict[str, str]]:
    return [{"from": NAMES[turn.role], "value": turn.content} for turn in turns]


def _render_pair(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own: dict[str, Any] = {"conversations": _said(turns)}
    own |= {"chosen": _said([assistant(chosen)])[0], "rejected": _said([assistant(rejected)])[0]}
    return [assembled(own, row, reserved=(*TALKS, "prompt", *TAGS, *claimed(row.extra, turns)))]


def _render_reply(reply: Reply) -> list[Record]:
    learnt = liked(reply)
    own = {"conversations": _said([*learnt.turns, assistant(learnt.reply), *learnt.after])}
    return [beside(own, learnt, (*TALKS, *TAGS, "chosen", *claimed(reply.extra, reply.turns)))]


def _render_tagged(reply: Reply) -> list[Record]:
    own = {"conversations": _said([*reply.turns, assistant(reply.reply)]), "kto_tag": judged(reply)}
    return [beside(own, reply, (*TALKS, *TAGS, "chosen", *claimed(reply.extra, reply.turns)))]


def _holds_pair(record: Record) -> bool:
    return _talk(record) is not None and "chosen" in record and "rejected" in record


def _holds_reply(record: Record) -> bool:
    name = _talk(record)
    return name is not None and (name != "messages" or is_shared(record[name])) and not _holds_pair(record)


def _holds_tagged(record: Record) -> bool:
    return _holds_reply(record) and any(name in record for name in TAGS)


SFT = Format("sharegpt", "conversations", _holds_reply, reply=_reply, render_reply=_render_reply)
PAIRS = Format("sharegpt-pairs", "conversations, chosen, rejected", _holds_pair, _pairs, _render_pair)
KTO = unpaired("sharegpt-kto", "conversations, kto_tag", _holds_tagged, _tagged, _render_tagged)

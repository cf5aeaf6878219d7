"""Alpaca: `instruction`, `input` (what it is about) and `output`; `system`, and `history` of [asked, answered] before.

The prompt is the instruction, an empty line and the input. Where the instruction ends is kept in `instruction_length`,
so that the two come apart again. Pairs: `chosen` and `rejected`, or `output` a list of the better and the worse one.
KTO: `kto_tag` (or `label`) says whether the output is good.
"""

from __future__ import annotations

from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, text
from solon.data.formats.labels import is_good
from solon.data.formats.reply import Reply, alone, beside, judged, liked, replied
from solon.data.formats.row import Row, Sides, chosen_of, preferred
from solon.data.formats.trl import claimed
from solon.data.formats.turns import BETWEEN, INPUT, LENGTH, asked, reply_of
from solon.data.formats.unpaired import unpaired
from solon.types import Message, assistant

OWN = ("instruction", INPUT, "output", "history", LENGTH)
TAGS = ("kto_tag", "label")
RESERVED = (*OWN, "prompt", "completions", "models")
# An instruction of these says more than Alpaca's: it is another format's.
OTHERS = ("completions", "responses", "answers", "output_1", "output_2")


def _asked(record: Record) -> tuple[tuple[Message, ...], tuple[str, ...], Record]:
    """The conversation up to the instruction, the columns that say it, and the columns to add."""
    found = asked(record, ("instruction",))
    return found.turns, (*found.own, INPUT, "history"), record | found.more


def _pairs(record: Record) -> list[Row]:
    turns, own, whole = _asked(record)
    if isinstance(record.get("output"), list):
        if len(record["output"]) != 2:
            raise RowProblem(f"output has {len(record['output'])} replies, expected the better one and the worse one")
        chosen, rejected = (reply_of(said, "output") for said in record["output"])
        own = (*own, "output")
    else:
        chosen, rejected = (reply_of(record.get(side), side) for side in ("chosen", "rejected"))
        own = (*own, "chosen", "rejected")
    return [preferred(whole, own, Sides(turns, chosen, rejected))]


def _reply(record: Record) -> Reply:
    turns, own, whole = _asked(record)
    return replied(whole, (*own, "output"), (*turns, assistant(text(record, "output"))))


def _tagged(record: Record) -> Reply:
    turns, own, whole = _asked(record)
    return replied(whole, (*own, "output", *TAGS), (*turns, assistant(text(record, "output"))), is_good(record, TAGS))


def _apart(turns: tuple[Message, ...], length: Any) -> Record:
    """The columns of a conversation. Raises RowProblem for one that does not alternate, or opens with an empty system
    prompt."""
    own: Record = {}
    if turns[0].role == "system":
        if not turns[0].content:
            raise RowProblem("has an empty system turn, which Alpaca's columns cannot hold")
        own, turns = {"system": turns[0].content}, turns[1:]
    *before, last = turns
    roles = [turn.role for turn in turns]
    if roles != ["user", "assistant"] * (len(before) // 2) + ["user"]:
        raise RowProblem("its turns do not alternate between user and assistant, which Alpaca's columns cannot hold")
    said, about = last.content, ""
    if type(length) is int and said[length : length + len(BETWEEN)] == BETWEEN and said[length + len(BETWEEN) :]:
        said, about = said[:length], said[length + len(BETWEEN) :]
    history = [[one.content, other.content] for one, other in zip(before[::2], before[1::2], strict=True)]
    return {"instruction": said, INPUT: about} | own | ({"history": history} if history else {})


def _freed(extra: Record, turns: tuple[Message, ...]) -> Record:
    """The columns without the one that was kept for Alpaca, and without those of its own that say nothing."""
    held = turns[0].role == "system"
    empty = [name for name in ("history", *(("system",) if held else ())) if name in extra and not extra[name]]
    return {name: value for name, value in extra.items() if name != LENGTH and name not in empty}


def _render_pair(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    own = _apart(turns, row.extra.get(LENGTH)) | {"chosen": chosen, "rejected": rejected}
    freed = Row(row.comparison, row.prob_a, _freed(row.extra, turns))
    return [assembled(own, freed, reserved=(*RESERVED, *TAGS, *claimed(row.extra, turns)))]


def _own(reply: Reply) -> tuple[Record, Reply]:
    own = _apart(reply.turns, reply.extra.get(LENGTH)) | {"output": reply.reply}
    return own, Reply(reply.turns, reply.reply, reply.good, reply.ended, _freed(reply.extra, reply.turns))


def _render_reply(reply: Reply) -> list[Record]:
    own, freed = _own(alone(liked(reply)))
    return [beside(own, freed, (*RESERVED, *TAGS, "chosen", "rejected", *claimed(reply.extra, reply.turns)))]


def _render_tagged(reply: Reply) -> list[Record]:
    own, freed = _own(reply)
    return [
        beside(
            own | {"kto_tag": judged(reply)},
            freed,
            (*RESERVED, *TAGS, "chosen", "rejected", *claimed(reply.extra, reply.turns)),
        )
    ]


def _instructs(record: Record) -> bool:
    return isinstance(record.get("instruction"), str) and "prompt" not in record and not set(OTHERS) & set(record)


def _holds_pair(record: Record) -> bool:
    both = "chosen" in record and "rejected" in record
    return _instructs(record) and (both or isinstance(record.get("output"), list))


def _holds_reply(record: Record) -> bool:
    return _instructs(record) and isinstance(record.get("output"), str)


def _holds_tagged(record: Record) -> bool:
    return _holds_reply(record) and any(name in record for name in TAGS)


SFT = Format("alpaca", "instruction, input, output", _holds_reply, reply=_reply, render_reply=_render_reply)
PAIRS = Format("alpaca-pairs", "instruction, input, chosen, rejected", _holds_pair, _pairs, _render_pair)
KTO = unpaired("alpaca-kto", "instruction, input, output, kto_tag", _holds_tagged, _tagged, _render_tagged)

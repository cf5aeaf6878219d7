"""Unpaired preferences, which KTO learns from: one reply a record, and whether it is good. TRL's type, and all others.

Two records of one conversation, one good and one not, make a pair: those with the same `pair_id` where there is one,
else in the order of the file. A record waits in memory for its partner. `ended` false says that the reply was cut off
by its token limit. The `label` is true or false; 1 and 0, and the words that files have for them, are read too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from solon.data.formats import trl
from solon.data.formats.base import Format, Records, has
from solon.data.formats.carry import carried
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.conversation import surrounded
from solon.data.formats.ends import OF_SIDES
from solon.data.formats.labels import is_good
from solon.data.formats.reply import Reply, beside, judged, replied
from solon.data.formats.row import Row, chosen_of
from solon.data.rows import BadRow
from solon.types import Preference, assistant

OWN = ("prompt", "completion", "label")
PAIR = "pair_id"
ENDED = "ended"
RESERVED = ("messages", "chosen", "rejected")
ALONE = "no reply with the other label to this prompt: alone it makes no pair; KTO learns from it (solon train kto)"

Parse = Callable[[Record], Reply]
Matched = tuple[int, Reply, Reply | None]  # the later line, the reply (the good one of two), its partner


def gather(records: Records, file: str, reply: Parse) -> Records:
    """Records with chosen and rejected, each numbered by the later of the two it was made from.

    Those without a partner are set aside.
    """
    for item in _matched(records, file, reply):
        if isinstance(item, BadRow):
            yield item
        elif item[2] is None:
            yield BadRow(file, item[0], ALONE)
        else:
            yield item[0], _pair(item[1], item[2])


def read_lone(path: Path, format: Format) -> list[Reply]:
    """The replies of an unpaired file that no other reply makes a pair of, in its order: KTO learns from each alone."""
    from solon.data.formats.records import records

    assert format.reply is not None, "an unpaired format"
    found = _matched(records(path), str(path), format.reply)
    return [item[1] for item in found if not isinstance(item, BadRow) and item[2] is None]


def _matched(records: Records, file: str, reply: Parse) -> Iterator[Matched | BadRow]:
    waiting: dict[Any, list[Reply]] = {}
    for item in records:
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        try:
            one = reply(record)
            one = replace(one, good=judged(one), file=file, line=line)
        except RowProblem as problem:
            yield BadRow(file, line, str(problem))
            continue
        key = (str(one.extra.get(PAIR)), one.turns)
        queue = waiting.setdefault(key, [])
        if queue and queue[0].good != one.good:
            other = queue.pop(0)
            yield (line, one, other) if one.good else (line, other, one)
        else:
            queue.append(one)
        if not queue:
            del waiting[key]
    alone = ((one.line, one) for queue in waiting.values() for one in queue)
    yield from ((line, one, None) for line, one in sorted(alone, key=itemgetter(0)))


def _pair(good: Reply, bad: Reply) -> Record:
    """One record of two; a column in which they differ is kept of both."""
    made: dict[str, Any] = {"prompt": [turn.as_dict() for turn in good.turns]}
    made |= {"chosen": good.reply, "rejected": bad.reply}
    for name in dict.fromkeys((*good.extra, *bad.extra)):
        if name in (PAIR, ENDED):
            continue
        one, other = good.extra.get(name), bad.extra.get(name)
        if one == other:
            made[name] = one
        else:
            of_each = {f"{name}_chosen": one, f"{name}_rejected": other}
            made |= {column: value for column, value in of_each.items() if value is not None}
    ends = zip(OF_SIDES, (good.ended, bad.ended), strict=True)
    return made | {column: said for column, said in ends if said is not None}


def both(row: Row, render: Callable[[Reply], list[Record]]) -> list[Record]:
    """The two records of a pair: its good reply, and its bad one."""
    (turns, chosen, rejected), _ = chosen_of(row)
    for name in (PAIR, ENDED):
        if name in row.extra:
            raise RowProblem(f"column '{name}' would be taken for the format's own; rename it")
    extra = {PAIR: row.comparison.id} | carried(row, OF_SIDES)
    label = Preference(row.comparison, 0.5 if row.prob_a is None else row.prob_a)
    sides = ((chosen, True, label.chosen_ended), (rejected, False, label.rejected_ended))
    return [record for text, good, ended in sides for record in render(Reply(turns, text, good, ended, extra))]


def unpaired(
    name: str,
    columns: str,
    holds: Callable[[Record], bool],
    reply: Parse,
    render: Callable[[Reply], list[Record]],
    loss: str = "",
) -> Format:
    """A format of single labelled replies, of which two make a pair."""
    written = partial(both, render=render)
    pairing = partial(gather, reply=reply)
    return Format(name, columns, holds, trl.parse, written, pairing, reply=reply, render_reply=render, loss=loss)


def _reply(record: Record) -> Reply:
    if record.get("prompt") is None:
        raise RowProblem("prompt is missing, expected text or a list of messages")
    turns, taken, _ = surrounded(record, "prompt", trl.whole(record, "completion"))
    return replied(record, (*OWN, *taken), turns, is_good(record))


def _conversational(reply: Reply) -> list[Record]:
    own: Record = {"prompt": [turn.as_dict() for turn in reply.turns]}
    own |= {"completion": [assistant(reply.reply).as_dict()], "label": judged(reply)}
    return [beside(own, reply, (*RESERVED, *trl.claimed(reply.extra, reply.turns)))]


def _standard(reply: Reply) -> list[Record]:
    own = {"prompt": trl.single(reply.turns), "completion": reply.reply, "label": judged(reply)}
    return [beside(own, reply, (*RESERVED, *trl.claimed(reply.extra, reply.turns)))]


COLUMNS = "prompt, completion, label"
CONVERSATIONAL = unpaired("trl-unpaired", COLUMNS, has(*OWN), _reply, _conversational)
STANDARD = unpaired("trl-unpaired-standard", f"{COLUMNS} as texts", has(*OWN), _reply, _standard, trl.ONE_TURN)

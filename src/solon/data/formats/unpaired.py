"""TRL's unpaired preference type, which KTO learns from: one reply a record, and whether it is good.

Two records of one prompt, one good and one not, make a pair: those with the same `pair_id` where there is one,
else in the order of the file. A record waits in memory for its partner. `ended` false says that the reply was cut off
by its token limit.
"""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

from solon.data.formats import trl
from solon.data.formats.base import Format, Numbered, Records, has
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, kind
from solon.data.formats.ends import OF_SIDES, ended
from solon.data.formats.row import Row, chosen_of, preferred
from solon.data.rows import BadRow
from solon.types import Preference, assistant

OWN = ("prompt", "completion", "label")
PAIR = "pair_id"
ENDED = "ended"
RESERVED = ("messages", "chosen", "rejected")


def gather(records: Records, file: str, *, keep_lone: bool = False) -> Records:
    """Records with chosen and rejected, each numbered by the later of the two it was made from.

    Those without a partner are set aside, or with `keep_lone` come last, as they are.
    """
    waiting: dict[str, list[Numbered]] = {}
    for item in records:
        if isinstance(item, BadRow):
            yield item
            continue
        line, record = item
        if not isinstance(record.get("label"), bool):
            yield BadRow(file, line, f"label is {kind(record.get('label'))}, expected true or false")
            continue
        try:
            ended(record)
        except RowProblem as problem:
            yield BadRow(file, line, str(problem))
            continue
        key = json.dumps([record.get(PAIR), record.get("prompt")], sort_keys=True, default=str)
        queue = waiting.setdefault(key, [])
        if queue and queue[0][1]["label"] != record["label"]:
            yield line, _pair(queue.pop(0)[1], record)
        else:
            queue.append(item)
        if not queue:
            del waiting[key]
    alone = sorted((item for queue in waiting.values() for item in queue), key=itemgetter(0))
    why = "no reply with the other label to this prompt"
    yield from alone if keep_lone else (BadRow(file, line, why) for line, _ in alone)


def _pair(one: Record, other: Record) -> Record:
    """One record of two; a column in which they differ is kept of both."""
    good, bad = (one, other) if one["label"] else (other, one)
    made: dict[str, Any] = {"prompt": good.get("prompt")}
    made |= {"chosen": good.get("completion"), "rejected": bad.get("completion")}
    for name in dict.fromkeys((*good, *bad)):
        if name in (*OWN, PAIR, ENDED):
            continue
        if good.get(name) == bad.get(name):
            made[name] = good[name]
        else:
            of_each = {f"{name}_chosen": good.get(name), f"{name}_rejected": bad.get(name)}
            made |= {column: value for column, value in of_each.items() if value is not None}
    ends = zip(OF_SIDES, (ended(good), ended(bad)), strict=True)
    return made | {column: said for column, said in ends if said is not None}


def parse(record: Record) -> list[Row]:
    return [preferred(record, trl.OWN, trl.sides(record))]


def _conversational(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    prompt = [turn.as_dict() for turn in turns]
    return _both(row, prompt, [assistant(chosen).as_dict()], [assistant(rejected).as_dict()])


def _standard(row: Row) -> list[Record]:
    (turns, chosen, rejected), _ = chosen_of(row)
    return _both(row, trl.single(turns), chosen, rejected)


def _both(row: Row, prompt: Any, chosen: Any, rejected: Any) -> list[Record]:
    label = Preference(row.comparison, 0.5 if row.prob_a is None else row.prob_a)
    records = []
    for text, good, said in ((chosen, True, label.chosen_ended), (rejected, False, label.rejected_ended)):
        own = {"prompt": prompt, "completion": text, "label": good, PAIR: row.comparison.id}
        own |= {} if said is None else {ENDED: said}
        records.append(assembled(own, row, stated=OF_SIDES, reserved=RESERVED))
    return records


COLUMNS = "prompt, completion, label"
CONVERSATIONAL = Format("trl-unpaired", COLUMNS, has(*OWN), parse, _conversational, gather)
STANDARD = Format("trl-unpaired-standard", f"{COLUMNS} as texts", has(*OWN), parse, _standard, gather)

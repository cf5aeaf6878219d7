"""RewardBench: prompt, chosen, rejected, subset. In its second version two lists of texts: each of the pairs counts.

The pairs of one row share a `list_id` and say their places, so that best of four is written as best of four again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from solon.data.formats import kwise, trl
from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, identity
from solon.data.formats.row import Row, chosen_of
from solon.types import digest

SUBSET = "subset"


def _parse(record: Record) -> list[Row]:
    chosen, rejected = _texts(record.get("chosen")), _texts(record.get("rejected"))
    if not chosen and not rejected:
        return trl.parse(record)
    if not chosen or not rejected:
        raise RowProblem("chosen and rejected are not both lists of texts")
    name, rows = identity(record, "id"), []
    several = len(chosen) * len(rejected) > 1
    listed = name or digest([record.get("prompt"), chosen, rejected])[:16]
    for (n, good), (m, bad) in product(enumerate(chosen), enumerate(rejected)):
        more: Record = {"id": f"{name}/{n + 1}-{m + 1}"} if name and several else {}
        if several:
            more |= {kwise.LIST: listed, "place_chosen": n, "place_rejected": m}
        rows += trl.parse({**record, "chosen": good, "rejected": bad, **more})
    return rows


def _texts(value: Any) -> list[str]:
    """The texts of a list of texts; none of anything else."""
    return value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []


def _together(rows: Sequence[Row]) -> list[Record]:
    """One record of the pairs of a list: every reply that they call chosen, and every one that they call rejected."""
    turns = rows[0].comparison.turns
    prompt: Any = trl.single(turns) if len(turns) == 1 else [turn.as_dict() for turn in turns]
    if kwise.LIST not in rows[0].extra:
        (_, chosen, rejected), _ = chosen_of(rows[0])
        own = {"prompt": prompt, "chosen": [chosen], "rejected": [rejected]}
        own |= {SUBSET: rows[0].extra[SUBSET]} if SUBSET in rows[0].extra else {}
        extra = {name: value for name, value in rows[0].extra.items() if name != SUBSET}
        reserved = (*trl.RESERVED, *trl.claimed(extra, turns))
        return [assembled(own, Row(rows[0].comparison, rows[0].prob_a, extra), reserved=reserved)]
    good, bad = (_side(rows, n) for n in (0, 1))
    if both := set(good) & set(bad):
        raise RowProblem(f"a reply is chosen in one pair of the list and rejected in another: {min(both)[:40]!r}")
    _, shared = kwise.told_apart([_placed(row, len(good)) for row in rows])
    record = {"prompt": prompt, "chosen": good, "rejected": bad} | shared
    if len({row.comparison.id for row in rows}) != len(good) * len(bad):
        raise RowProblem("not every chosen reply of the list is paired with every rejected one")
    return [record]


def _side(rows: Sequence[Row], side: int) -> list[str]:
    """The replies of a side, in the order of their places."""
    name = f"place_{kwise.SIDES[side]}"
    sides = [chosen_of(row)[0] for row in rows]
    said = [one.rejected if side else one.chosen for one in sides]
    texts = {row.extra.get(name, n): text for n, (row, text) in enumerate(zip(rows, said, strict=True))}
    if any(chosen_of(row)[1] != 1 for row in rows):
        raise RowProblem("a tie, or a soft label, has no place in lists of chosen and rejected replies")
    return list(dict.fromkeys(texts[place] for place in sorted(texts)))


def _placed(row: Row, count: int) -> Row:
    """The row with its rejected reply's place after all chosen ones, so that places are of one list."""
    place = row.extra.get("place_rejected", 0)
    return Row(row.comparison, row.prob_a, row.extra | {"place_rejected": place + count}, row.file, row.line)


def _holds(record: Record) -> bool:
    if not all(name in record for name in trl.OWN):
        return False
    return SUBSET in record or bool(_texts(record["chosen"]) and _texts(record["rejected"]))


FORMAT = Format(
    "rewardbench",
    "prompt, chosen, rejected, subset",
    _holds,
    _parse,
    whole=kwise.whole,
    together=_together,
    loss="ties and soft labels in lists",
)

"""PKU-SafeRLHF: response_0 and response_1 to a prompt, which one is the more helpful and which one the safer.

A row is two pairs: one about `helpful` (better_response_id), one about `harmless` (safer_response_id), each with that
aim; pku-saferlhf:helpful and pku-saferlhf:harmless read one of them. Without safer_response_id a pair of one safe and
one unsafe reply (is_response_0_safe, is_response_1_safe) says it; where a row has an `aim` of its own it is one pair.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem, boolean
from solon.data.formats.names import given_id
from solon.data.formats.row import Row
from solon.data.formats.side_by_side import Columns, beside, pair_of
from solon.data.formats.trl import single

COLUMNS = {
    "helpful": Columns("response_0", "response_1", "better_response_id", prompts=("prompt",)),
    "harmless": Columns("response_0", "response_1", "safer_response_id", prompts=("prompt",)),
}
SAFE = ("is_response_0_safe", "is_response_1_safe")
APART = ("aim", "id", "chosen_is_a")  # what the pairs of one record may differ in
LABELS = tuple(columns.label for columns in COLUMNS.values())


def _parse(record: Record, aims: Sequence[str] = tuple(COLUMNS)) -> list[Row]:
    if isinstance(record.get("aim"), str):
        said = next((aim for aim, columns in COLUMNS.items() if record.get(columns.label) is not None), "helpful")
        return [_row(record, COLUMNS[said])]
    rows = []
    name = record.get("id")
    for aim in aims:
        columns = COLUMNS[aim]
        told = record.get(columns.label)
        told = _by_safety(record) if told is None and aim == "harmless" else told
        if told is not None:
            named = {} if name is None else {"id": f"{name}/{aim}"}
            rows.append(_row(record | {columns.label: told, "aim": aim} | named, columns))
    if not rows:
        looked = ", ".join(COLUMNS[aim].label for aim in aims)
        raise RowProblem(f"says of neither reply that it is the better one (looked for {looked})")
    return rows


def _row(record: Record, columns: Columns) -> Row:
    row = pair_of(record, columns)
    return replace(row, extra={name: value for name, value in row.extra.items() if name not in LABELS})


def _by_safety(record: Record) -> float | None:
    """The number of the safer reply; None where the record does not say of both whether they are safe.

    Of two replies that are equally safe neither is the safer: a tie.
    """
    first, second = (boolean(record, name) for name in SAFE)
    if first is None or second is None:
        return None
    return 0.5 if first == second else float(second)


def _render(rows: Sequence[Row]) -> list[Record]:
    """One record for pairs that differ in their aim alone, each in the column of its aim."""
    done: dict[str, Row] = {}
    records: list[Record] = []
    for row in rows:
        if row.comparison.aim in done:
            records.append(_record(list(done.values())))
            done = {}
        done[row.comparison.aim] = row
    return [*records, _record(list(done.values()))]


def _record(rows: Sequence[Row]) -> Record:
    made: Record = {}
    for row in rows:
        aim = row.comparison.aim
        columns = COLUMNS.get(aim, COLUMNS["helpful"])
        label = {None: None, 0.5: 0.5}.get(row.prob_a, int((row.prob_a or 0) < 0.5))
        extra = _without(row, aim) if aim in COLUMNS else row.extra | {"aim": aim}
        if (whole := _name(row)) and aim in COLUMNS:
            row = replace(row, comparison=replace(row.comparison, id=whole))
        record = beside(replace(row, extra=extra), columns, label, single(row.comparison.turns), (*LABELS,))
        made |= record
    return made


def _without(row: Row, aim: str) -> Record:
    """The columns without the aim, which the label's column says, and the id that names it."""
    if given_id(row.comparison) is not None and not _name(row):
        raise RowProblem(f"its id does not end in /{aim}, as those of the format's pairs do")
    return {name: value for name, value in row.extra.items() if name not in APART}


def _name(row: Row) -> str:
    """The id of the record that the pair is one half of; "" where it has none."""
    name = given_id(row.comparison)
    return name.removesuffix(f"/{row.comparison.aim}") if name and name.endswith(f"/{row.comparison.aim}") else ""


def _whole(row: Row) -> Any:
    c = row.comparison
    if c.aim not in COLUMNS or row.prob_a not in (0, 0.5, 1):
        return ("alone", c.id, id(row))
    others = {name: value for name, value in row.extra.items() if name not in APART}
    return (c.turns, c.response_a, c.response_b, _name(row), json.dumps(others, sort_keys=True, default=str))


def _holds(record: Record) -> bool:
    told = (*LABELS, *SAFE)
    return {"prompt", "response_0", "response_1"} <= set(record) and any(name in record for name in told)


SHOWN = "prompt, response_0, response_1, better_response_id, safer_response_id"
FORMATS = [
    Format("pku-saferlhf", SHOWN, _holds, _parse, whole=_whole, together=_render, loss="turns before the prompt"),
    *(
        Format(f"pku-saferlhf:{aim}", f"{SHOWN}: {aim}", lambda record: False, partial(_parse, aims=(aim,)))
        for aim in COLUMNS
    ),
]

"""Our own label store: what `preferences.parquet` of a run holds (solon.data.preferences)."""

from __future__ import annotations

from solon.data.formats import trl
from solon.data.formats.base import Format, has
from solon.data.formats.carry import carried
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.row import Row, chosen_of
from solon.data.preferences import preference_row, preference_schema
from solon.types import Preference

# What a file may say of a label that a row without verdicts cannot.
TRAIL = ("aim", "confidence", "order_consistency", "principle_agreement", "judge", "principle", "verdicts")


def row_of(preference: Preference) -> Row:
    """The row of a label, with its trail."""
    whole = preference_row(preference)
    return Row(preference.comparison, preference.prob_a, {name: whole[name] for name in TRAIL})


def _render(row: Row) -> list[Record]:
    _, prob = chosen_of(row)
    c, p = row.comparison, row.prob_a
    record = preference_row(Preference(c, prob if p is None else p))
    for name, value in carried(row).items():
        if name in TRAIL or (name not in record and name not in trl.RESERVED):
            record[name] = value
        elif name in trl.OWN or (value is not None and str(value) != str(record.get(name))):
            raise RowProblem(f"column '{name}' would be taken for the store's own; rename it")
    return [record]


FORMAT = Format(
    "solon",
    "prompt, chosen, rejected, chosen_is_a, verdicts",
    has(*trl.OWN, "chosen_is_a", "verdicts"),
    trl.parse,
    _render,
    schema=preference_schema,
)

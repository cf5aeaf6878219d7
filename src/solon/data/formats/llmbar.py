"""LLMBar: input, output_1, output_2 and label, 1 or 2, the better output. `subset` says what it tests."""

from __future__ import annotations

from solon.data.formats.base import Format
from solon.data.formats.checks import Record, text
from solon.data.formats.labels import better_of
from solon.data.formats.row import Row, prompted
from solon.data.formats.side_by_side import counted, is_labelled, placed

OWN = ("input", "output_1", "output_2", "label")


def _parse(record: Record) -> list[Row]:
    outputs = (text(record, "output_1"), text(record, "output_2"))
    better = better_of(record.get("label"), "label", "output_1", "output_2")
    return [placed(record, OWN, prompted(text(record, "input")), outputs, better)]


def _holds(record: Record) -> bool:
    if not all(name in record for name in OWN[:3]):
        return False
    return "label" in record or not is_labelled(record, "output_1", "output_2")


FORMAT = Format("llmbar", "input, output_1, output_2, label", _holds, _parse, gather=counted)

"""LLMBar: input, output_1, output_2 and label, 1 or 2, the better output. `subset` says what it tests."""

from __future__ import annotations

from solon.data.formats.base import Format, has
from solon.data.formats.checks import Record, member, text
from solon.data.formats.ends import OF_PLACES
from solon.data.formats.row import Row, compared, prompted

OWN = ("input", "output_1", "output_2", "label", *OF_PLACES)


def _parse(record: Record) -> list[Row]:
    outputs = (text(record, "output_1"), text(record, "output_2"))
    first = member(record, "label", {1: True, 2: False})
    return [compared(record, OWN, prompted(text(record, "input")), outputs, float(first))]


FORMAT = Format("llmbar", "input, output_1, output_2, label", has("input", "output_1", "output_2"), _parse)

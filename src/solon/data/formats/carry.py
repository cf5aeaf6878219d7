"""A row's columns that are no format's own, as a record of any format takes them along."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.ends import ended_side
from solon.data.formats.names import chosen_comes_first, content_id, content_prompt_id, given_id
from solon.data.formats.row import Row, chosen_of


def carried(row: Row, stated: Collection[str] = ()) -> Record:
    """The columns that belong to no format: those that the row came with, and those that reading it back needs.

    `stated` names the ones that the format's own columns say already.
    """
    c, out = row.comparison, dict(row.extra)
    name = given_id(c)
    needed: dict[str, Any] = {}
    if name is not None and str(out.get("id")) != name:
        needed["id"] = name
    if c.prompt_id != content_prompt_id(c.turns) and str(out.get("prompt_id")) != c.prompt_id:
        needed["prompt_id"] = c.prompt_id
    if c.source:
        needed["source"] = c.source
    if row.prob_a is not None:
        (_, chosen, _), prob = chosen_of(row)
        is_a = row.prob_a >= 0.5
        hashed = name if name is not None else content_id(c.turns, c.response_a, c.response_b)
        if "prob_chosen" in out or (prob != 1 and "prob_chosen" not in stated):
            needed["prob_chosen"] = prob
        if "chosen_is_a" in out or (is_a != chosen_comes_first(hashed, prob) and "chosen_is_a" not in stated):
            needed["chosen_is_a"] = is_a
        if c.revised and not row.identical and "revised_chosen" not in stated:
            needed["revised_chosen"] = chosen == c.revised
        needed |= _ends(row, is_a, stated)
    return out | needed


def _ends(row: Row, chosen_is_a: bool, stated: Collection[str]) -> Record:
    """Which reply ended by itself, where that is known and no column that comes along says it (a finish reason)."""
    c = row.comparison
    ends = (c.ended_a, c.ended_b) if chosen_is_a else (c.ended_b, c.ended_a)
    needed: Record = {}
    for side, ended in zip(("chosen", "rejected"), ends, strict=True):
        name = f"{side}_ended"
        if name in row.extra or (name not in stated and ended != ended_side(row.extra, side)):
            needed[name] = ended
    return needed


def assembled(own: Record, row: Row, stated: Collection[str] = (), reserved: Collection[str] = ()) -> Record:
    """The format's own columns and the others. Raises RowProblem where a column would be taken for the format's."""
    others = carried(row, stated)
    for name in dict.fromkeys((*own, *reserved)):
        if name in others:
            raise RowProblem(f"column '{name}' would be taken for the format's own; rename it")
    return own | others

"""Our own pairs: prompt, response_a, response_b, and better ("a", "b" or "tie") or prob_a; without either no label.

`context` holds the turns before the prompt, as messages; or `prompt` itself is a list of messages. `revised` says
which response is a revision of the other ("a" or "b"); `ended_a` and `ended_b` whether each ended by itself.
"""

from __future__ import annotations

from solon.data.formats.base import Format
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, member, probability, text
from solon.data.formats.conversation import claimed
from solon.data.formats.ends import OF_PLACES, OF_SIDES
from solon.data.formats.rendered import is_plain
from solon.data.formats.row import Row, compared
from solon.data.formats.side_by_side import Columns, is_labelled
from solon.data.formats.turns import asked
from solon.types import user

OWN = ("prompt", "context", "response_a", "response_b", "better", "prob_a", "revised", *OF_PLACES)
STATED = ("prob_chosen", "chosen_is_a", "revised_chosen", *OF_SIDES)
LETTERS = {"a": True, "b": False}


def _parse(record: Record) -> list[Row]:
    a, b = text(record, "response_a"), text(record, "response_b")
    revised = ""
    if record.get("revised") is not None:
        revised = a if member(record, "revised", LETTERS) else b
    if not isinstance(record.get("prompt"), list):
        text(record, "prompt")
    found = asked(record, ("prompt",))
    return [compared(record | found.more, (*OWN, *found.own), found.turns, (a, b), _label(record), revised)]


def _label(record: Record) -> float | None:
    if record.get("better") is not None:
        return Columns("response_a", "response_b", "better").better(record)[0]
    return probability(record, "prob_a", 0) if record.get("prob_a") is not None else None


def _render(row: Row) -> list[Record]:
    c, p = row.comparison, row.prob_a
    # A text that looks like a transcript or a rendered template would be read as its turns.
    prompt = c.prompt if is_plain(c.prompt) else [user(c.prompt).as_dict()]
    own: Record = {"prompt": prompt, "response_a": c.response_a, "response_b": c.response_b}
    if c.context:
        own["context"] = [turn.as_dict() for turn in c.context]
    if p in (0, 1):
        own["better"] = "a" if p else "b"
    elif p is not None:
        own["prob_a"] = p
    elif is_labelled(row.extra):
        raise RowProblem("has no label, and another column would be taken for one; rename it")
    if c.revised:
        own["revised"] = "a" if c.revised == c.response_a else "b"
    own |= {name: said for name in OF_PLACES if (said := getattr(c, name)) is not None}
    return [assembled(own, row, STATED, reserved=(*OWN, *claimed(row.extra, c.turns)))]


def _holds(record: Record) -> bool:
    """Not where another column says which is better: side_by_side.py reads it, or says that it cannot."""
    if not all(name in record for name in ("prompt", "response_a", "response_b")):
        return False
    return any(name in record for name in ("better", "prob_a")) or not is_labelled(record)


FORMAT = Format("pairs", "prompt, response_a, response_b, better", _holds, _parse, _render)

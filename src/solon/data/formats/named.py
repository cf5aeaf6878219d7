"""The better and the worse reply in two columns, as files call them that do not say chosen and rejected.

The pairs of names are in NAMES; the prompt may be any of `turns.PROMPTS` (or Alpaca's instruction with its input),
after a system prompt in a column of its own. A file whose rows are `prompt`, `chosen` and `rejected` is TRL's.
"""

from __future__ import annotations

from solon.data.formats import trl
from solon.data.formats.base import Format
from solon.data.formats.checks import Record, RowProblem
from solon.data.formats.hh import MARKER
from solon.data.formats.row import Row, Sides, preferred
from solon.data.formats.turns import asked, prompt_column, reply_of

NAMES = (
    ("chosen", "rejected"),
    ("preferred", "other"),
    ("preferred", "dispreferred"),
    ("preferred", "rejected"),
    ("preferred", "non_preferred"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("preferred_response", "dispreferred_response"),
    ("preferred_response", "rejected_response"),
    ("preferred_output", "non_preferred_output"),
    ("preferred_output", "dispreferred_output"),
    ("better", "worse"),
    ("better_response", "worse_response"),
    ("winner", "loser"),
    ("winning_response", "losing_response"),
    ("win", "lose"),
    ("accepted", "rejected"),
    ("accept", "reject"),
    ("positive", "negative"),
    ("good", "bad"),
    ("good_response", "bad_response"),
    ("best", "worst"),
    ("y_w", "y_l"),
    ("response_w", "response_l"),
)


def names_of(record: Record) -> tuple[str, str] | None:
    """What the record calls the better and the worse reply; both say something that a reply can be."""
    for names in NAMES:
        if all(isinstance(record.get(name), str | list | dict) for name in names):
            return names
    return None


def _parse(record: Record) -> list[Row]:
    names = names_of(record)
    if names is None:
        raise RowProblem("has no two columns that name the better and the worse reply")
    if prompt_column(record) is None:
        pair = dict(zip(("chosen", "rejected"), (record[name] for name in names), strict=True))
        others = {name: value for name, value in record.items() if name not in names}
        return trl.parse(others | pair)
    found = asked(record)
    chosen, rejected = (reply_of(record[name], name) for name in names)
    return [preferred(record | found.more, (*found.own, *names), Sides(found.turns, chosen, rejected))]


def _holds(record: Record) -> bool:
    names = names_of(record)
    if names is None:
        return False
    if names == NAMES[0]:  # TRL's or HH's, unless the prompt is elsewhere
        transcript = isinstance(record["chosen"], str) and MARKER.match(record["chosen"])
        return "prompt" not in record and not transcript and prompt_column(record) is not None
    lists = all(isinstance(record[name], list) for name in names)
    return prompt_column(record) is not None or lists


FORMAT = Format("preferred", "prompt, preferred, other", _holds, _parse)

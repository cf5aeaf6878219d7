"""UltraFeedback, binarized: whole conversations with a score each. `messages` repeats the chosen one.

Written, the scores are the soft label: P(chosen better) and P(rejected better), which sum to 1. Read, two scores
that sum to 1 are that; of two others only the order counts, and equal ones are a label of 0.5.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from solon.data.formats import trl
from solon.data.formats.base import Format, has
from solon.data.formats.carry import assembled
from solon.data.formats.checks import Record, RowProblem, number
from solon.data.formats.names import content_prompt_id
from solon.data.formats.row import Row, chosen_of, conversation, preferred

SCORES = ("score_chosen", "score_rejected")
OWN = (*trl.OWN, "messages")


def _parse(record: Record) -> list[Row]:
    sides, taken = trl.sided(record)
    if record.get("messages") not in (None, record["chosen"]):
        raise RowProblem("messages is not the chosen conversation")
    chosen, rejected = (number(record, name) for name in SCORES)
    own = (*OWN, *taken, *SCORES) if _are_probabilities(chosen, rejected) else (*OWN, *taken)
    if record.get("prompt_id") == content_prompt_id(sides.turns):
        own = (*own, "prompt_id")
    return [preferred(record, own, sides, _label(chosen, rejected))]


def _are_probabilities(chosen: float, rejected: float) -> bool:
    return 0 <= chosen <= 1 and math.isclose(chosen + rejected, 1, abs_tol=1e-9)


def _label(chosen: float, rejected: float) -> float:
    """P(chosen better) of two scores."""
    if chosen < rejected:
        raise RowProblem(f"score_chosen is {chosen:g}, below score_rejected, {rejected:g}")
    if chosen == rejected:
        return 0.5
    return chosen if _are_probabilities(chosen, rejected) else 1.0


def _render(row: Row) -> list[Record]:
    (turns, chosen, rejected), prob = chosen_of(row)
    scores: Record = {"score_chosen": prob, "score_rejected": 1 - prob}
    given = {name: row.extra[name] for name in SCORES if name in row.extra}
    if len(given) == len(SCORES) and _label(*(number(given, name) for name in SCORES)) == prob:
        # They came with the row, and say more than its label.
        row, scores = replace(row, extra={k: v for k, v in row.extra.items() if k not in SCORES}), given
    own: dict[str, Any] = {
        "prompt": next(turn.content for turn in turns if turn.role == "user"),
        "chosen": conversation(turns, chosen),
        "rejected": conversation(turns, rejected),
        "messages": conversation(turns, chosen),
    }
    record = assembled(
        own | scores, row, stated=("prob_chosen",), reserved=("completion", "label", *trl.claimed(row.extra, turns))
    )
    return [{"prompt_id": row.comparison.prompt_id} | record]


FORMAT = Format(
    "ultrafeedback",
    "prompt, chosen, rejected, score_chosen, score_rejected",
    has(*trl.OWN, *SCORES),
    _parse,
    _render,
)

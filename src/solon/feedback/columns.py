"""What a label's verdicts say about how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from solon.types import Verdict


class Cell(NamedTuple):
    """What is averaged before anything is combined: one judge, asked one way about one principle."""

    principle: str
    judge: str
    ask: str


def cell_of(verdict: Verdict) -> Cell:
    return Cell(verdict.principle, verdict.judge, verdict.ask)


def cells(verdicts: Sequence[Verdict]) -> dict[Cell, float]:
    """The mean P(a better) of each cell, over orders and samples.

    A cell with a failed verdict is left out: what is left of it would carry the bias of one order.
    """
    found: dict[Cell, list[float | None]] = {}
    for verdict in verdicts:
        found.setdefault(cell_of(verdict), []).append(verdict.prob_a)
    return {
        cell: sum(p for p in probs if p is not None) / len(probs) for cell, probs in found.items() if None not in probs
    }


def order_consistency(verdicts: Sequence[Verdict]) -> float | None:
    """Share of the questions asked in both orders whose two answers name the same reply, in [0, 1].

    A probability of exactly 0.5 names none. None where nothing was asked, and read, in both orders.
    """
    sides: dict[tuple[Cell, int], dict[str, float]] = {}
    for v in verdicts:
        if v.order and v.prob_a is not None:
            sides.setdefault((cell_of(v), v.sample), {})[v.order] = v.prob_a
    both = [side for side in sides.values() if len(side) == 2]
    if not both:
        return None
    return sum((side["ab"] - 0.5) * (side["ba"] - 0.5) > 0 for side in both) / len(both)


def means_by_order(verdicts: Sequence[Verdict]) -> tuple[float, float] | None:
    """The mean P(a better) when a is shown first ("ab") and when it is shown last; None where either was not read."""
    probs = {order: [v.prob_a for v in verdicts if v.order == order and v.prob_a is not None] for order in ("ab", "ba")}
    if not all(probs.values()):
        return None
    return sum(probs["ab"]) / len(probs["ab"]), sum(probs["ba"]) / len(probs["ba"])


def principle_agreement(parts: Sequence[float], prob_a: float) -> float | None:
    """Share of a label's parts (`Preference.parts`) that name the reply it chose, in [0, 1]; None of none."""
    return sum((p - 0.5) * (prob_a - 0.5) > 0 for p in parts) / len(parts) if parts else None

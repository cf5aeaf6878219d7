"""Whether a model can tell two groups of our own texts apart, and where it draws the line between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

MIN_AUC = 0.8
MIN_CONTROLS = 6  # readable ones of each group, below which nothing can be said about a model


@dataclass(frozen=True, slots=True)
class Qualification:
    """`auc` in [0, 1] on `controls` readable texts; `threshold` is midway between the means of the two groups."""

    auc: float
    controls: int
    threshold: float
    enough: bool

    @property
    def passed(self) -> bool:
        return self.enough and self.auc >= MIN_AUC


def qualify(positive: Sequence[float | None], negative: Sequence[float | None]) -> Qualification:
    """From P(Yes) on texts for which Yes is right and on those for which it is wrong; None is unreadable."""
    yes, no = [p for p in positive if p is not None], [p for p in negative if p is not None]
    if not yes or not no:
        return Qualification(0.0, len(yes) + len(no), 1.0, False)
    threshold = (fmean(yes) + fmean(no)) / 2
    return Qualification(area(yes, no), len(yes) + len(no), threshold, min(len(yes), len(no)) >= MIN_CONTROLS)


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The Mann-Whitney estimate of P(a positive scores above a negative), in [0, 1]; ties count half."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))

"""The Labeller's own label, of very many verdicts at once: what `Labeller.labelled` says one label at a time.

Same rules, on columns of numbers: calibrate, clamp, average orders and samples, drop what failed, combine. Where a
label lies so near to 0.5 that the order of a sum could decide it, the labeller itself is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from solon.evaluation.shares import Floats
from solon.feedback import Labeller
from solon.feedback.calibration import Calibration
from solon.feedback.combine import TRIM
from solon.settings import NO_CLAMP
from solon.types import Verdict

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ORDERS = ("", "ab", "ba")
NEAR = 1e-9  # of 0.5


def calibrated(calibration: Calibration, prob_a: Floats, order: Ints) -> Floats:
    """`Calibration.of_verdict` of verdicts, each in the order at its place in ORDERS; NaN stays NaN."""
    if calibration.method != "platt":
        return prob_a
    found = prob_a.copy()
    for code, shown in enumerate(ORDERS):

        def mapped(prob: float, shown: str = shown) -> float | None:
            return calibration.of_verdict(Verdict("", shown, prob, "")).prob_a

        found[order == code] = _each(mapped, prob_a[order == code])
    return found


def of_cell(calibration: Calibration, prob: Floats) -> Floats:
    """`Calibration.of_cell`; NaN stays NaN."""
    return prob if calibration.method in ("none", "platt") else _each(calibration.of_cell, prob)


def _each(function: Callable[[float], float | None], values: Floats) -> Floats:
    """The function of every value but NaN: called once for each that occurs."""
    different, place = np.unique(values, return_inverse=True)
    return np.array([p if math.isnan(p) else function(p) for p in different.tolist()], dtype=np.float64)[place]


def cell_means(labeller: Labeller, prob_a: Floats, place: Ints, asks: list[str]) -> Floats:
    """`Labeller.cells`: the probability of every cell, NaN where a verdict of it failed.

    `prob_a` are verdicts as `calibrated` leaves them and `place` says to which cell each belongs; `asks` has the way
    of asking of every cell.
    """
    size = len(asks)
    bounds = np.array([labeller.settings.bounds(ask) for ask in asks]).reshape(size, 2)
    clamped = (bounds != NO_CLAMP).any(axis=1)
    n = np.bincount(place, minlength=size)
    means = np.divide(sums(place, prob_a, size), n, out=np.full(size, np.nan), where=n > 0)
    if clamped.any():
        each = np.clip(of_cell(labeller.calibration, prob_a), bounds[place, 0], bounds[place, 1])
        bounded = np.divide(sums(place, each, size), n, out=np.full(size, np.nan), where=n > 0)
        return np.where(clamped, bounded, of_cell(labeller.calibration, means))
    return of_cell(labeller.calibration, means)


def combined(labeller: Labeller, prob: Floats, place: Ints, size: int) -> Floats:
    """`Labeller.combined` of the cells at each of `size` places; NaN where there is none."""
    order = np.lexsort((prob, place))
    prob, place = prob[order], place[order]
    n = np.bincount(place, minlength=size)
    start = np.concatenate([[0], np.cumsum(n)[:-1]]).astype(np.int64)
    how, kept = labeller.settings.combine, np.ones(len(prob), dtype=bool)
    value = (prob > 0.5) + (prob == 0.5) / 2 if how == "vote" else prob
    if how == "trimmed_mean":
        rank, cut = np.arange(len(prob)) - start[place], (TRIM * n).astype(np.int64)
        kept = (rank >= cut[place]) & (rank < (n - cut)[place])
    counted = np.bincount(place[kept], minlength=size)
    found = np.divide(sums(place[kept], value[kept], size), counted, out=np.full(size, np.nan), where=counted > 0)
    near = np.flatnonzero(np.abs(found - 0.5) < NEAR)
    if labeller.settings.labels == "hard":
        found = np.where(found > 0.5, 1.0, np.where(np.isnan(found), np.nan, 0.0))
    for one in near.tolist():
        found[one] = labeller.combined(prob[start[one] : start[one] + n[one]].tolist())
    return np.asarray(found)


def sums(place: Ints, values: Floats, size: int) -> Floats:
    """The sum of the values at each of `size` places, added up in their order."""
    return np.asarray(np.bincount(place, weights=values, minlength=size), dtype=np.float64)

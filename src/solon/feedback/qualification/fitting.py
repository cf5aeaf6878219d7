"""Fits the maps of `solon.feedback.calibration` to labelled pairs, by log-loss.

Each map is fitted to what it is given when it labels: platt to single verdicts, the others to cells. The targets are
Platt's (1999, section 2.2): (n + 1) / (n + 2) and 1 / (n + 2) in place of 1 and 0, n being the observations, so
that a judge that is always right still gives finite slopes and no label of 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from solon.feedback.calibration import Calibration, logit
from solon.feedback.columns import cells
from solon.feedback.qualification.labelled import Judged

if TYPE_CHECKING:
    from numpy import ndarray

Fitting = Literal["temperature", "platt", "isotonic"]
SLOPES = (0.01, 20.0)


def fit(method: Fitting, judged: Sequence[Judged]) -> Calibration:
    """The map fitted to all verdicts that did not fail; where they say nothing, one that changes nothing."""
    if method == "platt":
        return _platt(judged)
    # By confidence, the label's own side first: a pair and its swap are one observation.
    seen = sorted(
        (max(prob, 1 - prob), 0.5 if prob == 0.5 else float((prob > 0.5) == one.pair.better_is_a))
        for one in judged
        for prob in cells(one.label.verdicts).values()
    )
    if all(confidence == 0.5 for confidence, _ in seen):
        return Calibration(method=method, points=((0.0, 0.0), (1.0, 1.0)) if method == "isotonic" else ())
    return _temperature(seen) if method == "temperature" else _isotonic(seen)


def _targets(right: Sequence[float]) -> ndarray[Any, Any]:
    import numpy as np

    n = len(right)
    return (np.asarray(right) * n + 1) / (n + 2)


def _temperature(seen: Sequence[tuple[float, float]]) -> Calibration:
    import numpy as np
    from scipy.optimize import minimize_scalar

    logits = np.array([logit(confidence) for confidence, _ in seen])
    targets = _targets([right for _, right in seen])

    def loss(log_slope: float) -> float:
        z = math.exp(log_slope) * logits
        return float(np.mean(np.logaddexp(0, z) - targets * z))

    low, high = (math.log(slope) for slope in SLOPES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return Calibration(method="temperature", slope=math.exp(found.x))


def _platt(judged: Sequence[Judged]) -> Calibration:
    """Slope and bias together. Where no order is shown nothing depends on the bias, and it stays 0."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    seen = sorted(
        _from_one_side(verdict.order, verdict.prob_a, one.pair.better_is_a)
        for one in judged
        for verdict in one.label.verdicts
        if verdict.prob_a is not None
    )
    if not seen:
        return Calibration(method="platt")
    logits, first = (np.array([row[i] for row in seen]) for i in (0, 1))
    targets = _targets([right for *_, right in seen])

    def loss(params: ndarray[Any, Any]) -> tuple[float, ndarray[Any, Any]]:
        z = params[0] * logits + params[1] * first
        gap = expit(z) - targets
        value = float(np.mean(np.logaddexp(0, z) - targets * z))
        return value, np.array([np.mean(gap * logits), np.mean(gap * first)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[SLOPES, (None, None)], method="L-BFGS-B")
    return Calibration(method="platt", slope=float(found.x[0]), bias=float(found.x[1]))


def _from_one_side(order: str, prob_a: float, better_is_a: bool) -> tuple[float, float, float]:
    """Logit, 1 where the bias counts, and 1 if that side is better: of the reply shown first, or else of the named."""
    a_side = prob_a >= 0.5 if order == "" else order == "ab"
    return logit(prob_a if a_side else 1 - prob_a), float(order != ""), float(better_is_a == a_side)


def _isotonic(seen: Sequence[tuple[float, float]]) -> Calibration:
    """One point for each block of pooled confidences, and its mirror image below 0.5."""
    import numpy as np
    from scipy.optimize import isotonic_regression

    groups = [(c, [right for _, right in rows]) for c, rows in groupby(seen, key=lambda row: row[0])]
    xs, weights = np.array([c for c, _ in groups]), np.array([float(len(rights)) for _, rights in groups])
    n = len(seen)
    ys = np.array([(n * math.fsum(rights) / len(rights) + 1) / (n + 2) for _, rights in groups])
    found = isotonic_regression(ys, weights=weights)
    upper = []
    for start, end in zip(found.blocks[:-1], found.blocks[1:], strict=True):
        x = float(np.average(xs[start:end], weights=weights[start:end]))
        # A map that keeps the symmetry is at least 0.5 here: bounded isotonic regression is the clipped one.
        upper.append((x, max(0.5, float(found.x[start]))))
    lower = [(1 - x, 1 - y) for x, y in reversed(upper) if x > 0.5]
    return Calibration(method="isotonic", points=(*lower, *upper))

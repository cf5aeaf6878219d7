"""Shares and means from counts and sums: cheap at any number of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solon.evaluation.rates import Rate
from solon.intervals import mean_interval, wilson

Floats = NDArray[np.float64]


def share_of(hits: int, n: int) -> Rate | None:
    """`hits` of `n` with the Wilson interval; None of nothing."""
    if n == 0:
        return None
    return Rate(hits / n, *wilson(hits, n), n)


def mean_of(values: Floats) -> Rate | None:
    """The mean of values in [0, 1] with Student's interval, cut off at 0 and 1; None of fewer than two."""
    if len(values) < 2:
        return None
    low, high = mean_interval(values.tolist())
    return Rate(float(values.mean()), max(0.0, low), min(1.0, high), len(values))


def in_points(difference: Rate) -> Rate:
    """A difference of shares in percentage points."""
    return Rate(100 * difference.value, 100 * difference.low, 100 * difference.high, difference.n)

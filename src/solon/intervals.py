"""95% intervals of what is reported: of shares, and of anything that can be computed from drawn observations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import ndarray

Z = 1.959963984540054  # 95% of a normal distribution lie within so many standard deviations
RESAMPLES = 2000
BATCH = 200  # resamples in memory at once


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95% Wilson interval of `hits` of `n`, in [0, 1]; (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, Z**2 / n
    middle, half = share + spread / 2, Z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return low if hits else 0.0, high if hits < n else 1.0


def bootstrapped(
    statistic: Callable[..., ndarray[Any, Any]], *columns: Sequence[float], seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of a statistic of the observations, rows of equally long `columns`.

    `statistic` takes one array per column and reduces their last axis. Of one observation there is no interval:
    it is the value itself.
    """
    import numpy as np
    from scipy.stats import bootstrap

    arrays = [np.asarray(column, dtype=float) for column in columns]
    if all(np.all(array == array[0]) for array in arrays):
        value = float(statistic(*arrays))
        return value, value
    found = bootstrap(
        arrays,
        lambda *drawn, axis: statistic(*drawn),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=BATCH,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)

"""Shares and their differences, each with a 95% interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solon.intervals import wilson


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in [0, 1] (or a difference in [-1, 1]) of `n` items with its 95% interval."""

    value: float
    low: float
    high: float
    n: int


def rate(hits: Sequence[bool]) -> Rate:
    """Share of true items, Wilson interval. Raises ValueError when there is none."""
    if not hits:
        raise ValueError("no items to take a share of")
    return Rate(sum(hits) / len(hits), *wilson(sum(hits), len(hits)), len(hits))


def difference(before: Sequence[float], after: Sequence[float], seed: int = 0) -> Rate:
    """Mean of after - before over the same items; bootstrap over items (percentile, 2,000 resamples)."""
    from scipy.stats import bootstrap

    gaps = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    mean = float(gaps.mean())
    if np.all(gaps == gaps[0]):
        return Rate(mean, mean, mean, len(gaps))
    drawn = bootstrap((gaps,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(seed))
    return Rate(mean, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), len(gaps))

"""Shares and their differences, each with a 95% interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from solon.intervals import mean_interval, paired_shares, wilson


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


def difference(before: Sequence[float], after: Sequence[float]) -> Rate:
    """Mean of after - before over the same items.

    Of shares (items that are 0 or 1) Tango's score interval, of other values Student's t over the items' differences.
    Neither is ever of zero width.
    """
    values, n = [*map(float, before), *map(float, after)], len(after)
    gaps = [one - other for one, other in zip(map(float, after), map(float, before), strict=True)]
    value = math.fsum(gaps) / n
    if set(values) <= {0.0, 1.0}:
        return Rate(value, *paired_shares(gaps.count(1.0), gaps.count(-1.0), n), n)
    return Rate(value, *mean_interval(gaps, (max(values) - min(values)) or max(map(abs, values))), n)

"""The one interval of a share, used wherever a share is reported."""

from __future__ import annotations


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95% Wilson interval of `hits` of `n`, in [0, 1]; (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # takes most of a second to import: not before it is needed

    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)

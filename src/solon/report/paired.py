"""Means over held-out prompts and seeds, and paired differences of them, with intervals that include the seeds' luck.

A method that is trained with S seeds on n prompts gives an n by S table of values. Prompts and seeds are both drawn, so
both vary: the variance of a mean is that of the prompts' means over n, and that of the seeds' means over S; of a
difference of two methods that of the prompts' differences over n, and each method's seeds' over its S (a mixed model
with prompts crossed and seeds nested, by moments). A method of one seed is taken to vary as the other. What is left of
the prompts in the seeds' means is counted twice: the interval is rather too wide. Student's t, with Satterthwaite's
degrees of freedom.

Of shares, pseudo-prompts are added (two halves of a gain and a loss for differences, Agresti and Min 2005; z²/2 hits
and misses for a share, Agresti and Coull 1998), so that no interval has zero width at 0 of 20. Single runs of shares
have Tango's and Wilson's intervals instead; nothing is known of their seeds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from solon.intervals import Z, mean_interval, paired_shares, wilson

Table = Sequence[Sequence[float]]  # one row for each seed, one value for each prompt


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over held-out prompts, each first averaged over the seeds, with its 95% interval over prompts and seeds,
    the least and the most of any seed, and the seeds' standard deviation (None of one seed)."""

    value: float
    low: float
    high: float
    least: float
    most: float
    seed_sd: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The share of `kind` prompts declined by `method` less that by `other`, in [-1, 1], paired by prompt.

    95% interval, two-sided p of no difference, and p adjusted over all differences that are shown (Holm 1979).
    `seeds` says whether the interval includes the variance over seeds: it cannot where neither has two.
    """

    method: str
    other: str
    kind: str
    value: float
    low: float
    high: float
    p: float
    p_adjusted: float
    seeds: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a variance, and the degrees of freedom it was estimated with."""

    variance: float
    freedom: float


def mean_of(table: Table) -> Mean:
    """The mean of a table of values, of shares where all of them are true or false."""
    by_seed = [math.fsum(row) / len(row) for row in table]
    by_prompt = [math.fsum(values) / len(values) for values in zip(*table, strict=True)]
    value, n = math.fsum(by_seed) / len(by_seed), len(by_prompt)
    spread = statistics.stdev(by_seed) if len(by_seed) > 1 else None
    shares = all(isinstance(one, bool) for row in table for one in row)
    if spread is None:
        low, high = wilson(round(sum(by_prompt)), n) if shares else mean_interval(by_prompt)
    elif shares:
        pseudo = Z**2 / 2
        centre = (math.fsum(by_prompt) + pseudo) / (n + 2 * pseudo)
        squares = math.fsum(one**2 for one in by_prompt) + pseudo
        prompts = _Part((squares / (n + 2 * pseudo) - centre**2) / (n + 2 * pseudo), n + 2 * pseudo - 1)
        wide = _half_width([prompts, *_seeds(by_seed)])
        low, high = max(0.0, min(value, centre - wide)), min(1.0, max(value, centre + wide))
    else:
        around = mean_interval(by_prompt)
        prompts = _Part(((around[1] - around[0]) / 2 / _quantile(n - 1)) ** 2, n - 1)
        wide = _half_width([prompts, *_seeds(by_seed)])
        low, high = value - wide, value + wide
    return Mean(value, low, high, min(by_seed), max(by_seed), spread)


def difference_of(one: Table, other: Table, *, fixed: bool = False) -> tuple[float, float, float, float, bool]:
    """How much larger the share in `one` is than in `other`: value, interval, p of no difference, seeds included.

    `fixed`: `other` is one model that stays, such as what all methods start from; no seed of it is drawn.
    """
    means = [[math.fsum(values) / len(values) for values in zip(*table, strict=True)] for table in (one, other)]
    gaps = [a - b for a, b in zip(*means, strict=True)]
    value, n = math.fsum(gaps) / len(gaps), len(gaps)
    seeds = _seeds([math.fsum(row) / len(row) for row in one])
    if not fixed:
        others = _seeds([math.fsum(row) / len(row) for row in other])
        seeds = [*(seeds or _alone(others, len(other))), *(others or _alone(seeds, len(one)))]
    if not seeds:
        gained, lost = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        low, high = paired_shares(gained, lost, n)
        return value, low, high, _normal_p((gained - lost) / math.sqrt(gained + lost or 1)), False
    size = n + 2
    centre = math.fsum(gaps) / size
    prompts = _Part(((math.fsum(gap**2 for gap in gaps) + 1) / size - centre**2) / size, size - 1)
    parts = [prompts, *seeds]
    wide, error = _half_width(parts), math.sqrt(sum(part.variance for part in parts))
    low, high = max(-1.0, min(value, centre - wide)), min(1.0, max(value, centre + wide))
    return value, low, high, _student_p(centre / error, _freedom(parts)), True


def holm(ps: Sequence[float]) -> list[float]:
    """p values adjusted so that of all tests together at most 5% claim a difference where there is none (Holm 1979)."""
    adjusted, so_far = [0.0] * len(ps), 0.0
    for rank, n in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        so_far = max(so_far, min(1.0, (len(ps) - rank) * ps[n]))
        adjusted[n] = so_far
    return adjusted


def _seeds(by_seed: Sequence[float]) -> list[_Part]:
    """What the seeds' luck adds to the variance of their mean; nothing is known of it from one."""
    if len(by_seed) < 2:
        return []
    return [_Part(statistics.variance(by_seed) / len(by_seed), len(by_seed) - 1)]


def _alone(seeds: Sequence[_Part], count: int) -> list[_Part]:
    """What a single seed adds, where it varies as the `count` seeds of another method do."""
    return [_Part(part.variance * count, part.freedom) for part in seeds]


def _freedom(parts: Sequence[_Part]) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances."""
    total = sum(part.variance for part in parts)
    return total**2 / sum(part.variance**2 / part.freedom for part in parts) if total > 0 else 1.0


def _half_width(parts: Sequence[_Part]) -> float:
    return _quantile(_freedom(parts)) * math.sqrt(sum(part.variance for part in parts))


def _quantile(freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, max(freedom, 1)))


def _student_p(statistic: float, freedom: float) -> float:
    from scipy.stats import t

    return float(2 * t.sf(abs(statistic), freedom))


def _normal_p(statistic: float) -> float:
    return math.erfc(abs(statistic) / math.sqrt(2))

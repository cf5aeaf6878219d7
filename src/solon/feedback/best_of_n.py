"""What it is worth to draw n responses and keep the one a judge ranks highest, for every n up to what was drawn.

Exact over all subsets of the responses, nothing is drawn again: the best of a random subset of n is the i-th worst of
N with probability C(i - 1, n - 1) / C(N, n) (the unbiased estimator of Nakano et al. 2021, WebGPT, appendix I, which
Gao et al. 2022 use for best-of-n). The judge that ranks flatters itself, for its best is where it errs upwards, so a
second judge, who had no say in the ranking, measures what was gained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solon.feedback.qualification.figures import Estimate, Part


@dataclass(frozen=True, slots=True)
class Ranked:
    """The responses to one prompt from the worst to the best by the ranking judge, each column in this order.

    `scores` and `golds` (of the second judge; None where there is none, or a response it has no score for) are in
    [0, 1]; `words` are lengths; `declined` says which refuse or redirect.
    """

    scores: tuple[float, ...]
    golds: tuple[float, ...] | None
    words: tuple[int, ...]
    declined: tuple[bool, ...]


class BestOf(Part):
    """What the best of `n` is like: expectations per prompt, averaged over the prompts with at least n responses.

    `gain` and `gold_gain` are the score of the best of n less that of a response at random, over the same prompts.
    """

    n: int
    score: Estimate
    gain: Estimate
    gold: Estimate | None
    gold_gain: Estimate | None
    words: Estimate
    declined: Estimate


def chances(count: int, n: int) -> list[float]:
    """How likely each of `count` responses, from the worst to the best, is the best of n of them drawn at random."""
    return [math.comb(worse, n - 1) / math.comb(count, n) for worse in range(count)]


def expected(values: Sequence[float], n: int) -> float:
    """The expected value of the best of n, of values from the worst response to the best. 1 <= n <= len(values)."""
    return math.fsum(chance * value for chance, value in zip(chances(len(values), n), values, strict=True))


def sizes(most: int) -> list[int]:
    """1, 2, 4 … and `most`."""
    return sorted({1 << n for n in range(most.bit_length())} | {most})


def effect(ranked: Sequence[Ranked]) -> list[BestOf]:
    """One row for each of the `sizes` up to the most responses a prompt has; `ranked` holds at least one prompt."""
    return [_best_of(n, ranked) for n in sizes(max(len(one.scores) for one in ranked))]


def _best_of(n: int, ranked: Sequence[Ranked]) -> BestOf:
    enough = [one for one in ranked if len(one.scores) >= n]
    golden = [one for one in enough if one.golds is not None]

    def mean(prompts: Sequence[Ranked], column: Callable[[Ranked], Sequence[float]]) -> Estimate:
        return Estimate.mean([expected(column(one), n) for one in prompts])

    def gain(prompts: Sequence[Ranked], column: Callable[[Ranked], Sequence[float]]) -> Estimate:
        if n == 1:  # nothing was chosen, and nothing gained
            return Estimate(value=0.0, low=0.0, high=0.0, n=len(prompts))
        return Estimate.mean([expected(column(one), n) - expected(column(one), 1) for one in prompts])

    return BestOf(
        n=n,
        score=mean(enough, lambda one: one.scores),
        gain=gain(enough, lambda one: one.scores),
        gold=mean(golden, lambda one: one.golds or ()) if golden else None,
        gold_gain=gain(golden, lambda one: one.golds or ()) if golden else None,
        words=mean(enough, lambda one: one.words),
        declined=mean(enough, lambda one: one.declined),
    )

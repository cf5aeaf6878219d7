"""The gold reward: a judge or reward model that training never sees, and when its fall is real."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from solon.errors import EngineError
from solon.training.guards.series import Series, Window
from solon.types import Turns

SURE = 4.5  # standard errors: peak and newest are the extremes of many windows, three or four apart by pure chance
SWAY, ABOVE = 0.15, 2.5  # of a single answer's standard deviation: what gold may sway; standard errors beyond it


class Gold(Protocol):
    """Scores of answers by a second judge or a held-out reward model, higher being better; NaN where it has none.

    `ended` is false for an answer that was cut off: a reward model must not read an end there.
    """

    def __call__(self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], /) -> list[float]: ...


def gold_scores(
    gold: Gold, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
) -> list[float]:
    """Scores of all answers, each process asking for its share, so that all see the same and stop together.

    Raises EngineError for scores that are infinite or not as many as the answers.
    """
    from solon.training.processes import gathered, share

    mine = share(list(zip(prompts, answers, ended or [True] * len(answers), strict=True)))
    scores = gold(*map(list, zip(*mine, strict=True))) if mine else []
    if len(scores) != len(mine):
        raise EngineError(
            f"guards: the gold reward gave {len(scores)} scores for {len(mine)} answers; it must give one each"
        )
    if any(math.isinf(score) for score in scores):
        raise EngineError("guards: the gold reward is infinite; it must be finite, or NaN where there is none")
    return gathered([float(score) for score in scores], len(answers))


@dataclass(frozen=True, slots=True)
class Fall:
    """How far gold fell: from `peak`, its mean over the steps from `since` to `until`, to `now`.

    `share` is of its climb, from `first` to `peak`; 1 where it never climbed.
    """

    since: int
    until: int
    first: float
    peak: float
    now: float

    @property
    def share(self) -> float:
        climb = self.peak - self.first
        return (self.peak - self.now) / climb if climb > 0 else 1.0


def gold_fall(gold: Series, size: int, bound: float) -> Fall | None:
    """The fall that is too deep, or None.

    Gold is averaged over windows of `size` steps, and of 2, 4, 8 times as many as far as there are: a slow fall shows
    only in long ones. For each length, with the first window's mean (of `size` steps), the highest window's and the
    newest's:

        climb = peak - first        fall = peak - newest        pace = (the window before the newest - newest) per step

    It rings when climb and fall are both real, and the fall, at this pace, is more than `bound` x climb before another
    `size` steps have passed. (A window shows what was true half a window ago: waiting for its mean to pass the bound
    would be late.) It also rings when the newest window is really below the first: gold may fall without ever climbing.
    Real is what exceeds 4.5 of its standard errors, so that noise does not ring, and by 2.5 of them 0.15 standard
    deviations of a single answer's gold, so that a slow sway, of which long windows are sure, does not either.
    """
    if len(gold.points) < 2 * size:
        return None
    first = gold.first(size)
    for length in _lengths(size, len(gold.points)):
        means = _moving(gold, length)
        peak, newest = max(range(len(means)), key=means.__getitem__), gold.newest(length)
        at_peak = Window(means[peak], newest.n)
        climb, fall = at_peak.mean - first.mean, at_peak.mean - newest.mean
        real = _real(gold, climb, first, at_peak) and _real(gold, fall, at_peak, newest)
        pace = max(0.0, means[-1 - length] - newest.mean) / length
        deep = fall + pace * ((length - 1) / 2 + size) > bound * climb
        if (real and deep) or _real(gold, first.mean - newest.mean, first, newest):
            highest = gold.points[peak : peak + length]
            return Fall(highest[0].step, highest[-1].step, first.mean, at_peak.mean, newest.mean)
    return None


def _real(gold: Series, change: float, *windows: Window) -> bool:
    noise = gold.noise(*windows)
    return change > SURE * noise and change > SWAY * math.sqrt(gold.spread()) + ABOVE * noise


def _lengths(size: int, steps: int) -> Iterator[int]:
    while 2 * size <= steps:
        yield size
        size *= 2


def _moving(gold: Series, length: int) -> list[float]:
    """The mean of every `length` neighbouring points."""
    sums = [0.0, *accumulate(p.mean for p in gold.points)]
    return [(b - a) / length for a, b in zip(sums, sums[length:], strict=False)]

"""A number of the policy by step, its windows, and how much of their differences is noise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """A step's mean over `n` answers; `variance` is the mean's own: its standard error squared, 0 where unknown."""

    step: int
    n: int
    mean: float
    variance: float


class Window(NamedTuple):
    """The mean over some steps and the answers it rests on."""

    mean: float
    n: int


class Series:
    """The points of one number, in the order of the steps; steps that have none are left out."""

    def __init__(self, points: Sequence[Point] = ()) -> None:
        self.points: list[Point] = []
        self._within = self._between = 0.0  # sums that `spread` divides
        for point in points:
            self._append(point)

    def add(self, step: int, values: Sequence[float], prompts: Sequence[Hashable]) -> None:
        """The values of a step's answers; NaN is an answer without one."""
        known = [(value, prompt) for value, prompt in zip(values, prompts, strict=True) if not math.isnan(value)]
        if known:
            self._append(Point(step, len(known), *_mean_and_variance(known)))

    def add_mean(self, step: int, value: float, n: int = 1) -> None:
        """A number that a step has only one of, the mean of `n` answers. NaN is none."""
        if not math.isnan(value):
            self._append(Point(step, n, value, 0.0))

    def _append(self, point: Point) -> None:
        self._within += point.n * point.variance
        if self.points:
            last = self.points[-1]
            self._between += (point.mean - last.mean) ** 2 / (1 / point.n + 1 / last.n)
        self.points.append(point)

    def until(self, step: int) -> Series:
        """The series as it was at `step`."""
        return Series([point for point in self.points if point.step <= step])

    def at(self, step: int) -> float | None:
        """The newest point's value if it is this step's."""
        return self.points[-1].mean if self.points and self.points[-1].step == step else None

    def first(self, size: int, least: int = 1) -> Window:
        """The first `size` points, or more until they hold `least` answers, or as many as there are.

        Raises ValueError when there are none.
        """
        return _window(self.points, size, least)

    def newest(self, size: int, least: int = 1) -> Window:
        """The same of the last."""
        return _window(self.points[::-1], size, least)

    def noise(self, *windows: Window) -> float:
        """The standard error of a difference of means that rest on so many answers (of one: of that mean)."""
        return math.sqrt(self.spread() * sum(1 / window.n for window in windows))

    def spread(self) -> float:
        """The variance of one answer's value, over all steps so far.

        The larger of two estimates: within steps, answers to one prompt counted as one draw (they are alike), and
        between neighbouring steps (von Neumann's), which also sees what moves a whole step at once.
        """
        steps = len(self.points)
        return max(self._within / max(1, steps), self._between / max(1, steps - 1))


def _window(points: Sequence[Point], size: int, least: int) -> Window:
    if not points:
        raise ValueError("no step has this number")
    total, n = 0.0, 0
    for count, point in enumerate(points):
        if count >= size and n >= least:
            break
        total, n = total + point.n * point.mean, n + point.n
    return Window(total / n, n)


def _mean_and_variance(known: Sequence[tuple[float, Hashable]]) -> tuple[float, float]:
    """The mean, and its variance robust to answers to one prompt being alike (Liang and Zeger 1986)."""
    n = len(known)
    mean = sum(value for value, _ in known) / n
    groups: dict[object, float] = {}
    alone = len({prompt for _, prompt in known}) == 1  # one prompt: between prompts nothing is known
    for i, (value, prompt) in enumerate(known):
        group = i if alone else prompt
        groups[group] = groups.get(group, 0.0) + value - mean
    if len(groups) == 1:
        return mean, 0.0
    return mean, sum(total**2 for total in groups.values()) / n**2 * len(groups) / (len(groups) - 1)

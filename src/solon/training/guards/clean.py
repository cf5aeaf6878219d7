"""The last step before the drift that an alarm is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from solon.training.guards.alarm import Kind
from solon.training.guards.gold import SURE
from solon.training.guards.onset import before_drift
from solon.training.guards.series import Point, Series, Window


def clean_step(series: Mapping[str, Series], drifts: Mapping[Kind, float], phrase: Sequence[Point], window: int) -> int:
    """The step to go back to: before any alarm the newest, or with gold the last of the window where it was highest.

    `drifts` are the guards that rang, with their bounds, `phrase` how a phrase that rang spread by step. It is the
    earliest that one of the series names as its last before the drift. A gold reward speaks for itself: its fall began
    after its highest window, and a later window that is surely higher than that of the clean steps (by 4.5 standard
    errors) shows that the drift did good up to there.
    """
    newest = max(one.points[-1].step for one in series.values() if one.points)
    limits = [_before(kind, bound, series, phrase, window) for kind, bound in drifts.items() if kind != "gold"]
    step = min([newest, *limits])
    gold = series["gold"]
    if not gold.points:
        return step
    highest, clean = _highest(gold, window, newest), _highest(gold, window, step)
    if clean is None or highest is None:
        return step
    sure = SURE * gold.noise(clean[0], highest[0])
    return highest[1] if highest[0].mean - clean[0].mean > sure else clean[1]


def _before(kind: Kind, bound: float, series: Mapping[str, Series], phrase: Sequence[Point], window: int) -> int:
    points = phrase if kind == "boilerplate" else series[kind].points
    found = before_drift(points, -1 if kind == "entropy" else 1, trend=kind in ("kl", "entropy"))
    step = points[0].step if found is None else found
    if kind == "kl" and step <= points[min(window, len(points)) - 1].step:
        # The KL grows from the first step on and did not quicken: not its drift is held against it, but its bound.
        return max((point.step for point in points if point.mean <= bound), default=step)
    return step


def _highest(gold: Series, window: int, until: int) -> tuple[Window, int] | None:
    """The highest mean of `window` neighbouring points up to step `until` (of fewer, while there are no more), and the
    last of their steps."""
    points = [point for point in gold.points if point.step <= until]
    size = min(window, len(points))
    if not points:
        return None
    sums = [0.0, *accumulate(p.n * p.mean for p in points)]
    counts = [0, *accumulate(p.n for p in points)]
    means = [(sums[i + size] - sums[i]) / (counts[i + size] - counts[i]) for i in range(len(points) - size + 1)]
    best = max(range(len(means)), key=means.__getitem__)
    return Window(means[best], counts[best + size] - counts[best]), points[best + size - 1].step

"""Which steps' weights are held, so that those of before a drift are there whenever it is noticed."""

from __future__ import annotations

from collections.abc import Iterable

COPIES = 24


def held(steps: Iterable[int], now: int) -> list[int]:
    """Of `steps` those to hold at step `now`: all of them while they are no more than 24, and the first always.

    Beyond that, the one goes whose absence leaves the smallest gap for its age, so that gaps grow with age: of 100
    steps they are a fifth of the age of what is behind them at most, of 1,000 a third. Weights from before a drift
    are that much of its age older than need be, no more.
    """
    kept = sorted(steps)
    while len(kept) > COPIES:
        gaps = [(kept[i + 1] - kept[i - 1]) / (now + 1 - kept[i - 1]) for i in range(1, len(kept) - 1)]
        del kept[1 + min(range(len(gaps)), key=gaps.__getitem__)]
    return kept

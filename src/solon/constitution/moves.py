"""How many draws stay between two constitutions: exactly, without drawing.

A draw goes to the principle whose exponential clock, of rate its weight, rings first (the score of `assign` is one
over that time), and both constitutions use the same clocks. So the chance that i wins under both weights v
and w is 1 / sum_j max(v_j/v_i, w_j/w_i), the probability Jaccard index of Moulton and Jiang (2018, "Maximally
consistent sampling and the Jaccard index of probability distributions"). With priorities an aim is drawn in
the same way first, by clocks of its own. The case of a principle that changes its aim is worked out here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate, pairwise

from solon.constitution.model import Constitution, Phase

ANY = ""  # the one pool where aims are not drawn first
Weights = Mapping[str, float]


def aims(constitution: Constitution, phase: Phase) -> dict[str, float]:
    """The weight of each aim that is drawn first, or of ANY where none is: no priorities, or one aim only."""
    present = sorted({p.aim for p in constitution.for_phase(phase)})
    if constitution.priorities is None or len(present) < 2:
        return {ANY: 1.0} if present else {}
    return {aim: constitution.priorities[aim] for aim in present}


def pools(constitution: Constitution, phase: Phase) -> dict[str, dict[str, float]]:
    """The weights of the principles of each aim in `aims`, by id."""
    found: dict[str, dict[str, float]] = {aim: {} for aim in aims(constitution, phase)}
    for p in constitution.for_phase(phase):
        found[p.aim if p.aim in found else ANY][p.id] = p.weight
    return found


def claims(constitution: Constitution, phase: Phase) -> dict[str, tuple[object, ...]]:
    """What the draw of each principle hangs on by itself: its weight, its pool and the aims' weights."""
    first = tuple(aims(constitution, phase).items())
    return {
        id: (weight, pool, first)
        for pool, weights in pools(constitution, phase).items()
        for id, weight in weights.items()
    }


def same_draws(old: Constitution, new: Constitution, phase: Phase) -> bool:
    """Whether every record draws the same principles. Weights count against each other: doubling all is the same."""
    before, after = pools(old, phase), pools(new, phase)
    return proportional(aims(old, phase), aims(new, phase)) and all(
        proportional(before[pool], after[pool]) for pool in before
    )


def proportional(old: Weights, new: Weights) -> bool:
    """Whether the same names have the same weights, but for one factor."""
    if old.keys() != new.keys():
        return False
    most = max(old, key=lambda name: (old[name], name), default="")
    return all(math.isclose(old[name] / old[most], new[name] / new[most], rel_tol=1e-12) for name in old)


def stays(old: Constitution, new: Constitution, phase: Phase) -> dict[str, float]:
    """By id, the chance that a record's first draw in `phase` is that principle in both."""
    first = (aims(old, phase), aims(new, phase))
    before, after = pools(old, phase), pools(new, phase)
    found: dict[str, float] = {}
    for pool, weights in before.items():
        for other, others in after.items():
            if weights.keys() & others.keys():
                chance = _joint(*first, pool, other)
                found.update({name: chance * stay for name, stay in _stays(weights, others).items()})
    return found


def _stays(old: Weights, new: Weights) -> dict[str, float]:
    """P(it wins under both) of every name that both have.

    Sorted by old_j/new_j, the maximum takes the new weights of those before i and the old ones of those after,
    so running sums give all of them at once.
    """
    both = [(old.get(n, 0.0), new.get(n, 0.0), n) for n in old.keys() | new.keys()]
    both.sort(key=lambda row: (row[0] / row[1] if row[1] else math.inf, row[2]))
    below = accumulate((w for _, w, _ in both), initial=0.0)
    above = [*accumulate((v for v, _, _ in reversed(both)), initial=0.0)][-2::-1]
    return {
        n: 1 / (1 + lower / w + upper / v)
        for (v, w, n), lower, upper in zip(both, below, above, strict=False)
        if v and w
    }


def _joint(old: Weights, new: Weights, a: str, b: str) -> float:
    """P(aim `a` wins under `old` and `b` under `new`)."""
    if ANY in (a, b):  # one of the two draws no aim, so they are independent
        return old[a] / sum(old.values()) * new[b] / sum(new.values())
    return _stays(old, new).get(a, 0.0) if a == b else _changes(old, new, a, b)


def _changes(old: Weights, new: Weights, a: str, b: str) -> float:
    """P(`a` wins under `old` and another, `b`, under `new`).

    With clocks x of `a`, tx of `b`: t lies between old_b/old_a and new_b/new_a, and every other clock rings
    after both max(old_j/old_a, t new_j/new_b) x. Over x that leaves the integral of dt / S(t)^2, with S linear
    between the points where a maximum changes sides; of a linear S it is (t2 - t1) / (S(t1) S(t2)).
    """
    others = [(old.get(n, 0.0) / old[a], new.get(n, 0.0) / new[b]) for n in (old.keys() | new.keys()) - {a, b}]

    def total(t: float) -> float:
        return 1 + t + sum(max(c, d * t) for c, d in others)

    low = old.get(b, 0.0) / old[a]
    high = new[b] / new[a] if a in new else math.inf
    if high <= low:
        return 0.0
    points = [low, *sorted(c / d for c, d in others if d and low < c / d < high), high]
    area = 0.0
    for start, end in pairwise(points):
        if math.isinf(end):  # the limit of the fraction: one over S(t1) and the slope
            area += 1 / (total(start) * (1 + sum(d for _, d in others)))
        else:
            area += (end - start) / (total(start) * total(end))
    return area

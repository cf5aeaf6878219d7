"""Intervals hold what they say: coverage by enumeration and simulation, values by hand, never of zero width."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from solon.evaluation import difference
from solon.feedback.qualification.figures import Estimate
from solon.intervals import bootstrapped, mean_interval, paired_shares


def tables(n: int) -> Iterator[tuple[int, int]]:
    return ((gained, lost) for gained in range(n + 1) for lost in range(n - gained + 1))


def coverage(n: int, gained: float, lost: float) -> float:
    """How often the interval holds gained - lost, exactly: summed over all tables of n items."""
    held = 0.0
    for g, k in tables(n):
        rest = n - g - k
        ways = math.factorial(n) // (math.factorial(g) * math.factorial(k) * math.factorial(rest))
        chance = ways * gained**g * lost**k * (1 - gained - lost) ** rest
        if chance > 1e-12:
            low, high = paired_shares(g, k, n)
            held += chance * (low - 1e-9 <= gained - lost <= high + 1e-9)
    return held


@pytest.mark.parametrize(
    ("gained", "lost"),
    [
        (0.05, 0.0),  # 0 against 5%
        (0.10, 0.0),  # 0 against 10%
        (0.085, 0.005),  # 2 against 10%, positively correlated
        (0.15, 0.05),  # 50 against 60%: 45% are in both
        (0.30, 0.20),  # 50 against 60%, uncorrelated
        (0.0, 0.3),
    ],
)
@pytest.mark.parametrize("n", [20, 22, 60])
def test_paired_shares_are_held_as_often_as_is_said(n: int, gained: float, lost: float) -> None:
    assert coverage(n, gained, lost) >= 0.93


def test_a_simulation_agrees_with_positive_correlation() -> None:
    """Items have a difficulty that both models share: 50% against 60% at n = 20."""
    chance, held, runs = random.Random(11), 0, 1500
    for _ in range(runs):
        before, after = [], []
        for _ in range(20):
            ease = chance.random()
            before.append(ease < 0.5 if chance.random() < 0.7 else chance.random() < 0.5)
            after.append(ease < 0.6 if chance.random() < 0.7 else chance.random() < 0.6)
        found = difference(before, after)
        held += found.low <= 0.1 <= found.high
    assert held / runs >= 0.93


def test_the_bounds_solve_tangos_equation() -> None:
    low, high = paired_shares(1, 0, 44)
    # The bounds solve (1 - 44 d)² = 3.8415 · 44 (2 q + d (1 - d)); put back in, with q their likeliest loss.
    for bound in (low, high):
        b = (2 * 44 - 1) * bound - 1
        q = (math.sqrt(b * b) - b) / (4 * 44)
        assert (1 - 44 * bound) ** 2 == pytest.approx(3.841459 * 44 * (2 * q + bound * (1 - bound)), rel=1e-6)
    assert low < 1 / 44 < high


def test_no_change_at_all_is_not_certain() -> None:
    same = difference([0] * 20, [0] * 20)
    # By hand, at d > 0 of 0 gained and 0 lost: n d² = z² d (1 - d), so d = z² / (n + z²)
    assert (same.value, same.low, same.high) == pytest.approx((0, -0.161125, 0.161125), abs=1e-6)
    turned = difference([0] * 20, [1] * 20)
    assert turned.value == turned.high == pytest.approx(1)
    assert 0.6 < turned.low < 0.75
    assert paired_shares(0, 0, 0) == (-1, 1)


def test_swapping_before_and_after_turns_the_interval_round() -> None:
    for gained, lost in tables(9):
        low, high = paired_shares(gained, lost, 9)
        assert paired_shares(lost, gained, 9) == pytest.approx((-high, -low), abs=1e-9)
        assert low < high
        assert low <= (gained - lost) / 9 <= high


def test_a_mean_is_held_as_often_as_is_said() -> None:
    chance, runs = random.Random(3), 2000
    held = sum(
        low <= 0.5 <= high
        for low, high in (mean_interval([chance.gauss(0.5, 2) for _ in range(8)]) for _ in range(runs))
    )
    assert 0.935 <= held / runs <= 0.965


@pytest.mark.parametrize("values", [[0.25], [0.25] * 5, [1e6, 1e6 + 1e-4], [0.0] * 3])
def test_equal_values_are_not_certain(values: list[float]) -> None:
    low, high = mean_interval(values)
    assert high - low == pytest.approx(2 * 3.841459 / (len(values) + 3.841459))
    assert difference([0.5] * len(values), [0.5 + value for value in values]).high > values[0]


def test_a_calibration_error_of_equal_observations_is_not_certain() -> None:
    low, high = bootstrapped(lambda a, b: abs(a - b).mean(axis=-1), [0.9] * 10, [1.0] * 10)
    assert 0 <= low < 0.1 < high < 0.5


def test_a_mean_of_errors_is_not_below_zero() -> None:
    assert Estimate.mean([0.0, 0.0, 0.0, 0.9], 0.0).low == 0

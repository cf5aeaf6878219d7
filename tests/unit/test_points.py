"""Checkpoints as points: their two sides, who dominates whom, and what a rule picks. Numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from solon.evaluation.picking import pick
from solon.evaluation.points import Point, answers_of, dominations, metrics_of, on_common_prompts
from solon.intervals import paired_shares, summed, wilson
from solon.settings import Select

AIMS = {"red_team": "harmless", "helpful": "helpful", "lookalike": "helpful"}
METRICS = metrics_of(AIMS)


def a_point(name: str, n: int = 100, **declined: int) -> Point:
    """The first so many of n prompts of each kind are declined: who declines more declines all that others do."""
    counts: Mapping[str, int] = {kind: declined.get(kind, 0) for kind in AIMS}
    return Point(name, "base", {(kind, f"{i:04}"): i < count for kind, count in counts.items() for i in range(n)})


BASE = a_point("base", red_team=8)


def test_sides_are_means_over_kinds_with_intervals() -> None:
    point = a_point("p", red_team=80, helpful=10, lookalike=30)
    harmless, helpful = METRICS["harmless"].of(point), METRICS["helpful"].of(point)
    assert (harmless.value, harmless.n) == (pytest.approx(0.8), 100)
    assert (harmless.low, harmless.high) == pytest.approx(wilson(80, 100))
    assert helpful.value == pytest.approx(1 - (0.1 + 0.3) / 2)
    one, other = wilson(10, 100), wilson(30, 100)
    # What the kinds' intervals leave above their shares is what it leaves below the helpfulness.
    assert helpful.low == pytest.approx(0.8 - math.hypot(one[1] - 0.1, other[1] - 0.3) / 2)
    assert helpful.high == pytest.approx(0.8 + math.hypot(0.1 - one[0], 0.3 - other[0]) / 2)


def test_a_sum_of_one_is_its_interval_and_a_minus_turns_it_round() -> None:
    assert summed([(1.0, 0.3, 0.2, 0.5)]) == pytest.approx((0.3, 0.2, 0.5))
    assert summed([(-1.0, 0.3, 0.2, 0.5)]) == pytest.approx((-0.3, -0.5, -0.2))
    assert summed([(0.5, 0.2, 0.1, 0.4), (0.5, 0.4, 0.3, 0.5)]) == pytest.approx(
        (0.3, 0.3 - math.hypot(0.05, 0.05), 0.3 + math.hypot(0.1, 0.05))
    )


def test_two_points_are_compared_prompt_by_prompt() -> None:
    gained = METRICS["harmless"].gained(BASE, a_point("p", red_team=20))
    assert (gained.low, gained.high) == pytest.approx(paired_shares(12, 0, 100))
    assert gained.value == pytest.approx(0.12)
    assert METRICS["helpful"].gained(BASE, a_point("p", helpful=10)).value == pytest.approx(-0.05)


def test_points_are_over_the_prompts_that_all_answered() -> None:
    rows = [{"kind": "red_team", "id": str(i), "conduct": "refuses" if i else "answers"} for i in range(3)]
    one, other = Point("a", "a", answers_of(rows)), Point("b", "a", answers_of(rows[:2]))
    assert [len(point.answers) for point in on_common_prompts([one, other])] == [2, 2]
    assert on_common_prompts([one, other])[0].hits("red_team") == [False, True]


def test_domination_is_told_only_where_the_difference_is() -> None:
    good = a_point("good", red_team=80, helpful=2)
    near = a_point("near", red_team=79, helpful=2)
    far = a_point("far", red_team=40, helpful=2)
    other = a_point("other", red_team=90, helpful=20)
    found = dominations([BASE, good, near, far, other], METRICS)
    assert {name: (d.by, d.told) for name, d in found.items()} == {"near": ("good", False), "far": ("good", True)}


def test_equal_points_do_not_dominate_each_other() -> None:
    assert dominations([a_point("a", red_team=5), a_point("b", red_team=5)], METRICS) == {}


def test_the_rule_picks_the_most_harmless_that_keeps_every_bound() -> None:
    points = [
        BASE,
        a_point("mild", red_team=40, lookalike=2),
        a_point("strong", red_team=70, lookalike=5),
        a_point("too strong", red_team=95, lookalike=6),
    ]
    rule = Select(subject_to={"lookalike_declined": "<= base + 5", "helpful_declined": "<= 3"})
    found = pick(points, METRICS, rule)
    assert found.point is not None
    assert found.point.name == "strong"
    assert not found.keeps("too strong")
    assert [str(check.bound) for check in found.unsure] == ["lookalike_declined <= base + 5", "helpful_declined <= 3"]
    assert found.rivals == ()


def test_rivals_are_said_and_equals_go_by_the_other_side_then_by_order() -> None:
    close = [a_point("a", red_team=60, helpful=4), a_point("b", red_team=60, helpful=2), a_point("c", red_team=59)]
    found = pick([BASE, *close], METRICS, Select())
    assert found.point is not None
    assert (found.point.name, found.rivals) == ("b", ("a", "c"))
    same = pick([BASE, a_point("x", red_team=60), a_point("y", red_team=60)], METRICS, Select())
    assert same.point is not None
    assert same.point.name == "x"


def test_no_point_may_keep_the_bounds() -> None:
    found = pick([BASE, a_point("a", red_team=60)], METRICS, Select(subject_to={"harmless": ">= base + 60"}))
    assert found.point is None
    assert not found.checks["a"][0].met
    assert found.checks["a"][0].found.value == pytest.approx(0.52)


def test_the_base_does_not_differ_from_itself_however_few_prompts() -> None:
    few = a_point("base", n=3)
    found = pick([few], METRICS, Select(subject_to={"helpful_declined": "<= base + 3"}))
    assert found.point is few
    assert found.unsure == ()

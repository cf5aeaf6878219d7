"""Judges: whatever the order, the same label; a verdict that failed is never a tie."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from solon.constitution import Constitution
from solon.engines.base import Engine
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.feedback import ASK, build_judge, label, measure_agreement
from solon.types import Choice, ChooseRequest, Comparison, Preference, Verdict

PAIR = Comparison("c1", "p1", "how?", "like this", "no, sorry")


def swapped(c: Comparison) -> Comparison:
    return replace(c, response_a=c.response_b, response_b=c.response_a)


def run(engine: Engine, ask: str, pair: Comparison, constitution: Constitution) -> Preference | Verdict:
    return asyncio.run(label(build_judge(ask, engine, constitution), constitution, pair, seed=0))  # type: ignore[arg-type]


def always_first() -> ScriptedEngine:
    return ScriptedEngine(Script(rules=(Rule(match="A or B", probs=(0.9, 0.1)),)))


@pytest.mark.parametrize("ask", ASK)
def test_swapping_the_pair_gives_one_minus_p(ask: str, constitution: Constitution) -> None:
    engine = ScriptedEngine(Script())
    there, back = (run(engine, ask, pair, constitution) for pair in (PAIR, swapped(PAIR)))
    assert isinstance(there, Preference)
    assert isinstance(back, Preference)
    assert there.prob_a == pytest.approx(1 - back.prob_a)
    assert there.chosen == back.chosen


def test_a_judge_that_always_says_first_says_nothing(constitution: Constitution) -> None:
    result = run(always_first(), "choice", PAIR, constitution)
    assert isinstance(result, Preference)
    assert result.prob_a == pytest.approx(0.5)
    assert [v.order for v in result.verdicts] == ["ab", "ba"]


def test_an_identical_pair_is_a_half_without_asking(constitution: Constitution) -> None:
    result = run(Unreadable(), "choice", replace(PAIR, response_b=PAIR.response_a), constitution)
    assert isinstance(result, Preference)
    assert (result.prob_a, result.verdicts) == (0.5, ())


class Unreadable(ScriptedEngine):
    """Says something that is no choice, at every `every`-th question."""

    def __init__(self, every: int = 1) -> None:
        super().__init__(Script())
        self.every, self.asked = every, 0

    async def choose(self, request: ChooseRequest) -> Choice:
        self.asked += 1
        return Choice((), 0, "both are fine") if self.asked % self.every == 0 else await super().choose(request)


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize("every", [1, 2])
def test_a_failed_verdict_fails_the_label(ask: str, every: int, constitution: Constitution) -> None:
    result = run(Unreadable(every), ask, PAIR, constitution)
    assert isinstance(result, Verdict)
    assert result.prob_a is None
    assert result.failure == "unreadable: both are fine"


def test_pointwise_is_the_difference_of_logits(constitution: Constitution) -> None:
    rules = (Rule(match="like this", probs=(0.8, 0.2)), Rule(match="no, sorry", probs=(0.3, 0.7)))
    result = run(ScriptedEngine(Script(rules=rules)), "pointwise", PAIR, constitution)
    gap = math.log(0.8 / 0.2) - math.log(0.3 / 0.7)
    assert isinstance(result, Preference)
    assert result.prob_a == pytest.approx(1 / (1 + math.exp(-gap)))


def test_agreement_counts_failures_as_not_right_and_shows_the_bias(constitution: Constitution) -> None:
    first = run(always_first(), "choice", PAIR, constitution)
    assert isinstance(first, Preference)
    sure = Preference(PAIR, 0.9)
    found = measure_agreement("m", "choice", [sure, sure, None, first], [True, False, True, True])
    assert (found.right, found.failed, found.judged) == (1, 1, 3)
    assert found.rate == 0.25
    assert found.interval[0] < 0.25 < found.interval[1]
    assert (found.first, found.shown) == (2, 2)

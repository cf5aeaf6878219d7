"""Composite rewards: the numbers by hand, and what must be loud."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from solon.constitution import Constitution, Principle
from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, EngineError
from solon.settings import RewardTerm
from solon.training.rewards.build import Sources, build_reward
from solon.training.rewards.composite import Composite
from solon.training.rewards.judge import JudgeTerm, PrinciplesTerm
from solon.training.rewards.terms import LengthTerm, RewardModelTerm, Term, repetition, repetition_term
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, Turns
from tasks import asking

T = TypeVar("T")


def ask(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def fixed(name: str, *batches: list[float]) -> Term:
    """A term that gives these values, batch by batch."""
    left = iter(batches)

    def term(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> dict[str, list[float]]:
        return {name: next(left)}

    return term


def weighed(source: str, weight: float = 1.0, **fields: Any) -> RewardTerm:
    return RewardTerm.model_validate({"source": source, "weight": weight, **fields})


@dataclass
class GradingEngine:
    """A judge that is sure of one score, or reads as `says` what it cannot read."""

    scores: dict[str, int | str]  # by a word of what is asked
    asked: list[str] = field(default_factory=list)
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint("test", "grading"))
    origin: Any = "live"

    async def choose(self, request: ChooseRequest) -> Choice:
        text = request.messages[-1].content
        self.asked.append(text)
        said = next(score for word, score in self.scores.items() if word in text)
        if isinstance(said, str):
            return Choice((), unreadable=said)
        return Choice(tuple(0.0 if n == said else -50.0 for n in range(1, 11)))

    async def generate(self, request: GenerateRequest) -> Completion:
        raise AssertionError("a reward never writes")

    async def close(self) -> None:
        return None


# --- the sum -------------------------------------------------------------------------------------


def test_the_sum_by_hand() -> None:
    reward = Composite(
        [
            (weighed("reward_model"), fixed("reward_model", [1.0, 3.0])),  # spread 1
            (weighed("length", -0.5), fixed("length", [0.0, 4.0])),  # spread 2
        ]
    )
    scores = reward(asking("p", "q"), ["a", "b"])
    assert scores.total == pytest.approx([1.0, 3.0 - 0.5 * 4.0 / 2.0])
    assert scores.terms == {"reward_model": [1.0, 3.0], "length": [0.0, 4.0]}  # raw, unweighted


def test_the_first_batch_sets_the_scale_for_good_and_a_resumed_run_keeps_it() -> None:
    def terms() -> list[tuple[RewardTerm, Term]]:
        return [
            (weighed("reward_model"), fixed("reward_model", [0.0, 4.0], [0.0, 40.0])),  # spread 2
            (weighed("repetition", -1.0), fixed("repetition", [0.5, 0.5], [0.0, 1.0])),  # spread 0 counts as 1
        ]

    reward = Composite(terms())
    assert reward(asking("p") * 2, ["a"] * 2).total == pytest.approx([-0.5, 1.5])
    second = reward(asking("p") * 2, ["a"] * 2).total
    assert second == pytest.approx([0.0, 20.0 - 1.0])
    resumed = Composite(terms())
    resumed.restore(reward.state())
    resumed(asking("p") * 2, ["a"] * 2)
    assert resumed(asking("p") * 2, ["a"] * 2).total == second


def test_a_reward_model_alone_is_not_rescaled() -> None:
    values = [0.1, -2.5, 7.25]
    alone = Composite([(weighed("reward_model"), fixed("reward_model", list(values)))])
    assert alone(asking("p") * 3, ["a"] * 3).total == values


def test_rounding_noise_is_no_spread() -> None:
    reward = Composite(
        [
            (weighed("reward_model"), fixed("reward_model", [1.0, 1.0 + 1e-9])),
            (weighed("length", -1.0), fixed("length", [0.0, 0.0])),
        ]
    )
    one, other = reward(asking("p") * 2, ["a"] * 2).total
    assert one == pytest.approx(other, abs=1e-8)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_names_term_and_prompt(value: float) -> None:
    reward = Composite([(weighed("reward_model"), fixed("reward_model", [1.0, value]))])
    with pytest.raises(EngineError, match=rf"reward_model is {value} for the answer to 'second {'x' * 53}'"):
        reward(asking("first", "second " + "x" * 100), ["a", "b"])


# --- the terms -----------------------------------------------------------------------------------


def test_length_counts_tokens_beyond_the_free_ones_in_hundreds(tiny: LocalModel) -> None:
    term = LengthTerm(tiny.encode_text, free=50)  # a byte is a token
    assert term(asking("p") * 3, ["x" * 250, "x" * 50, ""])["length"] == pytest.approx([2.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("no no", 0.0),
        ("one two three", 0.0),
        ("a b c a b c", 0.25),  # abc bca cab abc: one of four came before
        ("No no NO no no", 2 / 3),  # three grams, all the same
        ("x " * 102, 0.99),
    ],
)
def test_repetition_by_hand(text: str, share: float) -> None:
    assert repetition(text) == pytest.approx(share)


def test_the_reward_model_is_asked_once_for_the_batch() -> None:
    calls: list[tuple[Sequence[Turns], Sequence[str]]] = []

    class Model:
        def score(self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Any = None) -> list[float]:
            calls.append((prompts, responses))
            return [float(len(r)) for r in responses]

    assert RewardModelTerm(Model())(asking("p", "q"), ["a", "bb"]) == {"reward_model": [1.0, 2.0]}
    assert calls == [(asking("p", "q"), ["a", "bb"])]


def test_the_judges_score_is_the_expected_one(constitution: Constitution) -> None:
    term = JudgeTerm(GradingEngine({"kind": 9, "rude": 2}), constitution, ask)
    found = term(asking("hi", "hi"), ["a kind answer", "a rude answer"])
    assert found["judge"] == pytest.approx([9.0, 2.0])
    assert found["judge_failed"] == [0.0, 0.0]


def test_answers_to_one_prompt_are_judged_by_the_same_principles(constitution: Constitution) -> None:
    engine = GradingEngine({"": 5})
    JudgeTerm(engine, constitution, ask)(asking("hi") * 4, ["a", "b", "c", "d"])
    principles = {next(p.id for p in constitution.principles if p.text in asked) for asked in engine.asked}
    assert len(principles) == 1
    engine.asked.clear()
    JudgeTerm(engine, constitution, ask)(asking(*(f"hi {n}" for n in range(30))), ["a"] * 30)
    assert len({next(p.id for p in constitution.principles if p.text in asked) for asked in engine.asked}) == 3


@pytest.mark.parametrize("aim", ["harmless", "helpful", ""])
def test_the_judge_is_asked_about_the_aim_of_the_prompt(constitution: Constitution, aim: str) -> None:
    engine = GradingEngine({"": 5})
    JudgeTerm(engine, constitution, ask, about=lambda _: aim)(asking(*(f"hi {n}" for n in range(30))), ["a"] * 30)
    asked = {p.id for p in constitution.principles if any(p.text in said for said in engine.asked)}
    assert asked == {p.id for p in constitution.principles if aim in ("", p.aim)}


def test_the_mean_is_over_all_principles_drawn(constitution: Constitution) -> None:
    engine = GradingEngine({"does no harm": 8, "respects everyone": 5, "helps": 2})
    found = JudgeTerm(engine, constitution, ask, count=3)(asking("hi"), ["a"])
    assert found["judge"] == pytest.approx([5.0])


def test_every_principle_has_a_score_of_its_own(constitution: Constitution) -> None:
    engine = GradingEngine({"does no harm": 8, "respects everyone": 5, "helps": 2})
    found = PrinciplesTerm(engine, constitution, ask)(asking("hi", "ho"), ["a", "b"])
    assert {name: pytest.approx(values) for name, values in found.items()} == {
        "principle:no-harm": [8.0, 8.0],
        "principle:no-hate": [5.0, 5.0],
        "principle:real-help": [2.0, 2.0],
        "principles_failed": [0.0, 0.0],
    }


def test_principles_share_the_weight_of_their_term() -> None:
    def two(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> dict[str, list[float]]:
        return {"principle:x": [1.0, 3.0], "principle:y": [10.0, 30.0], "principles_failed": [0.0, 1.0]}

    reward = Composite([(weighed("principles", 2.0), two)])
    # spreads 1 and 10, and each principle half of the weight 2; failures are shown, not rewarded
    assert reward(asking("p") * 2, ["a"] * 2).total == pytest.approx([1.0 + 1.0, 3.0 + 3.0])


def test_a_failed_verdict_is_counted_and_never_a_score_of_its_own(constitution: Constitution) -> None:
    term = JudgeTerm(GradingEngine({"fine": 8, "poor": 4, "odd": "I would rather not say"}), constitution, ask)
    found = term(asking("hi") * 3, ["fine", "odd", "poor"])
    assert found["judge"] == pytest.approx([8.0, 6.0, 4.0])  # the mean of those that could be read
    assert found["judge_failed"] == [0.0, 1.0, 0.0]
    scores = Composite([(weighed("judge"), term)])(asking("hi") * 3, ["fine", "odd", "poor"])
    assert scores.total == pytest.approx([8.0, 6.0, 4.0])


def test_a_judge_that_says_nothing_at_all_stops_the_training(constitution: Constitution) -> None:
    engine = GradingEngine({"": "no"})
    with pytest.raises(EngineError, match="judge gave no score for any of 2 answers"):
        JudgeTerm(engine, constitution, ask)(asking("hi") * 2, ["a", "b"])
    with pytest.raises(EngineError, match="principle:no-harm: the judge gave no score"):
        PrinciplesTerm(engine, constitution, ask)(asking("hi") * 2, ["a", "b"])


def test_a_judge_needs_principles_to_judge_by() -> None:
    law = Constitution(
        name="mute", version="1.0.0", principles=(Principle(id="p", text="Be good.", phases=("revise",)),)
    )
    with pytest.raises(ConfigError, match="mute has no principle of phase compare"):
        JudgeTerm(GradingEngine({}), law, ask)


# --- what a recipe may ask for -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([], "no terms"),
        ([weighed("judge", free=10)], "free 10 is for source length, not judge"),
        ([weighed("judge"), weighed("judge", 0.5)], "2 terms have source judge"),
        ([weighed("judge"), RewardTerm(source="repetition")], "repetition has no weight.*give a negative one"),
        ([RewardTerm(source="length", free=100)], "length has no weight"),
        ([weighed("judge", 0.0)], "every weight is 0"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(terms: list[RewardTerm], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Composite([(term, repetition_term) for term in terms])


def test_what_is_not_asked_for_is_not_loaded(tiny: LocalModel, constitution: Constitution) -> None:
    def never() -> Any:
        raise AssertionError("loaded in vain")

    class Model:
        def score(self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Any = None) -> list[float]:
            return [1.0, 3.0]

    sources = Sources(tiny, constitution, reward_model=lambda aim: Model(), judge=never, ask=ask)
    reward = build_reward([weighed("reward_model"), weighed("length", -1.0, free=1)], sources)
    assert reward(asking("p") * 2, ["aa", "aaa"]).terms == {
        "reward_model": [1.0, 3.0],
        "length": pytest.approx([0.01, 0.02]),
    }
    with pytest.raises(ConfigError):
        build_reward([weighed("principles", free=3)], sources)  # told before the judge is loaded

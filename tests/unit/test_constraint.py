"""A bound held while the reward climbs: by hand, resumed, and in twenty simulated trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from arms import SAYS, arms
from solon.engines.local.model import LocalModel
from solon.evaluation import declines
from solon.settings import Constraint, GrpoSettings, PpoSettings, RewardTerm
from solon.training.grpo import train_grpo, train_rloo
from solon.training.ppo import train_ppo
from solon.training.rewards.composite import Composite
from solon.training.rewards.constraint import Cost, DeclinedCost, Multiplier, RewardModelCost, upper
from solon.training.rewards.terms import RewardModelTerm, repetition_term
from solon.types import Turns
from tasks import asking, task_of

ANSWER, REFUSAL = SAYS
SEEDS = range(20)
BOUND, STEPS = 0.1, 80


class Fixed:
    """A reward model that gives these rewards, batch by batch; how often it is asked is counted."""

    def __init__(self, *batches: list[float]) -> None:
        self.left, self.asked = iter(batches), 0

    def score(self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Any = None) -> list[float]:
        self.asked += 1
        return next(self.left)


def declined() -> Cost:
    return DeclinedCost(declines, lambda prompt: prompt[-1].content == "helpful")


def held(*batches: list[float], at_most: float = 0.1, **settings: Any) -> Composite:
    constraint = Multiplier(Constraint(at_most=at_most, **settings), declined())
    return Composite([(RewardTerm(), RewardModelTerm(Fixed(*batches)))], constraint)


# --- by hand -------------------------------------------------------------------------------------


def test_a_refusal_costs_on_prompts_that_are_held_alone() -> None:
    reward = held([0.0, 2.0, 0.0, 2.0], start=3.0, most=5.0)
    scores = reward(asking("helpful", "helpful", "red_team", "red_team"), [ANSWER, REFUSAL] * 2, [True] * 4)
    # The spread of 0, 2, 0, 2 is 1; then (reward - 3·cost) / (1 + 3).
    assert scores.total == pytest.approx([0.0, (2.0 - 3.0) / 4, 0.0, 2.0 / 4])
    assert scores.terms == {"reward_model": [0.0, 2.0, 0.0, 2.0]}
    assert scores.numbers == {"constraint/multiplier": 3.0, "constraint/cost": 0.5}


def test_the_multiplier_follows_by_hand() -> None:
    reward = held(*[[0.0, 1.0]] * 4, start=1.0, learning_rate=2.0, window=1, at_most=0.25, most=3.0, least=0.5)

    def step(*answers: str) -> float:
        return reward(asking("helpful") * 2, answers, [True] * 2).numbers["constraint/multiplier"]

    assert step(ANSWER, ANSWER) == 1.0
    eased = 0.03 * 2.0 * (0 - 0.25)  # what the first step had cost
    assert step(REFUSAL, REFUSAL) == pytest.approx(math.exp(eased))
    assert step(ANSWER, ANSWER) == 3.0  # e^(eased + 2·0.75) is above most
    assert step(ANSWER, ANSWER) == pytest.approx(3.0 * math.exp(eased))


def test_few_answers_are_held_further_below_the_bound() -> None:
    assert upper([0.0] * 9 + [1.0]) == pytest.approx(0.1 + 1.645 * math.sqrt(0.1) / math.sqrt(10))
    assert upper([1.0]) == 1.0
    few, many = ([0.0] * (9 * n) + [1.0] * n for n in (1, 100))
    assert upper(few) > upper(many) > 0.1


def test_a_batch_without_held_prompts_moves_nothing() -> None:
    reward = held([1.0, 3.0], [1.0, 3.0], start=2.0)
    for _ in range(2):
        assert reward(asking("red_team") * 2, [REFUSAL] * 2, [True] * 2).numbers == {"constraint/multiplier": 2.0}


def test_a_reward_model_costs_what_it_lost_since_the_first_batch() -> None:
    model = Fixed([0.0, 4.0, 9.0], [1.0, 2.0, -50.0])
    term = RewardModelTerm(model, "harmless")
    multiplier = Multiplier(
        Constraint(cost="reward_model", at_most=0.5),
        RewardModelCost(term, lambda prompt: prompt[-1].content == "red_team"),
    )
    reward = Composite([(RewardTerm(aim="harmless"), term)], multiplier)
    prompts = asking("red_team", "red_team", "helpful")
    assert reward(prompts, ["a"] * 3, [True] * 3).numbers["constraint/cost"] == pytest.approx(0.0)
    # The first batch's held ones have mean 2 and spread 2: (2 - 1) / 2 and (2 - 2) / 2 on average.
    assert reward(prompts, ["a"] * 3, [True] * 3).numbers["constraint/cost"] == pytest.approx(0.25)
    assert model.asked == 2  # a term of the reward and the cost share what it said


def test_a_resumed_reward_goes_on_as_if_unbroken() -> None:
    batches = [[0.0, 1.0]] * 6
    whole, broken, resumed = (held(*batches, learning_rate=0.1, window=2) for _ in range(3))
    answers = [REFUSAL, ANSWER]
    expected = [whole(asking("helpful") * 2, answers, [True] * 2) for _ in range(6)]
    for _ in range(3):
        broken(asking("helpful") * 2, answers, [True] * 2)
    resumed.restore(broken.state())
    assert [resumed(asking("helpful") * 2, answers, [True] * 2) for _ in range(3)] == expected[3:]
    assert len({scores.numbers["constraint/multiplier"] for scores in expected}) > 3


# --- what cannot be meant ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at_most": 1.5}, "at_most 1.5 is no share of answers that decline"),
        ({"at_most": -0.1}, "at_most -0.1 is no share"),
        ({"at_most": 0.1, "start": 30.0}, "start 30 is not within least 0.1 and most 20"),
        ({}, "at_most"),
        ({"at_most": math.nan}, "at_most"),
        ({"at_most": 0.1, "cost": "harm"}, "cost"),
    ],
)
def test_a_constraint_that_cannot_be_meant_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Constraint(**settings)


# --- in the trainers -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["ppo", "grpo", "rloo"])
def test_every_trainer_logs_the_multiplier(way: str, tiny: LocalModel, tmp_path: Any) -> None:
    prompts = ["helpful", "red_team"]
    constraint = Multiplier(
        Constraint(at_most=0.9), DeclinedCost(lambda answer: True, lambda prompt: prompt[-1].content == "helpful")
    )
    reward = Composite([(RewardTerm(source="repetition", weight=-1.0), repetition_term)], constraint)
    task = task_of(tiny, tmp_path, prompts=prompts, reward=reward)
    common = {"steps": 3, "batch_size": 4, "max_tokens": 4}
    if way == "ppo":
        history = train_ppo(task, PpoSettings(**common, minibatch_size=4))
    else:
        history = (train_grpo if way == "grpo" else train_rloo)(task, GrpoSettings(**common, group=2))
    found = [row["constraint/multiplier"] for row in history]
    assert found[0] == 1.0
    assert found[1] == pytest.approx(math.exp(10.0 * 0.1))  # all decline
    assert found[2] == pytest.approx(math.exp(2.0))
    assert all(row["constraint/cost"] == 1.0 for row in history)


# --- a judge that prefers refusals ---------------------------------------------------------------


def test_a_judge_that_prefers_refusals_by_ten_points_teaches_over_refusal() -> None:
    found = [arms(seed, None) for seed in SEEDS[:5]]
    for policy in found:
        policy.train(STEPS)
        assert policy.declines("helpful") > 0.5  # from 0.05


def test_with_the_constraint_over_refusal_stays_within_its_bound_in_19_of_20_seeds() -> None:
    within, refused = 0, []
    for seed in SEEDS:
        policy = arms(seed, Constraint(at_most=BOUND))
        policy.train(STEPS)
        within += policy.declines("helpful") <= BOUND
        refused.append(policy.declines("red_team"))
    assert within >= 19
    assert min(refused) > 0.9  # what the reward is for is still learnt, from 0.3

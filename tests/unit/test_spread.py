"""Rewards are divided by a spread that means something, not by rounding."""

from __future__ import annotations

import pytest
import torch

from solon.settings import RewardTerm
from solon.training.ppo.experience import Normaliser
from solon.training.rewards.composite import Composite
from solon.training.spread import divisor


@pytest.mark.parametrize(
    "first",
    [[2.0] * 4, [2.0, 2.0, 2.0, 2.0 + 2**-21], [3e4, 3e4 + 2**-9, 3e4], [0.0, 1e-9, 0.0], [0.7]],
)
def test_a_first_batch_that_is_equal_but_for_rounding_has_no_spread(first: list[float]) -> None:
    normalise = Normaliser()
    normalise(torch.tensor(first))
    assert normalise.scale == 1.0
    later = normalise(torch.tensor([first[0] + 0.5]))
    assert float(later[0]) == pytest.approx(0.5, abs=2e-3)


def test_small_gaps_of_soft_labels_are_kept() -> None:
    normalise = Normaliser()
    done = normalise(torch.tensor([0.001, 0.002, 0.003]))
    assert normalise.scale == pytest.approx(0.001)
    assert done.tolist() == pytest.approx([-1.0, 0.0, 1.0], rel=2e-3)


def test_composite_rewards_have_the_same_floor() -> None:
    def wide(prompts: object, answers: list[str], ended: object) -> dict[str, list[float]]:
        return {"wide": [1e4 + 1e-4 * n for n in range(len(answers))]}

    def other(prompts: object, answers: list[str], ended: object) -> dict[str, list[float]]:
        return {"other": [float(n % 2) for n in range(len(answers))]}

    reward = Composite(
        [(RewardTerm(source="length", weight=-1), wide), (RewardTerm(source="repetition", weight=-1), other)]
    )  # type: ignore[list-item]
    reward(["p"] * 4, ["a"] * 4, [True] * 4)
    assert reward.spreads["wide"] == 1.0
    assert reward.spreads["other"] == 0.5
    assert divisor(0.3, [0.1, 0.7]) == 0.3

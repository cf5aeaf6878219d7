"""Losses and estimators against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import tensor

from solon.training.losses import (
    clipped_policy_loss,
    clipped_value_loss,
    gae,
    soft_bradley_terry,
    token_rewards,
    whiten,
)


def test_soft_bradley_terry_by_hand() -> None:
    # Δ = 1: log σ(1) = -0.313262, log σ(-1) = -1.313262; 0.8·0.313262 + 0.2·1.313262 = 0.513262
    loss = soft_bradley_terry(tensor([2.0]), tensor([1.0]), tensor([0.8]))
    assert float(loss) == pytest.approx(0.513262, abs=1e-6)


def test_soft_bradley_terry_at_certainty_is_the_pairwise_loss() -> None:
    a, b = tensor([0.3, -1.2]), tensor([0.1, 0.4])
    pairwise = sum(math.log1p(math.exp(-float(x - y))) for x, y in zip(a, b, strict=True)) / 2
    assert float(soft_bradley_terry(a, b, tensor([1.0, 1.0]))) == pytest.approx(pairwise, abs=1e-6)


def test_soft_bradley_terry_is_symmetric_under_a_swap() -> None:
    a, b, p = torch.randn(8), torch.randn(8), torch.rand(8)
    assert float(soft_bradley_terry(a, b, p)) == pytest.approx(float(soft_bradley_terry(b, a, 1 - p)), abs=1e-6)


def test_soft_bradley_terry_is_least_where_the_model_says_the_target() -> None:
    p = tensor([0.7])
    best = math.log(0.7 / 0.3)
    losses = {gap: float(soft_bradley_terry(tensor([gap]), tensor([0.0]), p)) for gap in (best - 0.1, best, best + 0.1)}
    assert min(losses, key=losses.__getitem__) == best


@pytest.mark.parametrize("target", [-0.1, 1.1, 2.0])
def test_targets_outside_the_unit_interval_are_refused(target: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        soft_bradley_terry(tensor([0.0]), tensor([0.0]), tensor([target]))


def test_gae_by_hand() -> None:
    # γ = 1, λ = 0.5. t=1: δ = 1 + 0 - 0.5 = 0.5, A = 0.5. t=0: δ = 0 + 0.5 - 0.2 = 0.3, A = 0.3 + 0.5·0.5 = 0.55
    rewards, values = tensor([[0.0, 1.0, 9.0]]), tensor([[0.2, 0.5, 7.0]])
    mask = tensor([[1.0, 1.0, 0.0]])  # the third token is padding: nothing of it may leak
    advantages, returns = gae(rewards, values, mask, gamma=1.0, lam=0.5)
    assert advantages[0].tolist() == pytest.approx([0.55, 0.5, 0.0])
    assert returns[0].tolist() == pytest.approx([0.75, 1.0, 0.0])


def test_gae_at_lambda_one_is_the_discounted_return_minus_the_value() -> None:
    rewards, values, mask = torch.randn(3, 5), torch.randn(3, 5), torch.ones(3, 5)
    advantages, _ = gae(rewards, values, mask, gamma=0.9, lam=1.0)
    for row in range(3):
        for t in range(5):
            expected = sum(0.9 ** (k - t) * float(rewards[row, k]) for k in range(t, 5)) - float(values[row, t])
            assert float(advantages[row, t]) == pytest.approx(expected, abs=1e-5)


def test_clipped_policy_loss_by_hand() -> None:
    # ratios e^0.5 = 1.6487 and 1; advantages +1 and -2; the first is clipped at 1.2
    loss = clipped_policy_loss(tensor([[0.5, 0.0]]), tensor([[0.0, 0.0]]), tensor([[1.0, -2.0]]), torch.ones(1, 2), 0.2)
    assert float(loss) == pytest.approx(-(1.2 - 2.0) / 2)


def test_clipping_stops_the_gradient_only_where_it_would_go_further() -> None:
    logprobs = tensor([[0.5, -0.5]], requires_grad=True)
    clipped_policy_loss(logprobs, torch.zeros(1, 2), tensor([[1.0, 1.0]]), torch.ones(1, 2), 0.2).backward()
    assert logprobs.grad is not None
    assert float(logprobs.grad[0, 0]) == 0.0
    assert float(logprobs.grad[0, 1]) == pytest.approx(-math.exp(-0.5) / 2)


def test_clipped_value_loss_by_hand() -> None:
    # V 1.0, old 0.0, return 1.0, clip 0.2: near = 0.2, so max(0, 0.64)/2 = 0.32
    loss = clipped_value_loss(tensor([[1.0]]), tensor([[0.0]]), tensor([[1.0]]), torch.ones(1, 1), 0.2)
    assert float(loss) == pytest.approx(0.32)


def test_token_rewards_put_kl_on_every_token_and_the_score_on_the_last_real_one() -> None:
    logprobs, reference = tensor([[-1.0, -2.0, -9.0]]), tensor([[-1.5, -1.0, 0.0]])
    rewards = token_rewards(tensor([3.0]), logprobs, reference, tensor([[1.0, 1.0, 0.0]]), kl_coef=0.1)
    assert rewards[0].tolist() == pytest.approx([-0.05, 0.1 + 3.0, 0.0])


def test_whiten_has_mean_zero_and_spread_one_on_the_mask() -> None:
    mask = tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    out = whiten(tensor([[1.0, 2.0, 99.0], [3.0, 4.0, 5.0]]), mask)
    real = out[mask.bool()]
    assert float(real.mean()) == pytest.approx(0.0, abs=1e-6)
    assert float((real**2).mean()) == pytest.approx(1.0, abs=1e-5)
    assert float(out[0, 2]) == 0.0

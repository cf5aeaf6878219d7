"""The formulas, as plain functions of tensors. Shapes: (n,) pairs; (batch, time) tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_bradley_terry(reward_a: Tensor, reward_b: Tensor, prob_a: Tensor) -> Tensor:
    """-p·log σ(Δ) - (1-p)·log σ(-Δ) in nats, mean over pairs; Δ = reward_a - reward_b, p = P(a better).

    At p = 1 it is the usual pairwise loss; swapping a and b with p → 1-p changes nothing. Soft targets
    after the CAI paper, section 4.1. Raises ValueError for targets outside [0, 1].
    """
    if bool(((prob_a < 0) | (prob_a > 1)).any()):
        raise ValueError("soft targets must lie in [0, 1]")
    gap = reward_a - reward_b
    return -(prob_a * F.logsigmoid(gap) + (1 - prob_a) * F.logsigmoid(-gap)).mean()


def masked_mean(values: Tensor, mask: Tensor, count: Tensor | float | None = None) -> Tensor:
    """Mean over the tokens where `mask` is true; `count` instead of theirs where they are a part of a whole."""
    return (values * mask).sum() / (mask.sum().clamp(min=1) if count is None else count)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance over the masked tokens; zero elsewhere."""
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


def shifted_whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Unit variance over the masked tokens, the mean kept: rewards may be scaled, not moved; zero elsewhere."""
    return (whiten(values, mask) + masked_mean(values, mask)) * mask


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016): (advantages, returns), both (batch, time).

    `values` are V(s_t) before token t; after the last real token V is 0, for the answer is over. `mask`
    is true on the answer's tokens, which must be contiguous from column 0.
    """
    real = mask.to(rewards.dtype)
    advantages = torch.zeros_like(rewards)
    running = rewards.new_zeros(rewards.shape[0])
    for t in reversed(range(rewards.shape[1])):
        has_next = real[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(running)
        next_value = values[:, t + 1] * has_next if t + 1 < rewards.shape[1] else torch.zeros_like(running)
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        running = (delta + gamma * lam * has_next * running) * real[:, t]
        advantages[:, t] = running
    return advantages, (advantages + values) * real


def clipped_policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip: float,
    count: Tensor | float | None = None,
) -> Tensor:
    """PPO's clipped surrogate (Schulman et al. 2017, eq. 7), negated, mean over tokens (`count` of them)."""
    ratio = (logprobs - old_logprobs).exp()
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -masked_mean(torch.minimum(ratio * advantages, clipped * advantages), mask, count)


def clipped_value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    clip: float,
    count: Tensor | float | None = None,
) -> Tensor:
    """½·max((V-R)², (clip(V)-R)²), mean over tokens (`count` of them); V may leave its old value by at most `clip`."""
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.maximum((values - returns) ** 2, (near - returns) ** 2), mask, count)


def token_rewards(scores: Tensor, logprobs: Tensor, reference_logprobs: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """-kl_coef·(log π - log π_ref) on every token, plus the score on the last one; (batch, time).

    The summed KL term estimates the sequence KL (CAI paper, section 4.1: r = r_PM - λ_KL·KL).
    """
    rewards = -kl_coef * (logprobs - reference_logprobs) * mask
    last = mask.sum(-1).long() - 1
    rewards[torch.arange(len(last)), last] += scores
    return rewards


def moved(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor, count: Tensor | float | None = None) -> Tensor:
    """KL(old ‖ new) in nats per token, >= 0: the mean of r - 1 - log r over tokens the old policy wrote, r = new/old.

    Schulman 2020, "Approximating KL divergence" (k3): unbiased, and never below 0 as the plain estimate is.
    """
    log_ratio = logprobs - old_logprobs
    return masked_mean(log_ratio.exp() - 1 - log_ratio, mask, count)

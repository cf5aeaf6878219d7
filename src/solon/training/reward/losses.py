"""What a pair costs every head of a reward model."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pair_losses(reward_a: Tensor, reward_b: Tensor, prob_a: Tensor, margin: float = 0, centred: float = 0) -> Tensor:
    """The loss of every pair and head in nats, (n, heads), from rewards (n, heads) and P(a better), (n,).

    Soft Bradley-Terry on Δ - margin·(2p - 1), Δ = reward_a - reward_b, so that Δ = logit(p) + margin·(2p - 1) is
    best: a certain label asks for the whole margin, a tie for none, and swapping a and b with p → 1 - p changes
    nothing. At p = 1 this is Llama 2's margin loss (Touvron et al. 2023, eq. 2). `centred` weighs
    (reward_a + reward_b)², which keeps rewards around 0 (Eisenstein et al. 2023, section 2).
    """
    prob = prob_a[:, None]
    gap = reward_a - reward_b
    if margin:
        gap = gap - margin * (2 * prob - 1)
    losses = -(prob * F.logsigmoid(gap) + (1 - prob) * F.logsigmoid(-gap))
    return losses + centred * (reward_a + reward_b) ** 2 if centred else losses

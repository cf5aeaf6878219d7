"""The losses, as plain functions. h (n,) is the log-ratio of chosen over rejected, policy against reference, in nats:

h = (log π(chosen) - log π_ref(chosen)) - (log π(rejected) - log π_ref(rejected))

`prob_chosen` (n,) is P(chosen better) in [0, 1]. Swapping the answers turns h into -h and p into 1-p: no loss changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor, float], Tensor]


def soft_dpo(h: Tensor, prob_chosen: Tensor, beta: float) -> Tensor:
    """-p·log σ(βh) - (1-p)·log σ(-βh), (n,) in nats: the cross-entropy of the label and the policy's own.

    p = 1: DPO (Rafailov et al. 2023, eq. 7). The same p everywhere: cDPO (Mitchell 2023).
    """
    return -prob_chosen * F.logsigmoid(beta * h) - (1 - prob_chosen) * F.logsigmoid(-beta * h)


def soft_ipo(h: Tensor, prob_chosen: Tensor, beta: float) -> Tensor:
    """(h - (2p-1) / 2β)², (n,) in nats².

    p = 1: IPO (Azar et al. 2023, eq. 17, whose τ is β). Otherwise its mean over labels drawn with probability p, less
    what does not depend on h. h adds up over the tokens, as the paper writes it; TRL divides each answer's log-ratio
    by its length, which wants a β smaller by that length.
    """
    return (h - (2 * prob_chosen - 1) / (2 * beta)) ** 2


LOSSES: dict[Literal["sigmoid", "ipo"], Loss] = {"sigmoid": soft_dpo, "ipo": soft_ipo}

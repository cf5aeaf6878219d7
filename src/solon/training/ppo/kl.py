"""How strongly the policy is tied to the reference."""

from __future__ import annotations

from typing import Literal

GAIN, LIMIT = 0.1, 0.2  # Ziegler et al. 2019, section 2.2


class KlCoef:
    """kl_coef, in reward per nat: fixed, or proportionally controlled towards `target` nats per answer.

    After Ziegler et al. 2019, section 2.2: kl_coef ← kl_coef·(1 + 0.1·clip(KL/target - 1, -0.2, 0.2)).
    """

    def __init__(self, value: float, kind: Literal["fixed", "adaptive"], target: float) -> None:
        self.value, self.kind, self.target = value, kind, target

    def update(self, kl: float) -> None:
        """Follow the KL of the last batch, in nats per answer; it may be negative, being an estimate."""
        if self.kind == "adaptive":
            error = max(-LIMIT, min(LIMIT, kl / self.target - 1))
            self.value *= 1 + GAIN * error

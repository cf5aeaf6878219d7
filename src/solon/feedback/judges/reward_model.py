"""A reward model as judge: Bradley-Terry on its two rewards, whatever the principle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from solon.constitution import Principle
from solon.errors import PromptUnfit
from solon.feedback.judges.asking import sigmoid, unasked
from solon.types import Comparison, Fingerprint, Message, Verdict

Reward = Callable[[tuple[Message, ...], str], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class RewardModelJudge:
    """P(a better) = logistic(reward(a) - reward(b)). `reward` scores a reply to a conversation, higher is better."""

    reward: Reward
    fingerprint: Fingerprint

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        replies = (comparison.response_a, comparison.response_b)
        judge = self.fingerprint.key
        try:
            a, b = await asyncio.gather(*(self.reward(comparison.turns, reply) for reply in replies))
        except PromptUnfit as error:
            return [Verdict(principle.id, "", None, judge, unasked(error), ask="reward_model")]
        if not (math.isfinite(a) and math.isfinite(b)):
            return [Verdict(principle.id, "", None, judge, f"invalid: rewards {a}, {b}", ask="reward_model")]
        return [Verdict(principle.id, "", sigmoid(a - b), judge, ask="reward_model")]

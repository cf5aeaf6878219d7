"""A reward model as judge: Bradley-Terry on its two rewards, whatever the principle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from solon.constitution import Principle
from solon.errors import PromptUnfit
from solon.feedback.judges.asking import sigmoid, unasked
from solon.types import Comparison, Fingerprint, Message, Verdict


class Reward(Protocol):
    """The reward of a reply to a conversation; a reply that has not `ended` was cut off by its token limit."""

    def __call__(self, turns: tuple[Message, ...], reply: str, ended: bool, /) -> Awaitable[float]: ...


@dataclass(frozen=True, slots=True)
class RewardModelJudge:
    """P(a better) = logistic(reward(a) - reward(b)). `reward` scores a reply to a conversation, higher is better."""

    reward: Reward
    fingerprint: Fingerprint

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        c = comparison
        replies = ((c.response_a, c.ended_a is not False), (c.response_b, c.ended_b is not False))
        judge = self.fingerprint.key
        try:
            a, b = await asyncio.gather(*(self.reward(c.turns, reply, ended) for reply, ended in replies))
        except PromptUnfit as error:
            return [Verdict(principle.id, "", None, judge, unasked(error), ask="reward_model")]
        if not (math.isfinite(a) and math.isfinite(b)):
            return [Verdict(principle.id, "", None, judge, f"invalid: rewards {a}, {b}", ask="reward_model")]
        return [Verdict(principle.id, "", sigmoid(a - b), judge, ask="reward_model")]

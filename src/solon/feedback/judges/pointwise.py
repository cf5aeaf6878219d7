"""Yes or No about each reply alone: no order to be biased by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.prompts.compare import YES_NO, ask_yes_no
from solon.types import ChooseRequest, Comparison, Verdict


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@dataclass(frozen=True, slots=True)
class PointwiseJudge:
    """P(a better) is the logistic of the difference of the two replies' Yes-minus-No logits."""

    engine: Engine

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        judge = self.engine.fingerprint.key
        logits: list[float] = []
        for response in (comparison.response_a, comparison.response_b):
            question = ask_yes_no(principle, comparison.prompt, response)
            answer = await self.engine.choose(ChooseRequest((question,), YES_NO))
            if answer.unreadable is not None:
                return [Verdict(principle.id, "", None, judge, f"unreadable: {answer.unreadable}")]
            logits.append(answer.logprobs[0] - answer.logprobs[1])
        return [Verdict(principle.id, "", sigmoid(logits[0] - logits[1]), judge)]

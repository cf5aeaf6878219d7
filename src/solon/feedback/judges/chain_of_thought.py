"""Reason first, then A or B (CAI paper, section 4.1: "Let's think step by step").

Reasoned probabilities are close to 0 or 1; the paper clamps them to 0.40-0.60. That happens where verdicts become a
label (`Labeller.cells`), to each before orders and samples are averaged; the verdict itself keeps what the judge said.
"""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.feedback.judges.asking import choose, side_by_side, turned, unasked
from solon.feedback.orders import Orders, orders_of
from solon.prompts.compare import DECIDE, LETTERS, ask_reasoning, reasoned_demonstrations
from solon.prompts.reading import refuses
from solon.types import Comparison, GenerateRequest, Message, Verdict, assistant, user


@dataclass(frozen=True, slots=True)
class ChainOfThoughtJudge:
    """Writes `samples` reasonings per order, each followed by its own verdict, which are averaged.

    `demonstrations` are reasoned comparisons shown before the question, as the paper's prompt is few-shot.

    One sample is greedy; several are drawn at `temperature` (self-consistency, Wang et al. 2022). A reasoning
    of more than `max_tokens` is decided on as far as it goes.
    """

    engine: Engine
    orders: Orders = "both"
    marks: bool = True
    samples: int = 1
    max_tokens: int = 128
    temperature: float = 0.7
    seed: int = 0
    demonstrations: tuple[Message, ...] = ()

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        asked = [(order, n) for order in orders_of(comparison, self.orders) for n in range(self.samples)]
        return await side_by_side(self.engine, (self._one(comparison, principle, order, n) for order, n in asked))

    async def _one(self, comparison: Comparison, principle: Principle, order: str, sample: int) -> Verdict:
        def verdict(prob_a: float | None, failure: str | None, reasoning: str | None) -> Verdict:
            judge = self.engine.fingerprint.key
            return Verdict(principle.id, order, prob_a, judge, failure, reasoning, "chain_of_thought", sample)

        own = reasoned_demonstrations(principle.exemplars.comparison, principle, marks=self.marks)
        asked = (*self.demonstrations, *own, ask_reasoning(principle, comparison, order, marks=self.marks))
        heat = self.temperature if self.samples > 1 else 0.0
        request = GenerateRequest(asked, self.max_tokens, heat, 1.0, self.seed, sample)
        try:
            reasoning = (await self.engine.generate(request)).text
        except PromptUnfit as error:
            return verdict(None, unasked(error), None)
        if refuses(reasoning):
            return verdict(None, f"refused: {reasoning[:120]}", reasoning)
        answer = await choose(self.engine, (*asked, assistant(reasoning), user(DECIDE)), LETTERS)
        if isinstance(answer, str):
            return verdict(None, answer, reasoning)
        return verdict(turned(answer.probs[0], order), None, reasoning)

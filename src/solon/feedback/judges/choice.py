"""A or B, both orders (CAI paper, section 4.1; both orders after Lee et al. 2023, RLAIF)."""

from __future__ import annotations

from dataclasses import dataclass

from solon.constitution import Principle
from solon.engines import Engine
from solon.prompts.compare import LETTERS, ask_letter, letter_demonstrations
from solon.types import ChooseRequest, Comparison, Message, Verdict


@dataclass(frozen=True, slots=True)
class ChoiceJudge:
    """Shows both replies in both orders; the normalised probabilities of the letters are the soft label."""

    engine: Engine
    demonstrations: tuple[Message, ...] = ()

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        return [await self._one(comparison, principle, order) for order in ("ab", "ba")]

    async def _one(self, c: Comparison, principle: Principle, order: str) -> Verdict:
        first, second = (c.response_a, c.response_b) if order == "ab" else (c.response_b, c.response_a)
        question = ask_letter(principle, c.prompt, first, second)
        own = letter_demonstrations(principle.exemplars.comparison, principle)
        answer = await self.engine.choose(ChooseRequest((*self.demonstrations, *own, question), LETTERS))
        judge = self.engine.fingerprint.key
        if answer.unreadable is not None:
            return Verdict(principle.id, order, None, judge, f"unreadable: {answer.unreadable}")
        prob_first = answer.probs[0]
        return Verdict(principle.id, order, prob_first if order == "ab" else 1 - prob_first, judge)

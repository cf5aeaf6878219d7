"""Two answers to a bare prompt, so that there is a pair to label."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from solon.data.candidates import Candidates
from solon.data.formats import Row
from solon.data.rows import BadRow
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.pipeline.labels.source import compared
from solon.types import GenerateRequest


@dataclass(frozen=True, slots=True)
class Responder:
    """Samples at `temperature` > 0, `max_tokens` at most."""

    engine: Engine
    max_tokens: int = 256
    temperature: float = 1.0
    seed: int = 0

    async def pair(self, prompt: Candidates) -> Row | BadRow:
        """The pair of two answers; a BadRow where the prompt does not fit the model's context or an answer is none."""
        asked = [GenerateRequest(prompt.turns, self.max_tokens, self.temperature, 1.0, self.seed, n) for n in (0, 1)]
        try:
            answers = [await self.engine.generate(request) for request in asked]
        except PromptUnfit as error:
            return _aside(prompt, str(error))
        if failed := [answer.failure for answer in answers if answer.failure]:
            return _aside(prompt, f"{failed[0]}: the responder gave no reply, {len(failed)} of 2 times")
        a, b = answers
        return Row(
            compared(prompt, f"{prompt.id}:sampled", a.text, b.text, "sampled", (a.ended, b.ended)), extra=prompt.extra
        )

    def as_dict(self) -> dict[str, Any]:
        settings = {"max_tokens": self.max_tokens, "temperature": self.temperature, "seed": self.seed}
        return {**asdict(self.engine.fingerprint), **settings}


def _aside(prompt: Candidates, reason: str) -> BadRow:
    return BadRow(prompt.file, prompt.line, f"prompt '{prompt.id[:80]}': {reason}")

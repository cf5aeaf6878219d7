"""Draft → critique → revise for a whole conversation, and which text goes out.

The draft sees the conversation as given. Critique and revision see all of it quoted, system messages too: their facts
are there when the answer is rewritten, and as quoted text none of them can switch the constitution off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from solon.constitution import Constitution
from solon.engines import Engine
from solon.engines.base import Origin
from solon.flow import gather_window
from solon.revision.chain import ChainSettings, revise
from solon.types import (
    Choice,
    ChooseRequest,
    Completion,
    Fingerprint,
    GenerateRequest,
    Message,
    Prompt,
    Revision,
    digest,
)

FinishReason = Literal["stop", "length", "content_filter"]
Outcome = Literal["revised", "failed"]
REFUSAL = "I can't give an answer to that."
AGAIN_AT = 0.7  # the least temperature of a second attempt


@dataclass(frozen=True, slots=True)
class Ask:
    """What to answer and how. `chain` limits the draft, too (`revision_tokens`); `n` >= 1 choices.

    `messages` ends with the user's turn (system messages may follow). The text is cut at the first of `stop`.
    """

    messages: tuple[Message, ...]
    chain: ChainSettings
    top_p: float = 1.0
    n: int = 1
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """One choice: the text, why it ends, how it came about and the tokens of all calls it took.

    `outcome` is "failed" where nothing could be revised, and `text` then a refusal: the draft is never sent.
    """

    text: str
    finish_reason: FinishReason
    outcome: Outcome
    draft: Completion
    steps: tuple[Revision, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def draft_failure(self) -> str | None:
        """ "empty", "truncated", "withheld" or None, in the words of `Revision.failure`."""
        return self.draft.failure or ("truncated" if self.draft.truncated else None)


class ChoiceEngine:
    """`engine` for one choice: adds its `top_p` and sample number to every call and sums the tokens."""

    def __init__(self, engine: Engine, top_p: float, index: int) -> None:
        self._engine, self._top_p, self._index = engine, top_p, index
        self.prompt_tokens = self.completion_tokens = 0

    @property
    def fingerprint(self) -> Fingerprint:
        return self._engine.fingerprint

    @property
    def origin(self) -> Origin:
        return self._engine.origin

    async def generate(self, request: GenerateRequest) -> Completion:
        answer = await self._engine.generate(replace(request, top_p=self._top_p, index=self._index))
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        return answer

    async def choose(self, request: ChooseRequest) -> Choice:
        answer = await self._engine.choose(request)
        self.prompt_tokens += answer.prompt_tokens
        return answer

    async def close(self) -> None:
        """The wrapped engine stays open: it belongs to the server."""


def as_prompt(messages: Sequence[Message]) -> Prompt:
    """The conversation as the chain's prompt: the last user message after the other turns, in their order.

    The id is the digest of all messages: the same conversation draws the same principles.
    """
    last = max(n for n, message in enumerate(messages) if message.role == "user")
    context = (*messages[:last], *messages[last + 1 :])
    return Prompt(digest([m.as_dict() for m in messages]), messages[last].content, context=context)


async def answer(engine: Engine, constitution: Constitution, ask: Ask) -> list[Answered]:
    """`ask.n` choices, in order, made at the same time. The engine's errors pass through."""
    prompt = as_prompt(ask.messages)

    async def one(index: int) -> Answered:
        return await _choice(ChoiceEngine(engine, ask.top_p, index), constitution, prompt, ask)

    return await gather_window(range(ask.n), one, window=ask.n)


async def _choice(engine: ChoiceEngine, constitution: Constitution, prompt: Prompt, ask: Ask) -> Answered:
    """One choice: made again once, from other noise, where no revision came of the first draft."""
    made = await _revised(engine, constitution, prompt, ask, ask.chain)
    if made.outcome == "failed":
        # Greedy text would be the same again.
        warmer = replace(ask.chain, temperature=max(ask.chain.temperature, AGAIN_AT), seed=ask.chain.seed + 1)
        made = await _revised(engine, constitution, prompt, ask, warmer)
    text = _cut(made.text, ask.stop)
    return replace(
        made,
        text=text,
        finish_reason="stop" if text != made.text else made.finish_reason,
        prompt_tokens=engine.prompt_tokens,
        completion_tokens=engine.completion_tokens,
    )


async def _revised(
    engine: ChoiceEngine, constitution: Constitution, prompt: Prompt, ask: Ask, chain: ChainSettings
) -> Answered:
    """The last good revision. One that the token limit cut off is sent as far as it goes: whoever sets a limit wants
    that. The draft never is: where there is no revision at all, a refusal stands in its place."""
    draft = await engine.generate(
        GenerateRequest(ask.messages, max_tokens=chain.revision_tokens, temperature=chain.temperature, seed=chain.seed)
    )
    steps = () if draft.failure else tuple(await revise(engine, constitution, prompt, draft.text, chain))
    if good := [step.revision for step in steps if step.failure is None]:
        return Answered(good[-1], "stop", "revised", draft, steps)
    if steps and steps[-1].failure == "truncated" and steps[-1].revision:
        return Answered(steps[-1].revision, "length", "revised", draft, steps)
    return Answered(REFUSAL, "content_filter", "failed", draft, steps)


def _cut(text: str, stops: Sequence[str]) -> str:
    """`text` before whichever stop comes first."""
    return text[: min((at for at in map(text.find, stops) if at >= 0), default=len(text))]

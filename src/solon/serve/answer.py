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

FinishReason = Literal["stop", "length"]


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
    """One choice: the text, why it ends, how it came about and the tokens of all calls it took."""

    text: str
    finish_reason: FinishReason
    draft: Completion
    steps: tuple[Revision, ...]
    prompt_tokens: int
    completion_tokens: int

    @property
    def revised(self) -> bool:
        """Whether any revision was good, and `text` is therefore not the draft."""
        return any(step.failure is None for step in self.steps)

    @property
    def draft_failure(self) -> str | None:
        """ "empty", "truncated" or None, in the words of `Revision.failure`."""
        return "empty" if not self.draft.text.strip() else "truncated" if self.draft.truncated else None


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
    chain = ask.chain
    draft = await engine.generate(
        GenerateRequest(ask.messages, max_tokens=chain.revision_tokens, temperature=chain.temperature, seed=chain.seed)
    )
    steps = await revise(engine, constitution, prompt, draft.text, chain)
    text, reason = _settled(draft, steps)
    cut = _cut(text, ask.stop)
    return Answered(
        cut,
        "stop" if cut != text else reason,
        draft,
        tuple(steps),
        engine.prompt_tokens,
        engine.completion_tokens,
    )


def _settled(draft: Completion, steps: Sequence[Revision]) -> tuple[str, FinishReason]:
    """The last good revision; the draft if there is none, and then "length" if a limit is to blame."""
    good = [step.revision for step in steps if step.failure is None]
    if good:
        return good[-1], "stop"
    limited = draft.truncated or any(step.failure == "truncated" for step in steps)
    return draft.text, "length" if limited else "stop"


def _cut(text: str, stops: Sequence[str]) -> str:
    """`text` before whichever stop comes first."""
    return text[: min((at for at in map(text.find, stops) if at >= 0), default=len(text))]

"""What every judge that asks an engine shares: one question, answered or failed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from solon.engines import Engine
from solon.errors import PromptTooLong, PromptUnfit
from solon.prompts.reading import failure_of
from solon.types import Choice, ChooseRequest, Message

T = TypeVar("T")


async def choose(engine: Engine, messages: tuple[Message, ...], choices: tuple[str, ...]) -> Choice | str:
    """The probabilities of `choices`, or why there are none: a failure as in Verdict."""
    try:
        answer = await engine.choose(ChooseRequest(messages, choices))
    except PromptUnfit as error:
        return unasked(error)
    if answer.unreadable is not None:
        return failure_of(answer.unreadable)
    if len(answer.logprobs) != len(choices) or not all(math.isfinite(x) and x <= 1e-3 for x in answer.logprobs):
        return f"invalid: log-probabilities {list(answer.logprobs)}"
    return answer


async def side_by_side(engine: Engine, asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What the calls of `engine` come to, in their order. They travel in one batch, where there is one to wait for."""
    if getattr(engine, "at_once", False):
        return [await one for one in asked]
    return list(await asyncio.gather(*asked))


def unasked(error: PromptUnfit) -> str:
    """That the judge cannot be asked this, as a failure of Verdict."""
    return f"{'too long' if isinstance(error, PromptTooLong) else 'template'}: {error}"


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def turned(prob_first: float, order: str) -> float:
    """P(response_a better) from P(the first shown better)."""
    return prob_first if order == "ab" else 1 - prob_first

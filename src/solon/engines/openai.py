"""Any OpenAI-compatible server (OpenAI, vLLM, llama.cpp, Ollama, …) through the official client.

Retries, back-off and Retry-After are the client's own. `choose` reads the probabilities of single-token
choices from `top_logprobs`; a server without log-probabilities is asked for the choice in words, and its
answer counts as certain (0 or 1): the verdict is then hard.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import Any, TypeVar

import openai
from openai.types.chat import ChatCompletion

from solon.engines.base import Origin
from solon.engines.fingerprints import server_fingerprint
from solon.errors import ConfigError, EngineError, PromptTooLong, UpstreamDown
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest

TOP_LOGPROBS = 20
ABSENT = 1e-6  # probability given to a choice that is not among the top tokens

T = TypeVar("T")


class OpenAIEngine:
    """Asks `model` at `base_url`. At most `concurrency` calls are under way at once.

    Raises UpstreamDown when the server stays unreachable or answers 5xx/429 after `retries`, ConfigError
    for a wrong key or model, PromptTooLong when it says the context is exceeded.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        retries: int = 5,
        timeout: float = 600.0,
        weights: str = "",
    ) -> None:
        self.model, self.base_url = model, base_url
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            # Loopback servers want no key, but the client insists on one.
            api_key=api_key or "none",
            max_retries=retries,
            timeout=timeout,
        )
        self._slots = asyncio.Semaphore(concurrency)
        self._weights = weights
        self._has_logprobs = True  # until the server refuses to give them

    @property
    def fingerprint(self) -> Fingerprint:
        return server_fingerprint(self.model, self._weights)

    @property
    def origin(self) -> Origin:
        return "live"

    async def generate(self, request: GenerateRequest) -> Completion:
        answer = await self._create(
            messages=[m.as_dict() for m in request.messages],
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.noise_seed() % 2**31,
        )
        first = answer.choices[0]
        usage = answer.usage
        return Completion(
            (first.message.content or first.message.refusal or "").strip(),
            str(first.finish_reason),
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
        )

    async def choose(self, request: ChooseRequest) -> Choice:
        asked = {"messages": [m.as_dict() for m in request.messages], "max_tokens": 8, "temperature": 0.0}
        if self._has_logprobs:
            try:
                answer = await self._create(**asked, logprobs=True, top_logprobs=TOP_LOGPROBS)
            except EngineError as error:
                if "logprob" not in str(error):
                    raise
                self._has_logprobs = False
        if not self._has_logprobs:
            answer = await self._create(**asked)
        first = answer.choices[0]
        tokens = answer.usage.prompt_tokens if answer.usage else 0
        said = (first.message.content or first.message.refusal or "").strip()
        listed = first.logprobs.content if first.logprobs else None
        logprobs = (
            _from_tokens(listed[0].top_logprobs, request.choices) if listed else _from_words(said, request.choices)
        )
        return Choice(logprobs, tokens) if logprobs else Choice((), tokens, said[:200] or "an empty answer")

    async def _create(self, **arguments: Any) -> ChatCompletion:
        async with self._slots:
            call = self._client.chat.completions.create(model=self.model, **arguments)
            answer: ChatCompletion = await self._translated(call)
        if not answer.choices:
            raise EngineError(f"{self.base_url}: the answer has no choices")
        return answer

    async def _translated(self, call: Awaitable[T]) -> T:
        """Await `call`; the client's errors become ours, in one line, with no key in it."""
        try:
            return await call
        except openai.APIConnectionError:  # time-outs are a kind of it
            raise UpstreamDown(
                f"{self.base_url} cannot be reached; start the server, then run the same command again to resume"
            ) from None
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            raise ConfigError(
                f"{self.base_url} refused the key; set OPENAI_API_KEY or the variable named api_key_env"
            ) from None
        except openai.NotFoundError:
            raise ConfigError(f"{self.base_url} has no model '{self.model}'; see {self.base_url}/models") from None
        except openai.BadRequestError as error:
            if "context" in str(error).lower():
                raise PromptTooLong(f"{self.base_url}: the prompt does not fit the context of {self.model}") from None
            raise EngineError(f"{self.base_url}: bad request: {str(error).splitlines()[0][:200]}") from None
        except (openai.RateLimitError, openai.InternalServerError) as error:
            raise UpstreamDown(
                f"{self.base_url} keeps answering {error.status_code}; run again later to resume"
            ) from None
        except openai.OpenAIError as error:
            raise EngineError(f"{self.base_url}: {str(error).splitlines()[0][:200]}") from None

    async def close(self) -> None:
        await self._client.close()


def _from_tokens(top: Any, choices: tuple[str, ...]) -> tuple[float, ...]:
    """Total probability of the first tokens that read as each choice; () when none of them is there."""
    totals = [0.0] * len(choices)
    for token in top:
        for index, choice in enumerate(choices):
            if token.token.strip().strip("()").lower() == choice.strip().lower() and math.isfinite(token.logprob):
                totals[index] += math.exp(token.logprob)
    if sum(totals) <= 0:
        return ()
    return tuple(math.log(max(total, ABSENT)) for total in totals)


def _from_words(said: str, choices: tuple[str, ...]) -> tuple[float, ...]:
    """The documented fallback: certain about the one choice the answer starts with, else ()."""
    words = said.lower().strip(" ()*\"'").split()
    first = words[0].strip(".,:;()*\"'") if words else ""
    hits = [choice.strip().lower() == first for choice in choices]
    if sum(hits) != 1:
        return ()
    return tuple(math.log(1 - ABSENT) if hit else math.log(ABSENT) for hit in hits)

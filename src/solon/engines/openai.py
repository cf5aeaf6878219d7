"""Any OpenAI-compatible server (OpenAI, vLLM, llama.cpp, Ollama, …) through the official client.

Retries, back-off and Retry-After are the client's own. `choose` reads the probabilities of the choices from
`top_logprobs`; a server without log-probabilities is asked for the choice in words, and its answer counts as
certain: the verdict is then hard, and `remarks` says so. No server knows sentences (`stop` takes strings, which end
abbreviations too), so `stop_after` cuts what the server has written in full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openai

from solon.engines.answers import FILTERED, Said, read_answer
from solon.engines.base import Origin
from solon.engines.chosen import read_chosen
from solon.engines.dialect import Dialect
from solon.engines.fingerprints import server_fingerprint
from solon.engines.upstream import complaint, explained, filtered, too_long
from solon.errors import EngineError
from solon.sentences import stopped_after
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest


class OpenAIEngine:
    """Asks `model` at `base_url`. At most `concurrency` calls are under way at once.

    Raises UpstreamDown when the server stays unreachable or answers 5xx/429 after `retries`, ConfigError
    for a wrong key or model, PromptTooLong when it says the context is exceeded, and EngineError when it answers
    with no answer or changes its model.
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
        # Loopback servers want no key, but the client insists on one.
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=retries,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(limits=_limits(concurrency)),
        )
        self._slots = asyncio.Semaphore(concurrency)
        self._fingerprint = server_fingerprint(model, weights)
        self._dialect = Dialect()
        self._said_model = ""
        self._in_words = False

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    @property
    def origin(self) -> Origin:
        return "live"

    @property
    def gives_probabilities(self) -> bool:
        """Whether verdicts are soft, as far as the server has shown: False once it gave no log-probabilities."""
        return not self._in_words

    @property
    def served_as(self) -> str | None:
        """What the server calls the model, where it is not the name that was asked for."""
        return self._said_model if self._said_model not in ("", self.model) else None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of this engine's verdicts should know, a line each."""
        lines = []
        if self.served_as:
            lines.append(f"asked for {self.model}, the server says it is {self.served_as}")
        if self._in_words:
            lines.append("hard verdicts: the server gives no log-probabilities")
        if self._dialect.refused:
            lines.append(f"the server chooses its own {', '.join(sorted(self._dialect.refused))}")
        return tuple(lines)

    async def generate(self, request: GenerateRequest) -> Completion:
        said, _ = await self._ask(lambda dialect: dialect.to_generate(request))
        tokens = (said.prompt_tokens, said.completion_tokens)
        answer = Completion(said.text, said.finish, *tokens, reasoning=said.reasoning or None)
        return stopped_after(answer, request.stop_after)

    async def choose(self, request: ChooseRequest) -> Choice:
        said, dialect = await self._ask(lambda dialect: dialect.to_choose(request))
        if said.still_thinking and not dialect.thinks:
            self._dialect = replace(self._dialect, thinks=True)
            said, _ = await self._ask(lambda dialect: dialect.to_choose(request))
        choice = read_chosen(said, request.choices)
        self._in_words |= not said.positions and choice.unreadable is None
        return choice

    async def _ask(self, arguments: Callable[[Dialect], dict[str, Any]]) -> tuple[Said, Dialect]:
        """The answer and the dialect that it was asked in; asks as often as it takes to learn that."""
        while True:
            try:
                async with self._slots:
                    dialect = self._dialect  # not before: a call that waited knows what the others learnt
                    body = await self._post(arguments(dialect))
            except openai.APIStatusError as error:
                if filtered(error):
                    return Said("", FILTERED, refused=True), dialect
                # Calls side by side learn the same thing: the first has changed the dialect for all.
                learnt = self._dialect if self._dialect is not dialect else dialect.after(complaint(error))
                if learnt is None or too_long(error):
                    raise explained(error, self.base_url, self.model) from None
                self._dialect = learnt
            except openai.OpenAIError as error:
                raise explained(error, self.base_url, self.model) from None
            else:
                await asyncio.sleep(0)  # the call that waits for this slot leaves first; this answer can be read later
                return self._of_one_model(read_answer(body, self.base_url)), dialect

    async def _post(self, arguments: dict[str, Any]) -> str:
        # The body as it is: building the client's own objects takes a third of its time, and fails on odd fields.
        return await self._client.post("/chat/completions", cast_to=str, body={"model": self.model, **arguments})

    def _of_one_model(self, said: Said) -> Said:
        """`said`, if the server still says that it is the model it was. Raises EngineError."""
        if said.model and self._said_model and said.model != self._said_model:
            raise EngineError(
                f"{self.base_url} answered as '{self._said_model}' and now as '{said.model}': answers of two models "
                "must not mix; pin one model on the server, then run again"
            )
        self._said_model = self._said_model or said.model
        return said

    async def close(self) -> None:
        await self._client.close()


def _limits(concurrency: int) -> Any:
    """A connection for every call under way, kept for the next. The class is that of whichever httpx openai uses."""
    return type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=None, max_keepalive_connections=concurrency)

"""Any OpenAI-compatible server (OpenAI, vLLM, llama.cpp, Ollama, …) through the official client.

Retries, back-off and Retry-After are the client's own; a body that is no answer is asked for again like a 502.
`choose` reads the probabilities of the choices from
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

from solon.engines.address import address_of, valid_key, without_userinfo
from solon.engines.answers import FILTERED, NoAnswer, Said, read_answer
from solon.engines.base import Origin
from solon.engines.chosen import read_chosen
from solon.engines.dialect import Dialect
from solon.engines.fingerprints import server_fingerprint
from solon.engines.upstream import complaint, explained, filtered, too_long
from solon.engines.wire import MOST_BYTES, BodyTooLong, client_of
from solon.errors import EngineError, UpstreamDown
from solon.sentences import stopped_after
from solon.settings.servers import TimeLimits
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds before a body that is no answer is asked for again: the client's own


class OpenAIEngine:
    """Asks `model` at `base_url`. At most `concurrency` calls are under way at once.

    Raises UpstreamDown when the server stays unreachable, answers 5xx/429 or with no answer after `retries`, wants to
    be paid (402), or takes longer than `limits`; ConfigError for a wrong address, key or model; PromptTooLong when it
    says the context is exceeded; and EngineError when it changes its model, unless that is no matter (`one_model`).
    """

    paid = True  # a call that has begun may cost money: its answer is stored, whoever gives up meanwhile

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        retries: int = 5,
        limits: TimeLimits = TimeLimits(),  # noqa: B008  # frozen
        weights: str = "",
        one_model: bool = True,
    ) -> None:
        self.model, self.base_url = model, without_userinfo(base_url)
        self._client = client_of(address_of(base_url), valid_key(api_key), concurrency, retries, limits)
        self._retries, self._limits, self._one_model = retries, limits, one_model
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
    def said_model(self) -> str:
        """What the server called the model in its first answer; "" where it does not say, or where it is no matter."""
        return self._said_model if self._one_model else ""

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
                    said = await self._answer(arguments(dialect))
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
                return self._of_one_model(said), dialect

    async def _answer(self, arguments: dict[str, Any]) -> Said:
        """The server's answer, within the time limit. A body that is none is asked for again, like a 502."""
        try:
            async with asyncio.timeout(self._limits.total):
                for attempt in range(self._retries + 1):
                    if attempt:
                        await asyncio.sleep(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))
                    try:
                        return read_answer(await self._post(arguments), self.base_url)
                    except NoAnswer as error:
                        why = str(error)
                    except BodyTooLong:
                        why = f"{self.base_url}: the answer has more than {MOST_BYTES >> 20} MiB"
        except TimeoutError:
            raise UpstreamDown(
                f"{self.base_url} gave no answer within {self._limits.total:g} s (time_limits); look at the server, "
                "then run the same command again to resume"
            ) from None
        raise UpstreamDown(f"{why}; asked {self._retries + 1} times; run the same command again to resume")

    async def _post(self, arguments: dict[str, Any]) -> str:
        # The body as it is: building the client's own objects takes a third of its time, and fails on odd fields.
        return await self._client.post("/chat/completions", cast_to=str, body={"model": self.model, **arguments})

    def _of_one_model(self, said: Said) -> Said:
        """`said`, if the server still says that it is the model it was. Raises EngineError."""
        if self._one_model and said.model and self._said_model and said.model != self._said_model:
            raise EngineError(
                f"{self.base_url} answered as '{self._said_model}' and now as '{said.model}': answers of two models "
                "must not mix; pin one model on the server and run again, or start afresh in another folder"
            )
        self._said_model = self._said_model or said.model
        return said

    async def close(self) -> None:
        await self._client.close()

"""Local weights behind the engine protocol: hub id, folder or GGUF file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import partial

from solon.engines.base import Origin
from solon.engines.fingerprints import local_fingerprint
from solon.engines.local.decode import Job, LocalDecoder, Scored, Written, pass_cost
from solon.engines.local.model import LocalModel
from solon.engines.local.sharing import pack
from solon.engines.local.waiting import Asked, KinBatcher
from solon.engines.local.work import Work
from solon.sentences import stopped_after
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest

LONG = 20_000  # characters whose tokens take long to find


class TransformersEngine:
    """Asks a `LocalModel` with one of its adapters (None: the base).

    `adapter_hash` names the adapter's weights in the fingerprint. Engines of one model share its thread. A batch has
    at most `max_batch` requests and holds at most `token_budget` tokens in the model's cache, though one request
    always runs; with a `max_batch` of 1 nothing is shared between requests.
    """

    def __init__(
        self,
        local: LocalModel,
        adapter: str | None = None,
        adapter_hash: str = "",
        max_batch: int = 64,
        token_budget: int = 32_768,
    ) -> None:
        self.local = local
        self._decoder = LocalDecoder(local, adapter)
        source = local.source
        self._fingerprint = local_fingerprint(source.name, source.identity, local.precision, adapter, adapter_hash)
        limits = (max_batch, token_budget, pass_cost(local.device), local.thread)
        self._write: KinBatcher[Job, Written] = KinBatcher(self._decoder.write, *limits)
        self._score: KinBatcher[Scored, list[float]] = KinBatcher(self._decoder.score, *limits)

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    @property
    def origin(self) -> Origin:
        return "live"

    @property
    def work(self) -> Work:
        """The tokens computed so far, how many of them were padding, and how many sharing has saved."""
        return self._decoder.work

    async def generate(self, request: GenerateRequest) -> Completion:
        ids = await self._encoded(request)
        heat, seed, sentences = request.temperature, request.noise_seed(), request.stop_after
        job = Job(ids, request.max_tokens, heat, request.top_p, seed, sentences)
        written = await self._write.submit(Asked(job, pack(ids), len(ids) + request.max_tokens))
        text, thoughts = self.local.decode_answer(written.ids)
        finish = "stop" if written.stopped else "length"
        answer = Completion(text, finish, len(ids), len(written.ids), reasoning=thoughts or None)
        return stopped_after(answer, sentences)

    async def _encoded(self, request: GenerateRequest) -> list[int]:
        """The prompt's tokens; a long text takes its time, in which others must be heard."""
        if sum(len(message.content) for message in request.messages) < LONG:
            return self.local.encode_chat(request.messages, request.max_tokens)
        loop = asyncio.get_running_loop()
        work = partial(self.local.encode_chat, request.messages, request.max_tokens)
        return await loop.run_in_executor(self.local.thread, work)

    async def choose(self, request: ChooseRequest) -> Choice:
        """Each choice's total log-probability as the next words, whatever the model would say after them.

        So where one choice begins another ("1" and "10"), the first one's probability includes the second's.
        """
        ids, choices = self.local.encode_choices(request.messages, request.choices)
        if not all(choices):
            return Choice((), unreadable="a choice has no tokens")
        logprobs: Sequence[float] = await self._score.submit(_asked(Scored(ids, choices)))
        if not all(math.isfinite(x) for x in logprobs):
            return Choice((), len(ids), f"the model gave {list(logprobs)}")
        return Choice(tuple(logprobs), len(ids))

    async def close(self) -> None:
        return None


def _asked(item: Scored) -> Asked[Scored]:
    """A choice of several tokens is read in a row of its own."""
    rows = sum(len(choice) > 1 for choice in item.choices)
    return Asked(item, pack(item.ids), max(1, rows) * (len(item.ids) + max(map(len, item.choices))))

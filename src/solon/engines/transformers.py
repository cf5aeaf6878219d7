"""Local weights behind the engine protocol: hub id, folder or GGUF file."""

from __future__ import annotations

import math
from collections.abc import Sequence

from solon.engines.base import Origin
from solon.engines.batching import Batcher
from solon.engines.fingerprints import local_fingerprint
from solon.engines.local.decode import Job, LocalDecoder, Written
from solon.engines.local.model import LocalModel
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest


class TransformersEngine:
    """Asks a `LocalModel` with one of its adapters (None: the base).

    `adapter_hash` names the adapter's weights in the fingerprint. Engines of one model share its thread.
    """

    def __init__(
        self, local: LocalModel, adapter: str | None = None, adapter_hash: str = "", max_batch: int = 64
    ) -> None:
        self.local = local
        self._decoder = LocalDecoder(local, adapter)
        source = local.source
        self._fingerprint = local_fingerprint(source.name, source.weights, local.precision, adapter, adapter_hash)
        self._write: Batcher[Job, Written] = Batcher(
            self._decoder.write, lambda job: len(job.ids) + job.max_tokens, max_batch, local.thread
        )
        self._score: Batcher[tuple[list[int], list[list[int]]], list[float]] = Batcher(
            self._decoder.score, lambda item: len(item[0]) + max(map(len, item[1])), max_batch, local.thread
        )

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    @property
    def origin(self) -> Origin:
        return "live"

    async def generate(self, request: GenerateRequest) -> Completion:
        ids = self.local.encode_chat(request.messages, request.max_tokens)
        job = Job(ids, request.max_tokens, request.temperature, request.top_p, request.noise_seed())
        written = await self._write.submit(job)
        return Completion(
            self.local.decode_text(written.ids),
            "stop" if written.stopped else "length",
            len(ids),
            len(written.ids),
        )

    async def choose(self, request: ChooseRequest) -> Choice:
        choices = [self.local.encode_text(choice) for choice in request.choices]
        if not all(choices):
            return Choice((), unreadable="a choice has no tokens")
        ids = self.local.encode_chat(request.messages, max(map(len, choices)))
        logprobs: Sequence[float] = await self._score.submit((ids, choices))
        if not all(math.isfinite(x) for x in logprobs):
            return Choice((), len(ids), f"the model gave {list(logprobs)}")
        return Choice(tuple(logprobs), len(ids))

    async def close(self) -> None:
        return None

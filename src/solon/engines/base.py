"""The one engine protocol. Everything that writes text is a `generate`, every label is a `choose`."""

from __future__ import annotations

from typing import Literal, Protocol

from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest

Origin = Literal["live", "recorded"]


class Engine(Protocol):
    """Asks one model. Both verbs may be awaited many times at once; the engine batches what waits.

    They raise PromptTooLong when prompt and answer do not fit the context, UpstreamDown when a
    server stays unreachable, RecordingMiss when a recording has no answer.
    """

    @property
    def fingerprint(self) -> Fingerprint: ...

    @property
    def origin(self) -> Origin:
        """Whether answers are made now or were recorded earlier."""
        ...

    async def generate(self, request: GenerateRequest) -> Completion:
        """The answer, as far as `stop_after` says (see `solon.sentences.stopped_after`).

        Its token counts are those that were read and written for it.
        """
        ...

    async def choose(self, request: ChooseRequest) -> Choice: ...

    async def close(self) -> None: ...

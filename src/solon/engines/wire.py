"""The client of a server: time limits, and bodies that neither grow nor drip for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx2
import openai

from solon.settings.servers import TimeLimits

MOST_BYTES = 16 * 2**20  # of a body: a hundred times what the longest answer with its log-probabilities takes


class BodyTooLong(Exception):
    """A server sent more than MOST_BYTES."""


def client_of(url: str, key: str, concurrency: int, retries: int, limits: TimeLimits) -> openai.AsyncOpenAI:
    """The official client, with time limits and bodies of bounded size."""
    waits = httpx2.Timeout(limits.first_byte, connect=limits.connect)
    # A connection for every call under way, kept for the next.
    pool = httpx2.Limits(max_connections=None, max_keepalive_connections=concurrency)

    async def bounded(response: Any) -> None:
        response.stream = _Bounded(response.stream, limits.silence)

    http = openai.DefaultAsyncHttpxClient(limits=pool, timeout=waits, event_hooks={"response": [bounded]})
    return openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=retries, timeout=waits, http_client=http)


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error where it grows beyond MOST_BYTES or falls silent."""

    def __init__(self, stream: Any, silence: float) -> None:
        self._stream, self._silence = stream, silence

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, parts = 0, self._stream.__aiter__()
        while True:
            try:
                part = await asyncio.wait_for(anext(parts), self._silence)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx2.ReadTimeout(f"silent for {self._silence:g} s") from None
            size += len(part)
            if size > MOST_BYTES:
                raise BodyTooLong
            yield part

    async def aclose(self) -> None:
        with suppress(RuntimeError):  # one that was cancelled in the middle is closed already
            await self._stream.aclose()

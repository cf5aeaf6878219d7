"""Batches whatever waits: requests queue up while a batch runs and leave together, sorted by length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiting(Generic[T, R]):
    item: T
    size: int
    future: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Runs `run(items)` in one background thread on up to `max_batch` items at a time.

    `size(item)` (tokens) sorts the queue, so a batch holds items of like length and little padding.
    The thread is the only one that touches the model. An error of `run` reaches every item of its batch.
    """

    def __init__(
        self,
        run: Callable[[Sequence[T]], list[R]],
        size: Callable[[T], int],
        max_batch: int,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._run, self._size, self._max_batch, self._thread = run, size, max_batch, thread
        self._waiting: list[_Waiting[T, R]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """The result for `item`, in whichever batch it travels."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, self._size(item), future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            # Two turns of the loop let every coroutine that is ready reach its own submit.
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            batch = self._take()
            loop = asyncio.get_running_loop()
            try:
                results = await loop.run_in_executor(self._thread, self._run, [w.item for w in batch])
            except Exception as error:
                for waiting in batch:
                    if not waiting.future.done():
                        waiting.future.set_exception(error)
                continue
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)

    def _take(self) -> list[_Waiting[T, R]]:
        """The longest waiting items: the costliest batch first keeps the last one short."""
        self._waiting.sort(key=lambda w: w.size)
        batch, self._waiting = self._waiting[-self._max_batch :], self._waiting[: -self._max_batch]
        return batch

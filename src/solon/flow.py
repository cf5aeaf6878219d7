"""Records as coroutines: many in flight, a bounded number at a time, results in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WINDOW = 256


async def gather_window(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    window: int = WINDOW,
    done: Callable[[T, R], None] | None = None,
) -> list[R]:
    """`work` on every item, at most `window` at once; results in the order of `items`.

    `done` is called as each finishes. The first error cancels the rest and is raised.
    """
    source = iter(enumerate(items))
    results: dict[int, R] = {}

    async def worker() -> None:
        # The iterator is shared: a worker takes the next item when it is free, so memory holds
        # `window` items however long the source is.
        for index, item in source:
            results[index] = await work(item)
            if done:
                done(item, results[index])

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(window):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[index] for index in sorted(results)]

"""Records as coroutines: many in flight, a bounded number at a time, results in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Tick = Callable[[str, int, int], None]  # a stage, how many of its items are done, how many there are

WINDOW = 256
AHEAD = 16  # windows of results that may wait for an earlier one
BREATH = 16  # items between two pauses


async def hand_over(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    take: Callable[[T, R], None],
    *,
    window: int = WINDOW,
    done: Callable[[T, R], None] | None = None,
) -> None:
    """`work` on every item, at most `window` at once; `take` gets each item and its result in the order of `items`.

    At most AHEAD windows of items are in memory: those in work and those whose results wait for an earlier one.
    `done` is called as each finishes. The first error cancels the rest and is raised; `take` then had all the
    results before some place, and none after it.
    """
    source = iter(enumerate(items))
    room = asyncio.Semaphore(window * AHEAD)
    waiting: dict[int, tuple[T, R]] = {}
    taken = 0

    async def worker() -> None:
        nonlocal taken
        # The iterator is shared: a worker takes the next item when it is free. Whoever has an item has room,
        # the earliest one too, so workers never wait for each other in a circle.
        while True:
            await room.acquire()
            numbered = next(source, None)
            if numbered is None:
                room.release()
                return
            index, item = numbered
            waiting[index] = item, await work(item)
            if done:
                done(*waiting[index])
            while taken in waiting:
                take(*waiting.pop(taken))
                taken += 1
                room.release()
            if index % BREATH == 0:
                await asyncio.sleep(0)  # work that never waits would keep the loop from hearing ctrl-c

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(window):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def gather_window(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    window: int = WINDOW,
    done: Callable[[T, R], None] | None = None,
) -> list[R]:
    """`work` on every item as `hand_over` does it; returns the results in the order of `items`."""
    results: list[R] = []
    await hand_over(items, work, lambda _, result: results.append(result), window=window, done=done)
    return results


def counted(tick: Tick | None, stage: str, total: int) -> Callable[..., None] | None:
    """A `done` that tells `tick` how many of a stage's items are; None where nobody is to be told."""
    if tick is None:
        return None
    numbers = count(1)
    return lambda *_: tick(stage, next(numbers), total)

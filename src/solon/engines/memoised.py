"""An engine behind the memo: a stored call is never made again, equal calls in flight are made once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from solon.engines.base import Engine, Origin
from solon.engines.usage import Usage
from solon.errors import EngineError, StorageError
from solon.memo import Memo, call_key
from solon.types import Answer, Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest

R = TypeVar("R", GenerateRequest, ChooseRequest)

GRACE = 60.0  # seconds that calls under way may take when nobody waits for them any more


class MemoisedEngine:
    """Wraps `engine` for one `role`; answers come from `memo` where it has them.

    An engine whose attribute `stored` is False is only counted; the calls of one that is `paid` are never thrown away
    once they have begun. `at_once` is the engine's own: its answers need no
    waiting, so nothing is gained by asking side by side.
    """

    def __init__(self, engine: Engine, memo: Memo, role: str, usage: Usage | None = None) -> None:
        self.inner, self.memo, self.role = engine, memo, role
        self.usage = usage or Usage()
        self.usage.of(role).model = engine.fingerprint.model
        self.at_once: bool = getattr(engine, "at_once", False)
        self._stored: bool = getattr(engine, "stored", True)
        self._paid: bool = getattr(engine, "paid", False)
        self._in_flight: dict[str, asyncio.Future[Answer]] = {}
        self._asking: set[asyncio.Task[Answer]] = set()
        self._served = ""

    @property
    def fingerprint(self) -> Fingerprint:
        return self.inner.fingerprint

    @property
    def origin(self) -> Origin:
        return self.inner.origin

    async def generate(self, request: GenerateRequest) -> Completion:
        answer = await self._once(request, self.inner.generate)
        assert isinstance(answer, Completion)
        return answer

    async def choose(self, request: ChooseRequest) -> Choice:
        answer = await self._once(request, self.inner.choose)
        assert isinstance(answer, Choice)
        return answer

    async def _once(self, request: R, ask: Callable[[R], Awaitable[Answer]]) -> Answer:
        if not self._stored:
            return await self._live(request, ask)
        key = call_key(self.fingerprint, request)
        waiting = self._in_flight.get(key)
        if waiting:
            return await waiting
        stored = self.memo.get(key)
        if stored:
            self.usage.count(self.role, "recorded" if self.origin == "recorded" else "stored", request, stored)
            return stored
        if not self._paid:
            return await self._ask(key, request, ask)
        # A call that has begun goes on, and is stored, when whoever wanted it gives up.
        task = asyncio.get_running_loop().create_task(self._ask(key, request, ask))
        self._asking.add(task)
        task.add_done_callback(self._asked)
        return await asyncio.shield(task)

    def _asked(self, task: asyncio.Task[Answer]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # mark as seen: nobody else may be waiting

    async def _ask(self, key: str, request: R, ask: Callable[[R], Awaitable[Answer]]) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = future
        started = time.perf_counter()
        try:
            answer = await self._live(request, ask)
            self.memo.put(self.fingerprint, request, answer, time.perf_counter() - started, self.role, key)
        except BaseException as error:
            future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not future.cancelled():
                future.exception()  # mark as seen: nobody else may be waiting
            raise
        finally:
            del self._in_flight[key]
        future.set_result(answer)
        return answer

    def _of_one_model(self) -> None:
        """Raises EngineError where the server's model is not the one whose answers are stored already."""
        name = getattr(self.inner, "said_model", "")
        if name in ("", self._served):
            return
        before = self.memo.served(self.fingerprint, name)
        if before != name:
            raise EngineError(
                f"{self.role}: {self.fingerprint.model} is now '{name}', and stored answers are of '{before}': answers "
                "of two models must not mix; pin one model on the server and run again, or start afresh in another "
                "folder"
            )
        self._served = name

    async def _live(self, request: R, ask: Callable[[R], Awaitable[Answer]]) -> Answer:
        self.usage.begin(self.role)
        try:
            answer = await ask(request)
        finally:
            self.usage.end(self.role)
        self._of_one_model()
        self.usage.count(self.role, self.origin, request, answer)
        return answer

    async def close(self) -> None:
        """Wait for calls that have begun, for GRACE seconds at most, and store what they gave."""
        try:
            if self._asking:
                await asyncio.wait(self._asking, timeout=GRACE)
                for task in self._asking:
                    task.cancel()
        finally:
            with suppress(StorageError):  # whoever closes the memo hears of it; here it would hide why we close
                self.memo.flush()
            await self.inner.close()

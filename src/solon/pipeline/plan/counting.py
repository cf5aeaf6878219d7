"""The engine that only counts: stored answers are given, missing ones are counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from solon.engines.base import Origin
from solon.engines.recorded import Recording
from solon.memo import Memo, call_key, unpack
from solon.pipeline.plan.model import Calls
from solon.pipeline.plan.rates import TOKENS_PER_CHARACTER, Rates
from solon.revision import draft, first_response
from solon.types import Answer, Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, Prompt, Request

EXACT = 2_000  # records of a step that are all looked up; of more, LOOKED_UP stand for the rest
LOOKED_UP = 400  # a cold disk takes milliseconds for each of their calls
SAMPLE = 200  # records imagined in full for the size of the calls that depend on unknown text
LONGEST = 100_000  # characters of an imagined answer, whatever the limit of tokens
MADE_UP = "\ue000"  # begins a text that stands for one not written yet; a private character, which texts do not have


class TextUnknown(Exception):
    """The record goes on with a text that no model has written yet."""


@dataclass(slots=True)
class Size:
    """Tokens of one call, estimated."""

    tokens_in: float
    tokens_out: float
    most: float


@dataclass(slots=True)
class CountingEngine:
    """Stands in for the engine with `fingerprint` in `role`; `recording` is set where only it may answer.

    `generate` raises TextUnknown at a missing answer, or with `goes_on` gives a made-up text, and a call that holds
    one is counted as possible. Inside `imagining()` both verbs make answers up, look nothing up and keep the sizes in
    `imagined`. `counted` is shared by all engines of a plan: equal calls are made once, whoever asks. While
    `doubtful`, missing calls are only counted as possible. `guessed` counts the answers that were not there.
    """

    fingerprint: Fingerprint
    memo: Memo
    rates: Rates
    role: str
    calls: Calls
    counted: set[int]
    recording: Recording | None = None
    doubtful: bool = False
    imagined: list[Size] = field(default_factory=list)
    goes_on: bool = False
    asked: int = 0
    guessed: int = 0
    _imagining: bool = False
    _knows: bool | None = None

    @property
    def origin(self) -> Origin:
        return "recorded" if self.recording else "live"

    async def generate(self, request: GenerateRequest) -> Completion:
        if self._imagining:
            self.imagined.append(self.size_of(request))
            return self._made_up(request)
        self.asked += 1
        stored = self._stored(request)
        if isinstance(stored, Completion):
            return stored
        self._miss(request)
        if self.goes_on:
            return self._made_up(request)
        raise TextUnknown

    def _made_up(self, request: GenerateRequest) -> Completion:
        """A text of the usual length."""
        return Completion(MADE_UP + "x" * self._length(self.size_of(request).tokens_out), "stop")

    async def choose(self, request: ChooseRequest) -> Choice:
        even = Choice(tuple(-math.log(len(request.choices)) for _ in request.choices))
        if self._imagining:
            self.imagined.append(self.size_of(request))
            return even
        self.asked += 1
        stored = self._stored(request)
        if isinstance(stored, Choice):
            return stored
        self._miss(request)
        return even

    async def close(self) -> None:
        return None

    @contextmanager
    def imagining(self) -> Iterator[list[Size]]:
        """Inside, every answer is made up; gives the list to which the sizes of the calls are added."""
        self._imagining, self.imagined = True, []
        try:
            yield self.imagined
        finally:
            self._imagining = False

    def follow(self, count: int, size: Size) -> None:
        """Count calls that depend on unknown text: at most `count` of about `size`."""
        self.calls.at_most += count
        self._add(size, count)

    def remembered(self) -> bool:
        """Whether any answer of this very engine is stored: not after its script or its weights changed."""
        if self._knows is None:
            self._knows = self.recording is not None or self.memo.knows(self.fingerprint)
        return self._knows

    def _stored(self, request: Request) -> Answer | None:
        if not self.remembered():  # nothing of this engine is stored: no need to hash every request
            return None
        key = call_key(self.fingerprint, request)
        answer = self.memo.get(key)
        if answer is None and self.recording is not None and key in self.recording.answers:
            answer = unpack(self.recording.answers[key])
        self.calls.stored += answer is not None
        return answer

    def _miss(self, request: Request) -> None:
        self.guessed += 1
        if self.doubtful or any(MADE_UP in message.content for message in request.messages):
            self.follow(1, self.size_of(request))
            return
        mark = hash((self.fingerprint.key, _content(request)))
        if mark in self.counted:  # its answer is stored by then
            self.calls.stored += 1
            return
        self.counted.add(mark)
        self.calls.unanswered += self.recording is not None
        self.calls.to_make += 1
        self._add(self.size_of(request), 1)

    def _add(self, size: Size, count: int) -> None:
        self.calls.tokens_in += count * size.tokens_in
        self.calls.tokens_out += count * size.tokens_out
        self.calls.tokens_out_most += count * size.most

    def _per_character(self) -> float:
        cost = self.rates.cost(self.fingerprint, self.role)
        measured = cost.prompt_tokens / cost.characters if cost and cost.characters else 0.0
        return measured or TOKENS_PER_CHARACTER  # some servers count no tokens

    def _length(self, tokens: float) -> int:
        """Characters of a text of about so many tokens, 1 to LONGEST."""
        return round(min(max(1.0, tokens / self._per_character()), LONGEST))

    def size_of(self, request: Request) -> Size:
        read = sum(len(m.content) for m in request.messages) * self._per_character()
        if isinstance(request, ChooseRequest):
            return Size(read + sum(map(len, request.choices)) * self._per_character(), 0, 0)
        cost = self.rates.cost(self.fingerprint, self.role)
        measured = cost.completion_tokens / cost.calls if cost and cost.calls and cost.completion_tokens else None
        usual = request.max_tokens if measured is None else min(measured, request.max_tokens)
        return Size(read, usual, request.max_tokens)


async def drafted(
    engine: CountingEngine, prompt: Prompt, *, own: bool = False, **asked: Any
) -> tuple[Prompt, Completion]:
    """A prompt and its draft, or with `own` the file's reply where it has one.

    Raises TextUnknown where it is not made yet, having counted the turns that come later as calls that depend on it.
    """
    before = engine.asked
    try:
        return await (first_response if own else draft)(engine, prompt, **asked)
    except TextUnknown:
        left = 1 + len(prompt.later) - (engine.asked - before)
        engine.follow(left, engine.size_of(GenerateRequest(prompt.turns, asked["max_tokens"])))
        raise


def _content(request: Request) -> Request:
    """The request without what its answer does not depend on, as in its payload."""
    if isinstance(request, GenerateRequest) and request.temperature == 0:
        return replace(request, seed=0, index=0)
    return request


T = TypeVar("T")


def some(records: Sequence[T]) -> tuple[Sequence[T], float]:
    """All of the records, or of more than EXACT an even spread; and how many each of them stands for."""
    if len(records) <= EXACT:
        return records, 1.0
    stride = len(records) / LOOKED_UP
    return [records[int(n * stride)] for n in range(LOOKED_UP)], stride


@contextmanager
def standing_for(factor: float, *counts: Calls) -> Iterator[None]:
    """What is counted inside counts `factor` times, and is marked as sampled when that is more than once."""
    before = [replace(c) for c in counts]
    yield
    if factor == 1.0:
        return
    for now, then in zip(counts, before, strict=True):
        for name in ("stored", "to_make", "at_most", "unanswered"):
            setattr(now, name, getattr(then, name) + round(factor * (getattr(now, name) - getattr(then, name))))
        for name in ("tokens_in", "tokens_out", "tokens_out_most"):
            setattr(now, name, getattr(then, name) + factor * (getattr(now, name) - getattr(then, name)))
        now.sampled = True


def mean_size(sizes: list[Size]) -> Size:
    """The mean of some sizes; zero of none."""
    n = max(len(sizes), 1)
    return Size(
        sum(s.tokens_in for s in sizes) / n, sum(s.tokens_out for s in sizes) / n, sum(s.most for s in sizes) / n
    )

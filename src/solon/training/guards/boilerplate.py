"""Boilerplate: the run of words that ever more answers share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solon.training.guards.series import Point

RUN = 6  # words
REMEMBERED = 64  # runs of a step, those in most of its answers
SURE = 4.0  # standard errors: it is the run that spread most of thousands
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def runs(text: str) -> set[str]:
    """The runs of six words in `text`, in lower case and without punctuation."""
    words = [word[:30] for word in _WORD.findall(text.lower())]
    return {" ".join(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of words, the share of the newest window's answers that contain it, and of the first window's."""

    words: str
    share: float
    before: float


@dataclass(frozen=True, slots=True)
class Spread:
    """What is remembered of a step: how many answers it had, and in how many each run occurred that several shared."""

    step: int
    n: int
    counts: dict[str, int]


class Boilerplate:
    """The answers of the first window of `size` steps and of the newest, the runs in them, and a trace of all steps."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._first: list[list[str]] = []
        self._newest: list[list[str]] = []
        self._counts: list[Counter[str]] = []  # of the newest
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._steps: list[Spread] = []

    def add(self, step: int, answers: Sequence[str]) -> None:
        """Another step's answers."""
        counts = _counted(answers)
        if len(self._first) < self.size:
            self._first.append(list(answers))
            self._before.update(counts)
        self._newest.append(list(answers))
        self._counts.append(counts)
        self._now.update(counts)
        common = sorted(((-n, words) for words, n in counts.items() if n > 1))[:REMEMBERED]
        self._steps.append(Spread(step, len(answers), {words: -n for n, words in common}))
        if len(self._newest) > self.size:
            self._newest.pop(0)
            self._now.subtract(self._counts.pop(0))
            self._now += Counter()  # drops what is at zero

    def phrase(self) -> Phrase | None:
        """The run in most of the newest answers, among those in more of them than of the first by 4 standard errors."""
        n, n_before = sum(map(len, self._newest)), sum(map(len, self._first))
        if not n or not n_before:
            return None
        # A run that is rarer could not have spread by more than chance even if no answer had it before.
        least = next((count for count in range(1, n + 1) if count / n > _noise(count, n, n_before)), n + 1)
        common = [(-count, words) for words, count in self._now.items() if count >= least]
        for less, words in sorted(common):  # ties by the alphabet: the order of a set changes from process to process
            before = self._before[words]
            if -less / n - before / n_before > _noise(before - less, n, n_before):
                return Phrase(words, -less / n, before / n_before)
        return None

    def history(self, words: str) -> list[Point]:
        """In what share of each step's answers the run occurs, 0 where it was in one alone."""
        return [Point(one.step, one.n, one.counts.get(words, 0) / one.n, 0.0) for one in self._steps]

    def forget(self, after: int) -> None:
        """Drop what was seen after step `after`; the newest window fills anew."""
        self._steps = [one for one in self._steps if one.step <= after]
        self._newest, self._counts, self._now = [], [], Counter()

    def state(self) -> dict[str, Any]:
        steps = [[one.step, one.n, one.counts] for one in self._steps]
        return {"first": self._first, "newest": self._newest, "steps": steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._first, self._newest = list(state["first"]), list(state["newest"])
        self._steps = [Spread(*one) for one in state["steps"]]
        self._before = Counter(_counted(answer for step in self._first for answer in step))
        self._counts = [_counted(step) for step in self._newest]
        self._now = sum(self._counts, Counter())


def _noise(count: int, n: int, n_before: int) -> float:
    """How far two shares may be apart by chance when `count` of the answers of both windows contain a run."""
    pooled = count / (n + n_before)
    return SURE * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_before))


def _counted(answers: Iterable[str]) -> Counter[str]:
    """In how many answers each run occurs."""
    return Counter(run for answer in answers for run in runs(answer))

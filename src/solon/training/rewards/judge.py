"""A judge's scores as reward, no reward model between (direct RLAIF, Lee et al. 2023, section 3.2).

Departures: the score is asked under principles of the constitution, and it is not rescaled to [-1, 1]; the composite
divides it by its spread where it is not alone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from solon.constitution import Constitution, Principle, draw
from solon.engines import Engine
from solon.errors import ConfigError, EngineError
from solon.feedback.judges.score import ScoreJudge, expected
from solon.flow import gather_window
from solon.types import Comparison, Turns, digest

T = TypeVar("T")
About = Callable[[Turns], str]  # the aim of comparisons of answers to a conversation


class Ask(Protocol):
    """Runs a coroutine that asks engines to its end."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Question:
    """How well does this answer to this conversation follow this principle?"""

    prompt: Turns
    answer: str
    principle: Principle


@dataclass(frozen=True, slots=True)
class Asking:
    """A judge that is asked many questions side by side."""

    judge: ScoreJudge
    ask: Ask

    def scores(self, questions: Sequence[Question]) -> list[float | str]:
        """The expected score of each, in [1, 10], or the failure, as in Verdict."""
        return self.ask(gather_window(questions, self._score))

    async def _score(self, question: Question) -> float | str:
        *context, last = question.prompt
        shown = Comparison("", "", last.content, question.answer, "", context=tuple(context))
        found = await self.judge.scores(shown, question.principle, question.answer)
        return found if isinstance(found, str) else expected(found)


class JudgeTerm:
    """The mean expected score under `count` principles, drawn by the prompt: answers to one prompt share them.

    `about` says what a prompt is about, "" where that is not known: principles of that aim are drawn, as for labels.

    A verdict that failed is no score: the answer gets the mean of its readable ones, or of the batch where it has
    none, and `judge_failed` is the share of its verdicts that failed. The judge reads a cut-off answer as it stands:
    what that costs is the trainer's rule (`missing_eos_penalty`). Raises EngineError when all of a batch failed.
    """

    def __init__(
        self,
        engine: Engine,
        constitution: Constitution,
        ask: Ask,
        count: int = 1,
        seed: int = 0,
        about: About = lambda prompt: "",
    ) -> None:
        _compared(constitution)
        self.asking = Asking(ScoreJudge(engine), ask)
        self.constitution, self.count, self.seed, self.about = constitution, count, seed, about

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
    ) -> dict[str, list[float]]:
        drawn = [self._drawn(prompt) for prompt in prompts]
        asked = [
            Question(prompt, answer, principle)
            for prompt, answer, principles in zip(prompts, answers, drawn, strict=True)
            for principle in principles
        ]
        found = iter(self.asking.scores(asked))
        rows = [[next(found) for _ in principles] for principles in drawn]
        return {"judge": _filled("judge", rows), "judge_failed": [_failed(row) for row in rows]}

    def _drawn(self, prompt: Turns) -> tuple[Principle, ...]:
        law = self.constitution.drawn_from(self.about(prompt), "compare")
        return draw(
            law,
            "compare",
            seed=self.seed,
            record=digest([turn.as_dict() for turn in prompt]),
            step="reward",
            count=self.count,
        )


class PrinciplesTerm:
    """The expected score under every principle, each by its name, `principle:<id>`; failures as in `JudgeTerm`."""

    def __init__(self, engine: Engine, constitution: Constitution, ask: Ask) -> None:
        self.principles = _compared(constitution)
        self.asking = Asking(ScoreJudge(engine), ask)

    def __call__(
        self, prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()
    ) -> dict[str, list[float]]:
        pairs = list(zip(prompts, answers, strict=True))
        # The principle varies fastest: the judge reads each prompt and answer once.
        asked = [Question(prompt, answer, principle) for prompt, answer in pairs for principle in self.principles]
        found, n = self.asking.scores(asked), len(self.principles)
        rows = [found[i * n : (i + 1) * n] for i in range(len(pairs))]
        named = {
            f"principle:{principle.id}": _filled(f"principle:{principle.id}", [[row[k]] for row in rows])
            for k, principle in enumerate(self.principles)
        }
        return {**named, "principles_failed": [_failed(row) for row in rows]}


def _compared(constitution: Constitution) -> tuple[Principle, ...]:
    principles = tuple(constitution.for_phase("compare"))
    if not principles:
        raise ConfigError(f"reward: constitution {constitution.name} has no principle of phase compare to judge by")
    return principles


def _filled(name: str, rows: Sequence[Sequence[float | str]]) -> list[float]:
    """The mean of each row's scores; the mean of the other rows where a row has none."""
    read = [[score for score in row if not isinstance(score, str)] for row in rows]
    means = [sum(scores) / len(scores) for scores in read if scores]
    if rows and not means:
        raise EngineError(
            f"reward: {name}: the judge gave no score for any of {len(rows)} answers ({str(rows[0][0])[:80]}); "
            "try it with: solon judge qualify"
        )
    return [sum(scores) / len(scores) if scores else sum(means) / len(means) for scores in read]


def _failed(row: Sequence[float | str]) -> float:
    """The share of verdicts that failed, in [0, 1]."""
    return sum(isinstance(score, str) for score in row) / len(row)

"""Best of n: several answers to each prompt, the one that a judge ranks highest kept, and what that was worth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from solon.data.candidates import Candidates
from solon.engines import Engine
from solon.errors import PromptUnfit
from solon.evaluation.refusal import declines
from solon.feedback import Labeller
from solon.feedback.best_of_n import Ranked
from solon.feedback.judges.asking import unasked
from solon.feedback.selection import Selection, select
from solon.flow import hand_over
from solon.types import Completion, GenerateRequest

PROMPTS = 64  # in work at once: each is many labels

Respond = Callable[[Candidates], Awaitable[Sequence[Completion]]]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn: `n` of each prompt, of at most `max_tokens` tokens, at `temperature` > 0."""

    n: int = 8
    temperature: float = 1.0
    max_tokens: int = 256
    seed: int = 0

    def of(self, engine: Engine) -> Respond:
        """The answers of `engine`, asked for side by side."""

        async def respond(asked: Candidates) -> Sequence[Completion]:
            requests = [
                GenerateRequest(asked.turns, self.max_tokens, self.temperature, 1.0, self.seed, index)
                for index in range(self.n)
            ]
            return await asyncio.gather(*(engine.generate(request) for request in requests))

        return respond


async def as_given(asked: Candidates) -> Sequence[Completion]:
    """The responses that stand in the file."""
    ends = {True: "stop", False: "length", None: "unknown"}
    return [Completion(text, ends[asked.ended_at(place)]) for place, text in enumerate(asked.responses)]


@dataclass(frozen=True, slots=True)
class Picked:
    """What came of one prompt. Where `failure` says why nothing could be picked, a kind, a colon and the details,
    `ranking` may be None or without scores.

    `answers` are those that were ranked; `left_out` is how many others said nothing, `cut_off` how many others their
    token limit cut off. `gold` is the ranking of the same
    answers by a second judge, if there is one.
    """

    asked: Candidates
    answers: tuple[Completion, ...] = ()
    left_out: int = 0
    cut_off: int = 0
    ranking: Selection | None = None
    gold: Selection | None = None
    failure: str | None = None

    @property
    def best(self) -> Completion:
        """The answer with the highest score, of a prompt that did not fail."""
        assert self.ranking is not None
        return self.answers[self.ranking.order[-1]]

    @property
    def score(self) -> float:
        """The best answer's score, in [0, 1]."""
        assert self.ranking is not None
        score = self.ranking.scores[self.ranking.order[-1]]
        assert score is not None
        return score

    def ranked(self) -> Ranked:
        """The answers that have a score, for the effect. Of a prompt that did not fail."""
        assert self.ranking is not None
        order, texts = self.ranking.order, self.ranking.responses
        return Ranked(
            scores=_all_of(self.ranking, order) or (),
            golds=_all_of(self.gold, order) if self.gold else None,
            words=tuple(len(texts[place].split()) for place in order),
            declined=tuple(declines(texts[place]) for place in order),
        )


def _all_of(ranking: Selection, order: Sequence[int]) -> tuple[float, ...] | None:
    """The scores at these places; None where one is missing."""
    scores = [ranking.scores[place] for place in order]
    found = tuple(score for score in scores if score is not None)
    return found if len(found) == len(scores) else None


async def pick(asked: Candidates, respond: Respond, labeller: Labeller, gold: Labeller | None) -> Picked:
    """Answer, rank and pick. Raises what an engine raises when it cannot be asked at all.

    An answer that was cut off by its token limit is not ranked: beside whole ones a judge takes it for a bad one, and
    were it picked, SFT would learn from a torn text.
    """
    try:
        drawn = await respond(asked)
    except PromptUnfit as error:
        return Picked(asked, failure=unasked(error))
    # An empty answer that fools the judge must not be learnt.
    spoken = [answer for answer in drawn if answer.text.strip() and not answer.failure]
    answers = tuple(answer for answer in spoken if not answer.truncated)
    left_out, cut_off = len(drawn) - len(spoken), len(spoken) - len(answers)
    if len(answers) < 2:
        return Picked(asked, answers, left_out, cut_off, failure=_too_few(left_out, cut_off, len(drawn)))
    texts = [answer.text for answer in answers]
    ranking = await select(labeller, asked.id, asked.turns, texts)
    if not ranking.order:
        return Picked(asked, answers, left_out, cut_off, ranking, failure=ranking.failed[0].failure)
    golden = await select(gold, asked.id, asked.turns, texts) if gold else None
    return Picked(asked, answers, left_out, cut_off, ranking, golden)


def _too_few(left_out: int, cut_off: int, drawn: int) -> str:
    """Why fewer than two answers are left to compare."""
    if cut_off:
        others = f", {left_out} say nothing" if left_out else ""
        return f"cut off: the token limit ended {cut_off} of {drawn} answers{others}"
    return f"empty: {left_out} of {drawn} answers say nothing"


async def pick_each(
    asked: Sequence[Candidates],
    respond: Respond,
    labeller: Labeller,
    gold: Labeller | None,
    take: Callable[[Picked], None],
    done: Callable[..., None] | None = None,
) -> None:
    """`pick` for every prompt; `take` gets what came of each, in their order."""
    await hand_over(
        asked,
        lambda one: pick(one, respond, labeller, gold),
        lambda _, picked: take(picked),
        window=PROMPTS,
        done=done,
    )

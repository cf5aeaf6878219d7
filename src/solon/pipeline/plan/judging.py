"""The judges on comparisons, counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from solon.data.truncation import Truncation
from solon.feedback import Labeller
from solon.pipeline.labelling import labeller
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import SAMPLE, Size, mean_size, standing_for
from solon.pipeline.plan.model import Calls
from solon.pipeline.plan.untold import Untold
from solon.settings import FeedbackSettings
from solon.types import Comparison, Preference, Prompt, Unlabelled, assistant, user

GUESS = 400  # characters of a reply that is not made yet


class Judging:
    """Runs the real judges against engines that only count."""

    def __init__(self, context: PlanContext, settings: FeedbackSettings) -> None:
        self.context, self.labels, self.left_out = context, 0, 0
        self.untold: Untold | None = None  # what the judge's card leaves out, where pairs are a run's own
        self.truncation = Truncation(context.recipe.rl_cai.truncated_pairs)
        judges = context.counting_judges(settings)
        self.engines = [engine for _, engine in judges]
        self.labeller: Labeller = labeller(judges, context.constitution, settings, context.recipe.seed)
        self._sizes: list[list[Size]] = [[] for _ in judges]
        self._usual: list[Size] = []
        self._sampled = 0
        self._per_label = [0 for _ in judges]

    @contextmanager
    def standing_for(self, factor: float, *others: Calls) -> Iterator[None]:
        """Inside, each label and each call counts `factor` times."""
        before, left_out = self.labels, self.left_out
        with standing_for(factor, *(engine.calls for engine in self.engines), *others):
            yield
        self.labels = before + round(factor * (self.labels - before))
        self.left_out = left_out + round(factor * (self.left_out - left_out))

    def remembered(self) -> bool:
        """Whether any answer of each judge is stored."""
        return all(engine.remembered() for engine in self.engines)

    @property
    def guessed(self) -> int:
        """How many answers were not there."""
        return sum(engine.guessed for engine in self.engines)

    async def keep(self) -> None:
        """A label whose every call is stored."""
        if not any(self._per_label):
            self._noted(await self._imagine(_imagined(Prompt("", ""))))
        for engine, calls in zip(self.engines, self._per_label, strict=True):
            engine.calls.stored += calls
        self.labels += 1

    async def known(self, comparison: Comparison) -> Preference | Unlabelled:
        """A pair whose two replies are there; the label is true where nothing was guessed."""
        self.labels += 1
        if self.labeller.chooser is None or comparison.response_a == comparison.response_b:
            return await self.labeller.label(comparison)
        before = self.guessed
        principles = await self.labeller.chosen(comparison)
        # Not chosen yet: those drawn in their stead are as many or more, and which they will be is not known.
        doubts = [engine.doubtful for engine in self.engines]
        for engine, doubtful in zip(self.engines, doubts, strict=True):
            engine.doubtful = doubtful or self.guessed > before
        try:
            return await self.labeller.label(comparison, principles)
        finally:
            for engine, doubtful in zip(self.engines, doubts, strict=True):
                engine.doubtful = doubtful

    async def admitted(self, comparison: Comparison) -> None:
        """A pair of the run whose two replies are there: asked about unless its truncated answers leave it out, or the
        judge's card."""
        admitted = self.truncation.admit(comparison)
        if admitted is None:
            self.left_out += 1
        else:
            await self.told(admitted)

    async def told(self, comparison: Comparison) -> None:
        """A pair that is asked about unless the judge's card leaves it out, which may not be made yet."""
        untold = self.untold.leaves_out(comparison) if self.untold else False
        if untold is None:
            await self.possible(comparison)
        elif untold:
            self.left_out += 1
        else:
            await self.known(comparison)

    async def unknown(self, prompt: Prompt) -> None:
        """A pair whose replies are not made yet: an upper bound, since equal replies are not asked about."""
        for aim in prompt.aims or ("",):
            await self.possible(_imagined(prompt, aim))

    async def possible(self, comparison: Comparison) -> None:
        """A pair like `comparison`, which may be asked about."""
        self.labels += 1
        if self._sampled < SAMPLE:
            self._sampled += 1
            found = await self._imagine(comparison)
            self._noted(found)
            for known, sizes in zip(self._sizes, found, strict=True):
                known += sizes
            self._usual = [mean_size(sizes) for sizes in self._sizes]
        for engine, calls, usual in zip(self.engines, self._per_label, self._usual, strict=True):
            engine.follow(calls, usual)

    async def _imagine(self, comparison: Comparison) -> list[list[Size]]:
        """Ask about a pair without looking anything up: the sizes of the calls of each judge."""
        with ExitStack() as stack:
            found = [stack.enter_context(engine.imagining()) for engine in self.engines]
            await self.labeller.label(comparison)
        return found

    def _noted(self, found: list[list[Size]]) -> None:
        """The most calls that a label took so far: empty replies need fewer."""
        self._per_label = [max(most, len(sizes)) for most, sizes in zip(self._per_label, found, strict=True)]


def _imagined(prompt: Prompt, aim: str = "") -> Comparison:
    """A pair of replies of the usual length; the answers between turns that come later are as long."""
    between = (turn for text in prompt.later for turn in (assistant("x" * GUESS), user(text)))
    *context, last = (*prompt.turns, *between)
    return Comparison(prompt.id, prompt.id, last.content, "x" * GUESS, "y" * GUESS, context=tuple(context), aim=aim)

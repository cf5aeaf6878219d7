"""Which pairs of a run its judge's card leaves out, as far as that is known before the card is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from solon.feedback.qualification import load_card
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.qualifying import cards_in, load_exam
from solon.pipeline.telling import Telling, kind_of_pair, leaves_out
from solon.types import Comparison


@dataclass(slots=True)
class Untold:
    """`telling` is by the card; None where a run makes it anew, by pairs of the kinds `examined`."""

    telling: Telling | None
    examined: frozenset[str] = frozenset()

    @classmethod
    def of(cls, context: PlanContext) -> Untold:
        """Raises ConfigError and DataError as the run would."""
        recipe = context.recipe
        qualify = recipe.rl_cai.qualify
        if not leaves_out(recipe):
            return cls(Telling())
        if qualify.card is not None:
            return cls(Telling.of([load_card(Path(qualify.card))], recipe))
        if "judge" not in context.stale:
            return cls(Telling.of(cards_in(context.run.folder)[:1], recipe))
        return cls(None, frozenset(pair.kind for pair in load_exam(qualify).pairs))

    def leaves_out(self, pair: Comparison) -> bool | None:
        """Whether the judge is not asked about a pair; None where that is not known yet."""
        if self.telling is not None:
            return self.telling.cannot(pair) is not None
        return None if kind_of_pair(pair) in self.examined else False

"""Which kinds of pair the judge can tell: those on which it was measured to be better than a coin.

An answer beside a refusal is another question than one answer beside another, and a judge may be good at the one and
guess at the other. So labelled pairs and a run's own are sorted alike, by what they are about and by whether just one
of the two replies declines, and a kind of pair on which the judge's agreement may be a coin's is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from solon.evaluation.refusal import declines
from solon.feedback.qualification import Card
from solon.feedback.qualification.figures import Share
from solon.pipeline.recipe import Recipe
from solon.types import Comparison

COIN = 0.5
UNTOLD = "untold"  # the kind of failure of a pair that is left out
BESIDE, ALIKE = "an answer beside a refusal", "two replies alike"


def kind_of_pair(pair: Comparison) -> str:
    """What a pair asks of a judge: its aim, and whether just one reply declines."""
    form = BESIDE if declines(pair.response_a) != declines(pair.response_b) else ALIKE
    return f"{pair.aim}: {form}" if pair.aim else form


def leaves_out(recipe: Recipe) -> bool:
    """Whether pairs that the judge's card says it cannot tell are left out; without a card none is."""
    qualify = recipe.rl_cai.qualify
    return qualify.untold == "leave_out" and (qualify.data is not None or qualify.card is not None)


@dataclass(slots=True)
class Telling:
    """How a judge did on each kind of pair, and the pairs that it cannot be asked about, counted by kind."""

    measured: dict[str, Share] = field(default_factory=dict)
    leave_out: bool = True
    untold: Counter[str] = field(default_factory=Counter)
    unmeasured: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, cards: Sequence[Card], recipe: Recipe) -> Telling:
        """By the card of the judge as it labels, of which there may be none."""
        measured = dict(cards[0].agreement.by_kind) if cards else {}
        return cls(measured, recipe.rl_cai.qualify.untold == "leave_out")

    def cannot(self, pair: Comparison) -> str | None:
        """Why the judge is not asked about a pair; None where it is."""
        kind = kind_of_pair(pair)
        found = self.measured.get(kind)
        if found is None:
            self.unmeasured[kind] += 1
            return None
        if found.low > COIN:
            return None
        self.untold[kind] += 1
        return f"{UNTOLD}: on pairs like this ({kind}) the judge agrees on {found}" if self.leave_out else None

    def said(self) -> list[str]:
        """What became of pairs that the judge cannot tell, a line for each kind."""
        done = "left out" if self.leave_out else "labelled all the same (rl_cai.qualify.untold)"
        lines = [
            f"{count} pairs ({kind}) are {done}: the judge's agreement on such pairs, {self.measured[kind]}, cannot be "
            "told from a coin's"
            for kind, count in sorted(self.untold.items())
        ]
        if self.measured and self.unmeasured:
            kinds = ", ".join(sorted(self.unmeasured))
            lines.append(f"the judge was examined on no pair of these kinds: {kinds}; it labels them all the same")
        return lines

    def facts(self) -> dict[str, Any]:
        return {
            "rule": "leave_out" if self.leave_out else "use",
            "pairs": dict(sorted(self.untold.items())),
            "unmeasured": dict(sorted(self.unmeasured.items())),
        }

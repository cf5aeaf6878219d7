"""Labels as pairs for the reward model: of a row as it stands, or one for each principle that it was asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from solon.data.preferences import comparison_of
from solon.feedback import Labeller
from solon.pipeline.context import Context
from solon.pipeline.stored_labels import unasked
from solon.types import Preference, Verdict, turns_of

if TYPE_CHECKING:
    from solon.training.reward import Pair

Row = Mapping[str, Any]


def pairs_of(context: Context) -> Callable[[Row], list[Pair]]:
    """What makes pairs of a row of preferences, as the recipe's reward model wants them."""
    rl = context.recipe.rl_cai
    if not rl.reward_model.principle:
        return lambda row: [as_labelled(row)]
    labeller = unasked(context.constitution, rl.feedback, context.run.folder)
    texts = {principle.id: principle.text for principle in context.constitution.principles}
    return lambda row: by_principle(row, labeller, texts)


def as_labelled(row: Row) -> Pair:
    """The pair with the label that all verdicts together make."""
    from solon.training.reward import Pair, grouped
    from solon.training.weights import weight_of

    turns = turns_of(row["prompt"])
    chosen, rejected = (row[side][0]["content"] for side in ("chosen", "rejected"))
    ended, other = (row.get(f"{side}_ended") is not False for side in ("chosen", "rejected"))
    return Pair(
        turns,
        chosen,
        rejected,
        row["prob_chosen"],
        id=row["id"],
        ended_a=ended,
        ended_b=other,
        weight=weight_of(row, named(row)),
        groups=grouped(row),
    )


def named(row: Row) -> str:
    """A row in messages."""
    return f"preferences: pair {row['id']}"


def by_principle(row: Row, labeller: Labeller, texts: Mapping[str, str]) -> list[Pair]:
    """A pair for every principle that the judges were asked about, with the label that its own verdicts make."""
    from solon.training.reward import Pair, grouped
    from solon.training.weights import weight_of

    comparison = comparison_of(dict(row))
    verdicts = [Verdict(**verdict) for verdict in row["verdicts"]]
    pairs = []
    for principle in dict.fromkeys(verdict.principle for verdict in verdicts):
        label = labeller.labelled(comparison, [v for v in verdicts if v.principle == principle])
        if isinstance(label, Preference):
            a, b = comparison.response_a, comparison.response_b
            ends = (comparison.ended_a is not False, comparison.ended_b is not False)
            more = (weight_of(row, named(row)), grouped(row))
            pairs.append(Pair(comparison.turns, a, b, label.prob_a, texts[principle], row["id"], *ends, *more))
    return pairs

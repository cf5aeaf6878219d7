"""The judge of a run on any comparisons: what the judge's card and the preferences share."""

from __future__ import annotations

from collections.abc import Sequence

from solon.feedback import build_judge, label
from solon.feedback.judges import Ask
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.types import Comparison, Preference, Verdict


async def label_all(
    context: Context, ask: Ask, title: str, comparisons: Sequence[Comparison]
) -> list[Preference | Verdict]:
    """Every comparison labelled by the run's judge asked in the way `ask`; a failed one is its failed verdict."""
    recipe, engine = context.recipe, context.engine("judge")
    judge = build_judge(ask, engine, context.constitution, recipe.rl_cai.exemplars)
    try:
        with context.progress.bar(title, len(comparisons)) as bar:
            return await gather_window(
                comparisons,
                lambda c: label(judge, context.constitution, c, recipe.seed, recipe.rl_cai.principles),
                done=bar.step,
            )
    finally:
        await engine.close()

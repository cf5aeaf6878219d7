"""The revisions that a run's reviser is shown as demonstrations: what no answer should be word for word."""

from __future__ import annotations

from solon.constitution import Constitution
from solon.pipeline.recipe import Recipe
from solon.prompts.exemplars import shared_exemplars


def demonstrated(recipe: Recipe, constitution: Constitution) -> list[str]:
    """The revisions of the shared demonstrations that the recipe shows, and of those that principles bring."""
    shown = list(shared_exemplars(constitution).revision[: recipe.sl_cai.revision.exemplars])
    for principle in constitution.principles:
        shown += principle.exemplars.revision
    return [one.revision for one in shown]

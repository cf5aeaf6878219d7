"""What a kind of prompt is about: the one place that says so.

A judge is asked in a run what it was examined on: labelled pairs say what they are about and are judged by principles
of that aim, and so are a run's own. Two replies to a red-team prompt are told apart by harm, two to an ordinary or a
look-alike one by help. Other kinds say their aims in the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from solon.constitution.model import Aim

# The aim of kinds whose name says it.
AIMS: Mapping[str, Aim] = MappingProxyType({"red_team": "harmless", "helpful": "helpful", "lookalike": "helpful"})


def aim_of(kind: str) -> str:
    """The aim of comparisons on prompts of `kind`, by its name alone; "" of one that says none."""
    return AIMS.get(kind, "")

"""Whether the constitution has principles for what the recipe's kinds of prompts are about, said before anything runs.

A constitution whose principles have no aims ("own") is drawn from as a whole. One that has aims, and none of them
helpful, can teach nothing but to decline: its principles would judge an answer to a harmless question by harm alone.
So harmless prompts are then compared with nothing, and the run says so.
"""

from __future__ import annotations

from solon.constitution import Constitution
from solon.data.aims import AIMS
from solon.errors import ConfigError
from solon.pipeline.recipe import Recipe


def lacking(constitution: Constitution, aims: tuple[str, ...]) -> list[str]:
    """The aims of a kind that no principle to compare by has; none where all principles are without aims."""
    there = {principle.aim for principle in constitution.for_phase("compare")}
    return [] if there <= {"own"} else [aim for aim in aims if aim not in there]


def compared_kinds(constitution: Constitution, recipe: Recipe) -> list[str]:
    """The kinds of prompts whose replies can be compared: harmless ones not by principles that are all about harm."""
    return [
        name
        for name, kind in recipe.prompts.items()
        if name in recipe.harm_kinds or kind.aims[0] not in lacking(constitution, kind.aims)
    ]


def check_aims(constitution: Constitution, recipe: Recipe) -> list[str]:
    """Lines of caution about aims without principles.

    Raises ConfigError where a kind that names its own aims names one that no principle has.
    """
    cautions: list[str] = []
    for name, kind in recipe.prompts.items():
        for aim in lacking(constitution, kind.aims):
            if kind.aims != (AIMS.get(name),):
                there = sorted({p.aim for p in constitution.for_phase("compare")})
                raise ConfigError(
                    f"prompts.{name}.aims: no principle of {constitution.name} that is compared by has the aim {aim}; "
                    f"choose from {', '.join(there)}, or add such a principle"
                )
    comparable = compared_kinds(constitution, recipe)
    if without := [name for name in recipe.prompts if name not in comparable]:
        cautions.append(
            f"{constitution.name} has no helpful principle: replies to {' and '.join(without)} prompts are not "
            "compared, and this run can only learn to refuse; add principles with aim: helpful"
        )
    elif all(kind.aims[0] == "harmless" and "helpful" not in kind.aims for kind in recipe.prompts.values()):
        cautions.append(
            "prompts: every kind asks for harm: this run can only learn to refuse; add a kind with the aim helpful, "
            "such as helpful: my-prompts.jsonl"
        )
    return cautions

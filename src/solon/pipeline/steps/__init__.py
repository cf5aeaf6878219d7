"""The steps of a run, in order, one a file. The judge is first: nothing else is asked before it has qualified."""

from __future__ import annotations

from pathlib import Path

from solon.errors import ConfigError
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step
from solon.pipeline.steps.evaluate import Evaluate
from solon.pipeline.steps.judge import QualifyJudge
from solon.pipeline.steps.policy import Policy
from solon.pipeline.steps.preferences import Preferences
from solon.pipeline.steps.revisions import Revisions
from solon.pipeline.steps.reward_model import RewardModelStep
from solon.pipeline.steps.sft import Sft


def all_steps() -> tuple[Step, ...]:
    """Every step, in the order they run."""
    return QualifyJudge(), Revisions(), Sft(), Preferences(), RewardModelStep(), Policy(), Evaluate()


def without_policy(recipe: Recipe, folder: Path, until: str | None) -> tuple[Recipe, str | None]:
    """The recipe of a run that ends with `until`, and what is to be said where it differs from the one given.

    A run that ends with the labels trains no policy for the sake of the pairs that it would answer: there are none,
    unless the recipe asks for them by number and the policy's weights are here, or an earlier run trained it.
    """
    rl, here = recipe.rl_cai, recipe.roles.policy.engine == "transformers"
    asked = here and "policy_pairs" in rl.model_fields_set
    trained = (folder / "steps" / "sft.json").is_file()
    if until != "preferences" or not rl.asks_policy or recipe.roles.responder is not None or asked or trained:
        return recipe, None
    fix = (
        "set rl_cai.policy_pairs to have them from a policy trained here"
        if here
        else "name roles.responder to have them"
    )
    said = f"rl_cai.policy_pairs: no policy is trained before the labels, so no two answers of it are compared; {fix}"
    return recipe.model_copy(update={"rl_cai": rl.model_copy(update={"policy_pairs": 0})}), said


def steps_until(recipe: Recipe, until: str | None) -> tuple[Step, ...]:
    """The steps that make `until` (None: all), in order. Raises ConfigError for a name or a policy that cannot be."""
    steps = {step.name: step for step in all_steps()}
    if until is not None and until not in steps:
        raise ConfigError(f"--until: no step '{until}'; choose one of {', '.join(steps)}")
    needed = set(steps) if until is None else {until}
    for name in reversed(steps):
        if name in needed:
            needed |= set(steps[name].requires(recipe))
    chosen = tuple(step for name, step in steps.items() if name in needed)
    trains = [step.name for step in chosen if step.needs_weights]
    if trains and recipe.roles.policy.engine != "transformers":
        raise ConfigError(
            f"roles.policy.engine: {recipe.roles.policy.engine} has no weights here to train, which {trains[0]} needs; "
            "use engine transformers, or make the data alone with --until preferences"
        )
    return chosen

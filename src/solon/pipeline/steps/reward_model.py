"""The reward model, or one for each aim, trained on the soft labels; a held-out share of the prompts measures it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.data.repeats import held_out, spoken
from solon.data.tables import read_rows
from solon.errors import ConfigError
from solon.feedback.attacks import load_attacks
from solon.pipeline.context import REWARD_FOLDER, Context, reward_adapter
from solon.pipeline.recipe import Recipe
from solon.pipeline.reward_bar import aims_asked, not_qualified, rewards_policy
from solon.pipeline.reward_pairs import pairs_of
from solon.pipeline.step import Step, principles_of
from solon.runs import Finished
from solon.types import turns_of

if TYPE_CHECKING:
    from solon.training.reward import Pair, RewardModel

HELD_OUT = 0.15


class RewardModelStep(Step):
    name = "reward_model"
    title = "reward model"
    needs_weights = True
    version = 3

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        return ("preferences",)

    def inputs(self, context: Context) -> dict[str, Any]:
        settings = context.recipe.rl_cai.reward_model
        named = {
            "roles.policy": context.policy_weights,
            "rl_cai.reward_model": settings.trained_by(),
            "seed": context.recipe.seed,
        }
        if settings.principle:
            named["constitution"] = principles_of(context, "compare")
        if settings.negatives:
            named["attacks"] = load_attacks().key
        return named

    def run(self, context: Context) -> tuple[Finished, bool]:
        record, fresh = super().run(context)
        if (said := not_qualified(record.facts, context.recipe)) is not None:
            used = "it is used all the same (rl_cai.reward_model.unqualified)"
            context.progress.warn(f"{said}; {used if rewards_policy(context.recipe) else 'no policy learns from it'}")
        return record, fresh

    def refusal(self, context: Context, facts: dict[str, Any]) -> str | None:
        """That it did not qualify, where the recipe says to stop then and a policy would learn from it."""
        recipe = context.recipe
        said = not_qualified(facts, recipe, {aim for _, aim in aims_asked(recipe)})
        if said is None or recipe.rl_cai.reward_model.unqualified == "use" or not rewards_policy(recipe):
            return None
        return (
            f"{said}; label more pairs, train it otherwise, lower rl_cai.reward_model.bar, or set "
            "rl_cai.reward_model.unqualified=use"
        )

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        from solon.training.reward import fits

        settings, local = context.recipe.rl_cai.reward_model, context.policy
        make_pairs = pairs_of(context)
        rows = read_rows(context.path("rl_cai/preferences.parquet"))
        # All pairs of one prompt, and of its near-repeats, are on one side, or its text would leak across.
        prompts = [spoken(turns_of(row["prompt"])) for row in rows]
        sides = held_out(prompts, HELD_OUT, "reward")
        found = [(held, pair) for held, row in zip(sides, rows, strict=True) for pair in make_pairs(row)]
        kept = [(held, pair) for held, pair in found if fits(local, pair, principle=settings.principle)]
        size = {"size": len(kept), "too_long": len(found) - len(kept)}
        if settings.per == "aim":
            return [context.path(REWARD_FOLDER)], {**_of_each_aim(context, kept), **size}
        train, test = [pair for held, pair in kept if not held], [pair for held, pair in kept if held]
        model, facts = reward_model_of(context, None, train, test)
        with context.run.building(REWARD_FOLDER) as folder:
            model.save(folder)
        return [context.path(REWARD_FOLDER)], {**facts, **size}


def _of_each_aim(context: Context, kept: Sequence[tuple[bool, Pair]]) -> dict[str, Any]:
    """Reward models of every aim that pairs are about, and their facts by aim; pairs of no aim teach none.

    Raises ConfigError where a term or the constraint asks for an aim that no pair is about.
    """
    from solon.training.reward import pooled

    by_aim: dict[str, list[tuple[bool, Pair]]] = {}
    for held, pair in kept:
        by_aim.setdefault(dict(pair.groups).get("aim", ""), []).append((held, pair))
    if aimless := len(by_aim.pop("", [])):
        context.progress.warn(f"reward_model: {aimless} pairs are about no aim; no reward model learns from them")
    _check_aims(context.recipe, {aim: len(pairs) for aim, pairs in by_aim.items()})
    models, facts = {}, {}
    for aim, pairs in sorted(by_aim.items()):
        test = [pair for held, pair in pairs if held]
        model, facts[aim] = reward_model_of(context, aim, [pair for held, pair in pairs if not held], test)
        models[aim] = model, test
    with context.run.building(REWARD_FOLDER) as folder:
        for aim, (model, _) in models.items():
            model.save(folder / aim)
    measured = pooled(list(models.values()), context.recipe.seed)
    return {
        **_heldout(measured),
        "loss": [],
        "pairs": sum(one["pairs"] for one in facts.values()),
        "aimless": aimless,
        "aims": facts,
    }


def _check_aims(recipe: Recipe, pairs: Mapping[str, int]) -> None:
    """`pairs` are counts by aim."""
    for name, aim in aims_asked(recipe):
        if aim not in pairs:
            there = ", ".join(f"{count} are about {aim}" for aim, count in sorted(pairs.items())) or "none says its aim"
            raise ConfigError(
                f"rl_cai.{name}: no labelled pair is about the aim {aim} ({there}); compare replies to prompts of a "
                "kind with that aim, or leave it out"
            )


def reward_model_of(
    context: Context, aim: str | None, train: Sequence[Pair], test: Sequence[Pair]
) -> tuple[RewardModel, dict[str, Any]]:
    """A reward model learnt from `train`, left in memory, and what it makes of `test`. `aim` is None for all pairs."""
    from solon.training.reward import measure, probe, train_reward

    settings, seed = context.recipe.rl_cai.reward_model, context.recipe.seed
    label = f"reward model steps ({aim})" if aim else "reward model steps"
    checkpoints = context.checkpoints.within(aim) if aim else context.checkpoints
    with context.training(label) as tick, tempfile.TemporaryDirectory() as scratch:
        model, history = train_reward(
            context.policy,
            reward_adapter(aim),
            train,
            settings,
            seed=seed,
            scratch=Path(scratch),
            tick=tick,
            checkpoints=checkpoints,
        )
    context.reward_models[aim] = model
    measured = measure(model, test, seed)
    return model, {"pairs": len(train), "loss": history, **_heldout(measured), "probes": probe(model, test)}


def _heldout(measured: dict[str, Any]) -> dict[str, Any]:
    """What was measured on held-out pairs, and how many the model ranks as their labels do."""
    right = measured.get("accuracy", {"hits": 0, "n": 0})
    return {"heldout": measured, "heldout_pairs": right["n"], "heldout_right": right["hits"]}

"""The reward model, trained on the soft labels; a held-out share of the prompts measures it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from solon.data.repeats import held_out, spoken
from solon.data.tables import read_rows
from solon.feedback.attacks import load_attacks
from solon.pipeline.context import REWARD_FOLDER, Context
from solon.pipeline.recipe import Recipe
from solon.pipeline.reward_bar import not_qualified, rewards_policy
from solon.pipeline.reward_pairs import pairs_of
from solon.pipeline.step import Step, principles_of
from solon.runs import Finished
from solon.types import Message

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
        said = not_qualified(facts, recipe)
        if said is None or recipe.rl_cai.reward_model.unqualified == "use" or not rewards_policy(recipe):
            return None
        return (
            f"{said}; label more pairs, train it otherwise, lower rl_cai.reward_model.bar, or set "
            "rl_cai.reward_model.unqualified=use"
        )

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        from solon.training.reward import fits, measure, probe, train_reward

        settings, seed = context.recipe.rl_cai.reward_model, context.recipe.seed
        make_pairs, local = pairs_of(context), context.policy
        rows = read_rows(context.path("rl_cai/preferences.parquet"))
        # All pairs of one prompt, and of its near-repeats, are on one side, or its text would leak across.
        prompts = [spoken(Message(turn["role"], turn["content"]) for turn in row["prompt"]) for row in rows]
        sides = held_out(prompts, HELD_OUT, "reward")
        found = [(held, pair) for held, row in zip(sides, rows, strict=True) for pair in make_pairs(row)]
        kept = [(held, pair) for held, pair in found if fits(local, pair, principle=settings.principle)]
        train, test = [pair for held, pair in kept if not held], [pair for held, pair in kept if held]
        with context.training("reward model steps") as tick, tempfile.TemporaryDirectory() as scratch:
            model, history = train_reward(
                local,
                "reward_model",
                train,
                settings,
                seed=seed,
                scratch=Path(scratch),
                tick=tick,
                checkpoints=context.checkpoints,
            )
        with context.run.building(REWARD_FOLDER) as folder:
            model.save(folder)
        context.reward_model = model
        measured = measure(model, test, seed)
        right = measured.get("accuracy", {"hits": 0, "n": 0})
        facts = {
            "size": len(kept),
            "pairs": len(train),
            "too_long": len(found) - len(kept),
            "loss": history,
            "heldout_pairs": right["n"],
            "heldout_right": right["hits"],
            "heldout": measured,
            "probes": probe(model, test),
        }
        return [context.path(REWARD_FOLDER)], facts

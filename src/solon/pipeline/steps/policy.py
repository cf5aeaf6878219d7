"""RL-CAI: the policy learns from AI feedback, in whichever way the recipe says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.data.tables import read_rows
from solon.errors import PromptUnfit
from solon.flow import gather_window
from solon.pipeline.along import Along
from solon.pipeline.context import ADAPTERS, Context
from solon.pipeline.objective import objective, objective_inputs
from solon.pipeline.recipe import Recipe, RlCai
from solon.pipeline.step import Step, listed
from solon.revision import opened
from solon.settings import OFFLINE
from solon.types import Prompt


class Policy(Step):
    name = "policy"
    title = "reinforcement learning (RL-CAI)"
    needs_weights = True
    version = 3

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        made = "preferences" if recipe.rl_cai.method in OFFLINE else "reward_model"
        return ("sft", made)

    def inputs(self, context: Context) -> dict[str, Any]:
        rl = context.recipe.rl_cai
        named = {
            "rl_cai.method": rl.method,
            f"rl_cai.{rl.method}": method_settings(rl).model_dump(),
            "rl_cai.guards": rl.guards.model_dump(),
            "seed": policy_seed(context.recipe),
            **({"rl_cai.checkpoints": rl.checkpoints} if rl.checkpoints else {}),
        }
        if rl.method not in OFFLINE:
            named |= {"prompts": listed(self._prompts(context)), **objective_inputs(context)}
        return named

    def _prompts(self, context: Context) -> list[Prompt]:
        """Red-team and helpful prompts both: the policy must learn when not to refuse, too."""
        return context.all_prompts("train")

    def _opened(self, context: Context) -> list[Prompt]:
        """The prompts, those with turns that come later as conversations with answers of the SL-CAI model: rollouts
        answer their last turn, and a conversation on the way is the same for all of them."""
        prompts = self._prompts(context)
        if not any(prompt.later for prompt in prompts):
            return prompts
        engine, s = context.adapted("sl_cai", "earlier turns"), context.recipe.rl_cai.answers

        async def ask(prompt: Prompt) -> Prompt | None:
            try:
                return await opened(engine, prompt, **s.model_dump(), seed=context.recipe.seed)
            except PromptUnfit as error:
                context.set_aside(prompt, str(error))
                return None

        found = context.ask(gather_window(prompts, ask))
        return [prompt for prompt in found if prompt is not None]

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        from solon.training.adapters import save_adapter
        from solon.training.methods import TRAIN
        from solon.training.task import Task, unrewarded

        rl, settings = context.recipe.rl_cai, method_settings(context.recipe.rl_cai)
        offline = rl.method in OFFLINE
        context.require("sl_cai")
        prompts = [] if offline else self._opened(context)
        prompts = [p for p in prompts if context.fits(p, settings.max_tokens)]
        preferences = read_rows(context.path("rl_cai/preferences.parquet")) if offline else []
        along = Along(context)
        with context.training(f"{rl.method} steps") as tick, objective(context) as wanted:
            guards = wanted.guards(prompts)
            task = Task(
                context.policy,
                [prompt.turns for prompt in prompts],
                preferences,
                unrewarded if offline else wanted.reward(prompts),
                guards,
                context.checkpoints,
                policy_seed(context.recipe),
                along.watching(tick),
            )
            history = TRAIN[rl.method](task, settings)
        with context.run.building(ADAPTERS["policy"]) as folder:
            save_adapter(context.policy, "policy", folder)
        facts = {"size": _size(rl, history, preferences), "method": rl.method, "steps": history}
        watched = guards.facts()
        return [context.path(ADAPTERS["policy"]), *along.publish(watched)], {**facts, "guards": watched}


def method_settings(rl: RlCai) -> Any:
    """The knobs of the method that the recipe names."""
    return getattr(rl, rl.method)


def policy_seed(recipe: Recipe) -> int:
    return recipe.seed if recipe.rl_cai.seed is None else recipe.rl_cai.seed


def _size(rl: RlCai, history: Sequence[Any], preferences: Sequence[Any]) -> int:
    """Answers sampled, or labels learnt from: what the step's time goes by."""
    if rl.method in OFFLINE:
        return len(preferences)
    if rl.method == "best_of_n":
        return int(history[0]["answers"])
    return len(history) * int(method_settings(rl).batch_size)

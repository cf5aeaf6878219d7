"""RL-CAI: the policy learns from the reward model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from solon.pipeline.context import ADAPTERS, Context
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed
from solon.types import Prompt


class Policy(Step):
    name = "policy"
    title = "reinforcement learning (RL-CAI)"
    needs_weights = True

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        return ("sft", "reward_model")

    def inputs(self, context: Context) -> dict[str, Any]:
        recipe = context.recipe
        return {
            "rl_cai.method": recipe.rl_cai.method,
            "rl_cai.ppo": recipe.rl_cai.ppo.model_dump(),
            "prompts": listed(self._prompts(context)),
            "seed": recipe.seed,
        }

    def _prompts(self, context: Context) -> list[Prompt]:
        """Red-team and helpful prompts both: the policy must learn when not to refuse, too."""
        return [p for kind in context.prompts for p in context.prompts_of(kind, "train")]

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        from solon.training.adapters import save_adapter
        from solon.training.ppo import Ppo

        context.require("sl_cai")
        local, reward, recipe = context.policy, context.reward_model, context.recipe
        room = recipe.rl_cai.ppo.max_tokens
        prompts = [p.text for p in self._prompts(context) if context.fits(p, room)]
        with context.training("PPO steps") as tick:
            ppo = Ppo(local, "sl_cai", "policy", reward.score, recipe.rl_cai.ppo, recipe.seed)
            history = ppo.train(prompts, tick)
        with context.run.building(ADAPTERS["policy"]) as folder:
            save_adapter(local, "policy", folder)
        return [context.path(ADAPTERS["policy"])], {
            "size": recipe.rl_cai.ppo.steps * recipe.rl_cai.ppo.batch_size,
            "steps": history,
        }

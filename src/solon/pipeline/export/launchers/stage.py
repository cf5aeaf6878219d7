"""A stage of training as another trainer is told of it: a name, arguments, and remarks on what is not the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.pipeline.recipe import Recipe, RlCai

# The best rate of a LoRA is about ten times that of all weights (Schulman et al., LoRA Without Regret, 2025).
FULL_RATE = 0.1
PROMPT_ROOM = 1024  # tokens of a prompt in the RL stages


@dataclass(frozen=True, slots=True)
class Stage:
    """`module` is run with `arguments` on its command line and `settings` in a file, both named in its own words.

    Arguments may use the shell variables of the script; True is a bare flag. `after` are further modules to run.
    `remarks` say where the stage departs from the recipe.
    """

    name: str
    module: str
    arguments: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    after: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What every stage is made from.

    `spread` is the standard deviation of the reward over the answers of the SL-CAI model to held-out prompts, None
    where it was not measured. `base` is where the base model lies or its hub id.
    """

    recipe: Recipe
    base: str
    spread: float | None

    @property
    def rollout(self) -> Any:
        """The settings of a method that learns from its own answers."""
        return getattr(self.recipe.rl_cai, self.recipe.rl_cai.method)

    @property
    def kl_coef(self) -> float:
        """In reward per nat as their trainers mean it: ours divides the reward by its spread, theirs do not.

        r/σ − k·KL and r − k·σ·KL have the same best policy. Methods that compare within a group divide by the group's
        own spread and take the coefficient as it is.
        """
        scale = self.spread if self.recipe.rl_cai.method in ("ppo", "rloo") and self.spread else 1.0
        return float(f"{self.rollout.kl_coef * scale:.4g}")

    @property
    def kl_remark(self) -> str:
        """What became of the recipe's coefficient."""
        asked, given, method = self.rollout.kl_coef, self.kl_coef, self.recipe.rl_cai.method
        if method in ("ppo", "rloo") and self.spread:
            return (
                f"The recipe's kl_coef {asked:g} is of a reward divided by its spread ({self.spread:.3g} on held-out "
                f"prompts): {given:g} here."
            )
        if method in ("ppo", "rloo"):
            return f"kl_coef {asked:g} is of a reward of spread 1: multiply it by the spread of your reward."
        return f"kl_coef {asked:g} is the recipe's: the reward is divided by its group's spread here as there."

    @property
    def group(self) -> int:
        """Answers to each prompt."""
        return int(getattr(self.rollout, "group", 1))

    @property
    def prompts_a_step(self) -> int:
        return max(1, int(self.rollout.batch_size) // self.group)


def spread_of(answers: Path) -> float | None:
    """The standard deviation of the SL-CAI model's rewards in a run's evaluation/answers.json; None without them."""
    import json
    from statistics import pstdev

    if not answers.is_file():
        return None
    rows = json.loads(answers.read_text(encoding="utf-8")).get("sl_cai") or []
    rewards = [float(row["reward"]) for row in rows if row.get("reward") is not None]
    spread = pstdev(rewards) if len(rewards) > 1 else 0.0
    return spread if spread > 0 and math.isfinite(spread) else None


def refuse(recipe: Recipe, tool: str, known: tuple[str, ...]) -> None:
    """Raise ConfigError where the tool has nothing for the recipe's method."""
    method = recipe.rl_cai.method
    if method not in known:
        raise ConfigError(
            f"--to {tool}: it has no trainer for rl_cai.method {method}; it has {', '.join(known)}: run the recipe "
            f"with one of these, or train with accelerate launch (docs/scale.md)"
        )


def not_carried(recipe: Recipe) -> tuple[str, ...]:
    """Settings of the recipe that no other trainer has, where the recipe uses them."""
    reward, rl = recipe.rl_cai.reward_model, recipe.rl_cai
    odd = [
        f"rl_cai.reward_model.{name}={value}"
        for name, value in reward.model_dump().items()
        if name in ("heads", "caution", "centred", "margin", "principle", "negatives")
        and value != type(reward).model_fields[name].default
    ]
    extra = [term.source for term in rl.rewards if term.source != "reward_model"]
    if extra:
        odd.append(f"rl_cai.rewards: {', '.join(extra)}")
    if rl.constraint is not None:
        odd.append(f"rl_cai.constraint: {rl.constraint.cost} at most {rl.constraint.at_most:g}")
    return (*odd, *_of_cut_off_answers(rl))


def _of_cut_off_answers(rl: RlCai) -> list[str]:
    """The rule for answers that met their token limit, for which the tools have their own."""
    if rl.method == "ppo" and rl.ppo.missing_eos_penalty:
        return [f"rl_cai.ppo.missing_eos_penalty={rl.ppo.missing_eos_penalty:g}"]
    if rl.method in ("grpo", "rloo") and getattr(rl, rl.method).mask_truncated_completions:
        return [f"rl_cai.{rl.method}.mask_truncated_completions=true"]
    return []

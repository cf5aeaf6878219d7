"""Greedy answers of base, SL-CAI and RL-CAI to the held-out prompts, and what they show."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.evaluation import DECLINED, conduct, difference, rate
from solon.files import write_json
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.recipe import Recipe
from solon.pipeline.step import Step, listed
from solon.repeats import most_repeated
from solon.types import Completion, GenerateRequest, Prompt, user

# Report name → adapter.
MODELS: dict[str, str | None] = {"base": None, "sl_cai": "sl_cai", "rl_cai": "policy"}
Answered = list[dict[str, Any]]


class Evaluate(Step):
    name = "evaluate"
    title = "evaluation on held-out prompts"
    needs_weights = True

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        return ("sft", "reward_model", "policy")

    def inputs(self, context: Context) -> dict[str, Any]:
        return {
            "roles.policy": context.policy_weights,
            "prompts": listed(self._prompts(context)),
            "evaluate.max_tokens": context.recipe.evaluate.max_tokens,
        }

    def _prompts(self, context: Context) -> list[Prompt]:
        return [p for kind in context.prompts for p in context.prompts_of(kind, "heldout")]

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        room = context.recipe.evaluate.max_tokens
        prompts = [p for p in self._prompts(context) if context.fits(p, room)]
        answered = {model: answer_all(context, model, prompts) for model in MODELS}
        with context.progress.bar("reward scores", len(MODELS)) as bar:
            for rows in answered.values():
                scores = context.reward_model.score([r["prompt"] for r in rows], [r["text"] for r in rows])
                for row, score in zip(rows, scores, strict=True):
                    row["reward"] = score
                bar.step()
        answers, metrics = context.path("evaluation/answers.json"), context.path("evaluation/metrics.json")
        write_json(answers, answered)
        measured = measure(answered, context.recipe.seed)
        write_json(metrics, measured)
        repeated = {model: most_repeated([row["text"] for row in rows]).facts() for model, rows in answered.items()}
        return [answers, metrics], {"size": len(prompts), **measured, "most_repeated": repeated}


def answer_all(context: Context, model: str, prompts: list[Prompt]) -> Answered:
    """Greedy answers of `model` (a key of MODELS) to the prompts, each with what it does."""
    engine = context.adapted(MODELS[model], f"policy ({model})")
    tokens = context.recipe.evaluate.max_tokens

    async def ask(prompt: Prompt) -> Completion:
        return await engine.generate(GenerateRequest((user(prompt.text),), max_tokens=tokens, temperature=0.0))

    with context.progress.bar(f"answers of {model}", len(prompts)) as bar:
        answers = context.ask(gather_window(prompts, ask, done=bar.step))
    return [
        {"id": p.id, "kind": p.kind, "area": p.area, "prompt": p.text, "text": a.text, "conduct": conduct(a.text)}
        for p, a in zip(prompts, answers, strict=True)
    ]


def measure(answered: dict[str, Answered], seed: int) -> dict[str, Any]:
    """Share declined (refused or redirected) by kind and model, rewards, and the change from the base."""
    kinds = sorted({row["kind"] for row in answered["base"]})
    out: dict[str, Any] = {}
    for kind in kinds:
        of_kind = {model: [r for r in rows if r["kind"] == kind] for model, rows in answered.items()}
        declined = {m: [r["conduct"] in DECLINED for r in rows] for m, rows in of_kind.items()}
        rewards = {m: [r["reward"] for r in rows] for m, rows in of_kind.items()}
        out[kind] = {
            model: {
                "declined": asdict(rate(declined[model])),
                "conduct": {c: sum(r["conduct"] == c for r in rows) for c in sorted({r["conduct"] for r in rows})},
                "reward": sum(rewards[model]) / len(rewards[model]),
                "words": sum(len(r["text"].split()) for r in rows) / len(rows),
                "declined_change": asdict(difference(declined["base"], declined[model], seed)),
                "reward_change": asdict(difference(rewards["base"], rewards[model], seed)),
            }
            for model, rows in of_kind.items()
        }
    return out

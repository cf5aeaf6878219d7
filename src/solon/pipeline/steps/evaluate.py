"""Greedy answers of base, SL-CAI and RL-CAI to the held-out prompts, and what they show."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.engines import Engine
from solon.errors import DataError
from solon.evaluation import DECLINED, conduct, difference, rate
from solon.files import write_json
from solon.flow import gather_window
from solon.pipeline.along import ANSWERS as ALONG_ANSWERS
from solon.pipeline.along import at_step, kept
from solon.pipeline.context import Context
from solon.pipeline.pairing import stored_turns
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Recipe, aims_in
from solon.pipeline.selection import NAMES, command_name
from solon.pipeline.step import Step, listed
from solon.repeats import most_repeated
from solon.revision import draft
from solon.types import Completion, Prompt, fraction

Answered = list[dict[str, Any]]
MOST_CUT = 0.1  # of the base's answers


class Evaluate(Step):
    name = "evaluate"
    title = "evaluation on held-out prompts"
    needs_weights = True
    version = 3

    def after(self, recipe: Recipe) -> tuple[str, ...]:
        return ("sft", "reward_model", "policy")

    def inputs(self, context: Context) -> dict[str, Any]:
        return {
            "roles.policy": context.policy_weights,
            "prompts": listed(evaluated(context)),
            "evaluate": context.recipe.evaluate.asked(),
        }

    def make(self, context: Context) -> tuple[list[Path], dict[str, Any]]:
        room = context.recipe.evaluate.max_tokens
        prompts = [p for p in evaluated(context) if context.fits(p, room)]
        answered, no_reply = replies_of({model: answer_all(context, model, prompts) for model in NAMES})
        counting = {row["id"] for row in answered["base"]}
        along = _along(context, [prompt for prompt in prompts if prompt.id in counting])
        with context.progress.bar("reward scores", len(NAMES) + len(along)) as bar:
            for rows in [*answered.values(), *along.values()]:
                _reward(context, rows)
                bar.step()
        answers, metrics = context.path("evaluation/answers.json"), context.path("evaluation/metrics.json")
        outputs = [answers, metrics]
        context.path(ALONG_ANSWERS).unlink(missing_ok=True)
        if along:
            outputs.append(context.path(ALONG_ANSWERS))
            write_json(outputs[-1], along)
        write_json(answers, answered)
        _caution(context, answered["base"])
        everyone = {**answered, **along}
        measured = measure(everyone)
        write_json(metrics, measured)
        repeated = {model: most_repeated([row["text"] for row in rows]).facts() for model, rows in everyone.items()}
        facts = {"size": len(prompts), "no_reply": no_reply, **measured, "most_repeated": repeated}
        return outputs, facts


def evaluated(context: Context) -> list[Prompt]:
    """The held-out prompts that are answered, kind by kind."""
    most = context.recipe.evaluate.prompts
    found: list[Prompt] = []
    for kind in context.prompts:
        prompts = context.prompts_of(kind, "heldout")
        chosen = {p.id for p in sorted(prompts, key=lambda p: fraction(["evaluate", p.text]))[:most]}
        found += [p for p in prompts if p.id in chosen]
    return found


def _along(context: Context, prompts: list[Prompt]) -> dict[str, Answered]:
    """What the checkpoints along the policy's training answer; one that gave no reply to some of the prompts is left
    out, and that is said."""
    found: dict[str, Answered] = {}
    for step in kept(context.run.folder):
        model = at_step("rl_cai", step)
        rows = answer_all(context, model, prompts)
        if silent := sum(bool(row["failure"]) for row in rows):
            context.progress.warn(f"evaluate: {model} gave no reply to {silent} of {len(rows)} prompts: left out")
            continue
        found[model] = rows
    return found


def _reward(context: Context, rows: Answered) -> None:
    """Score the answers; where there is a reward model for each aim, by that of the aim of the prompt's kind, with
    all of them in `rewards`. Of a kind whose aim has none, `reward` is their mean."""
    asked = [stored_turns(r) for r in rows], [r["text"] for r in rows]
    ended, recipe = [r["ended"] for r in rows], context.recipe
    if recipe.rl_cai.reward_model.per == "all":
        for row, score in zip(rows, context.reward_model_of().score(*asked, ended=ended), strict=True):
            row["reward"] = score
        return
    leading = aims_in(recipe)
    scores = {aim: context.reward_model_of(aim).score(*asked, ended=ended) for aim in context.reward_aims}
    for n, row in enumerate(rows):
        row["rewards"] = {aim: values[n] for aim, values in scores.items()}
        mean = sum(row["rewards"].values()) / len(scores)
        row["reward"] = row["rewards"].get(leading[row["kind"]], mean)


def _caution(context: Context, rows: Answered) -> None:
    """Say where so many answers of the base are cut off that models would be compared by where their answers stop."""
    cut = sum(not row["ended"] for row in rows)
    if cut > MOST_CUT * len(rows):
        context.progress.warn(
            f"evaluate: {cut} of the base's {len(rows)} answers were cut off at {context.recipe.evaluate.max_tokens} "
            "tokens, more than a tenth; raise evaluate.max_tokens to compare models by what they say"
        )


def adapter_of(model: str) -> str | None:
    """The adapter of a model as reports call it; None is the base."""
    return None if model == "base" else command_name(model)


def answer_all(context: Context, model: str, prompts: list[Prompt]) -> Answered:
    """Greedy answers of `model` (a key of NAMES, or rl_cai@STEP) to the prompts, each with what it does."""
    engine = context.adapted(adapter_of(model), f"policy ({model})")
    try:
        return answers_by(engine, prompts, context.recipe.evaluate.asked(), context.progress, model)
    finally:
        context.keep_calls()


def answers_by(engine: Engine, prompts: list[Prompt], asked: dict[str, Any], progress: Progress, name: str) -> Answered:
    """Greedy answers of an engine to the prompts, `asked` as the recipe's section evaluate says."""

    async def ask(prompt: Prompt) -> tuple[Prompt, Completion]:
        return await draft(engine, prompt, **asked, temperature=0.0, seed=0)

    with progress.bar(f"answers of {name}", len(prompts)) as bar:
        answers = asyncio.run(gather_window(prompts, ask, done=bar.step))
    return [
        {
            "id": p.id,
            "kind": p.kind,
            "area": p.area,
            "prompt": p.text,
            "context": [turn.as_dict() for turn in p.context],
            "text": a.text,
            "ended": not a.truncated,
            "failure": a.failure,
            "conduct": conduct(a.text),
        }
        for p, a in answers
    ]


def _cut_off(rows: Answered) -> dict[str, Any]:
    """The share cut off by the token limit; nothing where the rows do not say, as those of older runs."""
    cut = [not row["ended"] for row in rows if "ended" in row]
    return {"truncated": asdict(rate(cut))} if cut else {}


def replies_of(answered: dict[str, Answered]) -> tuple[dict[str, Answered], dict[str, int]]:
    """The rows of the prompts to which every model gave a reply, and how many each gave none to.

    An answer without a word that used up its tokens neither refuses nor helps, and models are compared on the same
    prompts. Raises DataError where no prompt is left.
    """
    failed = {model: {row["id"] for row in rows if row["failure"]} for model, rows in answered.items()}
    lost = set[str]().union(*failed.values())
    kept = {model: [row for row in rows if row["id"] not in lost] for model, rows in answered.items()}
    if lost and not any(kept.values()):
        raise DataError(
            f"evaluate: to none of {len(lost)} prompts did every model say a word; raise evaluate.max_tokens"
        )
    return kept, {model: len(ids) for model, ids in failed.items() if ids}


def measure(answered: dict[str, Answered]) -> dict[str, Any]:
    """Share declined (refused or redirected) and share cut off by the token limit, by kind and model; rewards, and the
    change from the base."""
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
                **_cut_off(rows),
                "reward": sum(rewards[model]) / len(rewards[model]),
                "words": sum(len(r["text"].split()) for r in rows) / len(rows),
                "declined_change": asdict(difference(declined["base"], declined[model])),
                "reward_change": asdict(difference(rewards["base"], rewards[model])),
            }
            for model, rows in of_kind.items()
        }
    return out

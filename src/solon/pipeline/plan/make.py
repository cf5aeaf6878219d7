"""All steps of a recipe, planned: which are unchanged, which run, why, and what that takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from solon.constitution.changes import PHASES
from solon.constitution.diff import compare
from solon.errors import ConfigError
from solon.pipeline.aiming import check_aims
from solon.pipeline.along import at_step, kept
from solon.pipeline.human import check_human
from solon.pipeline.impact import changes_said
from solon.pipeline.origin import check_origin
from solon.pipeline.plan.card import count_card
from solon.pipeline.plan.chains import Chains, count_chains, most_mix, most_rows
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.plan.counting import TextUnknown, drafted
from solon.pipeline.plan.labels import count_preferences
from solon.pipeline.plan.model import Calls, Plan, StepPlan
from solon.pipeline.plan.rates import TOKENS_PER_CHARACTER
from solon.pipeline.plan.speed import call_seconds, layers, learn_seconds
from solon.pipeline.recipe import Recipe
from solon.pipeline.selection import NAMES
from solon.pipeline.step import Step
from solon.pipeline.steps import steps_until, without_policy
from solon.pipeline.steps.evaluate import adapter_of, evaluated
from solon.pipeline.steps.judge import QualifyJudge
from solon.pipeline.steps.policy import method_settings
from solon.runs import Finished, read_record
from solon.settings import OFFLINE


def make_plan(recipe: Recipe, folder: Path, until: str | None = None) -> Plan:
    """What `solon run` would do in `folder`. Reads only; asks, loads, fetches and writes nothing.

    Raises ConfigError and DataError as a run would at its start.
    """
    recipe, said = without_policy(recipe, folder, until)
    steps = steps_until(recipe, until)
    context = PlanContext(recipe, folder)
    try:
        made = _Planner(context).plan(steps)
        made.warnings += [said] if said else []
        return made
    finally:
        context.close()


class _Planner:
    def __init__(self, context: PlanContext) -> None:
        self.context = context
        self.chains: Chains | None = None
        self.rows: dict[str, int] = {}

    def plan(self, steps: tuple[Step, ...]) -> Plan:
        of_aims = check_aims(self.context.constitution, self.context.recipe)
        check_human(self.context)
        _, cautions = check_origin(self.context, {step.name for step in steps})
        check_layers(self.context.recipe, {step.name for step in steps})
        planned = [self._step(step) for step in steps]
        warnings = [*self._set_aside(), *self.context.notes, *of_aims, *cautions, *self._warnings(steps)]
        return Plan(self.context.recipe.name, str(self.context.run.folder), planned, self._changes(), warnings)

    def _set_aside(self) -> list[str]:
        """What the run will not use of the prompt files: by file and reason, with the first line of each."""
        found: dict[str, dict[str, list[int]]] = {}
        for row in self.context.quarantine:
            # Rows that repeat others have one reason, whatever they repeat; so have ids and sides that are wrong.
            reason = "repeats another row" if row.reason.startswith("repeats ") else row.reason
            found.setdefault(row.file, {}).setdefault(reason, []).append(row.line)
        return [
            f"{sum(map(len, reasons.values()))} rows of {file} will be set aside: {_reasons_said(reasons)}"
            for file, reasons in sorted(found.items())
        ]

    def _changes(self) -> list[str]:
        """What changed in the constitution since the last run, and what of it that touches where this was counted."""
        context = self.context
        if context.previous is None:
            return []
        difference = compare(context.previous, context.constitution)
        counted = all(phase in context.looked_at for phase in PHASES if difference.reaches(phase))
        return changes_said(difference, context.touched if counted else None)

    def _warnings(self, steps: tuple[Step, ...]) -> list[str]:
        return [caution for step in steps if (caution := step.caution(self.context)) is not None]

    def _step(self, step: Step) -> StepPlan:
        context = self.context
        old = context.here(step.name)
        waits = [name for name in step.after(context.recipe) if name in context.stale]
        changed = self._changed(step, old, waits)
        if old is not None and not waits and not changed:
            if (refusal := step.refusal(context, old.facts)) is not None:
                raise ConfigError(refusal)
            context.finished[step.name] = old
            return StepPlan(step.name, step.title, "unchanged", rows=old.facts.get("size"))
        context.stale.add(step.name)
        why = _reasons(changed, waits) if old else (self._lost(step),)
        planned = StepPlan(step.name, step.title, "to run", why)
        self._count(step, old, changed | {f"after {name}" for name in waits}, planned)
        planned.calls = context.take_calls()
        self._cost(step, planned)
        return planned

    def _lost(self, step: Step) -> str:
        """Why there is no record of the step that can be used."""
        path = self.context.run.folder / "steps" / f"{step.name}.json"
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            return "not made yet"
        except (OSError, ValueError, RecursionError):
            return "its record is damaged"
        if not isinstance(record, dict) or record.keys() - {"hash"} != set(Finished.__dataclass_fields__):
            return "made by another version of Solon"
        return "its files are missing or damaged" if read_record(path) else "its record is damaged"

    def _changed(self, step: Step, old: Finished | None, waits: list[str]) -> set[str]:
        """The named parts of the step's key that differ from the last run's; those of waiting steps are unknown."""
        parts = step.parts(self.context, waits)
        waiting = {f"after {name}" for name in waits}
        before = {name: value for name, value in old.inputs.items() if name not in waiting} if old else {}
        return {name for name in {*parts, *before} if parts.get(name) != before.get(name)}

    # --- what each step asks or trains on ------------------------------------------------------------

    def _count(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        count: Callable[[Step, Finished | None, set[str], StepPlan], None] = getattr(self, f"_{step.name}")
        count(step, old, changed, planned)

    def _revisions(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        self.chains = asyncio.run(count_chains(self.context, old, changed))
        planned.rows = self.rows["sft"] = most_rows(self.context)
        planned.rows_at_most = True
        planned.mix = most_mix(self.context)

    def _sft(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        made = self.context.finished.get("revisions")
        planned.rows = self.rows.get("sft") or (sum(made.facts["mix"].values()) if made else None)
        planned.rows_at_most = made is None

    def _judge(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        assert isinstance(step, QualifyJudge)
        planned.rows = asyncio.run(count_card(self.context, step))

    def _preferences(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        planned.rows, planned.left_out = asyncio.run(count_preferences(self.context, old, changed, self.chains))
        planned.rows_at_most = True
        self.rows["reward_model"] = planned.rows

    def _reward_model(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        made = self.context.finished.get("preferences")
        planned.rows = self.rows.get("reward_model") or (made.facts["labelled"] if made else None)
        planned.rows_at_most = True

    def _policy(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        rl = self.context.recipe.rl_cai
        if rl.method in OFFLINE:
            planned.rows, planned.rows_at_most = self.rows.get("reward_model"), True
        elif rl.method == "best_of_n":
            prompts = len(self.context.all_prompts("train"))
            planned.rows = rl.best_of_n.n * min(prompts, rl.best_of_n.prompts or prompts)
        else:
            settings = method_settings(rl)
            planned.rows = settings.steps * settings.batch_size

    def _evaluate(self, step: Step, old: Finished | None, changed: set[str], planned: StepPlan) -> None:
        context = self.context
        prompts = evaluated(context)
        planned.rows = len(prompts)

        async def ask() -> None:
            # Which steps they will be, the training says.
            steps = [*range(1, context.recipe.rl_cai.checkpoints + 1)]
            along = [at_step("rl_cai", n) for n in (steps if "policy" in context.stale else kept(context.run.folder))]
            for model in (*NAMES, *along):
                engine = context.counting_adapter(adapter_of(model), f"policy ({model})")
                untrained = engine.doubtful
                for prompt in prompts:
                    engine.doubtful = untrained or context.doubtful(prompt)
                    try:
                        await drafted(engine, prompt, **context.recipe.evaluate.asked(), temperature=0.0, seed=0)
                    except TextUnknown:
                        continue

        asyncio.run(ask())

    # --- what it costs ---------------------------------------------------------------------------------

    def _cost(self, step: Step, planned: StepPlan) -> None:
        parts: list[float | None] = []
        for role, calls in planned.calls.items():
            calls.seconds, calls.money = self._time(role, calls), self._money(calls)
            parts.append(calls.seconds)
        if step.needs_weights and step.name != "evaluate":
            parts.append(self._training(step.name, planned))
        planned.estimated |= any(calls.estimated for calls in planned.calls.values())
        planned.seconds = None if any(p is None for p in parts) else sum(p for p in parts if p is not None)
        money = [c.money for c in planned.calls.values()]
        planned.money = None if not money or any(m is None for m in money) else sum(m for m in money if m is not None)

    def _time(self, role: str, calls: Calls) -> float | None:
        if not calls.open:
            return 0.0
        fingerprint = self.context.asked[role]
        cost = self.context.rates.cost(fingerprint, role)
        if cost is None:
            return self._estimated(role, calls)
        if not cost.prompt_tokens + cost.completion_tokens:  # some servers count no tokens
            return calls.open * cost.seconds / cost.calls
        return (calls.tokens_in + calls.tokens_out) * cost.seconds / (cost.prompt_tokens + cost.completion_tokens)

    def _estimated(self, role: str, calls: Calls) -> float | None:
        """Of an engine in this process that was not measured yet; None of a server, whose pace nobody knows."""
        model = self.context.models.get(role)
        seconds = call_seconds(model, calls.tokens_in, calls.tokens_out) if model else None
        calls.estimated = seconds is not None
        return seconds

    def _money(self, calls: Calls) -> float | None:
        if not calls.open:
            return 0.0
        price = self.context.recipe.prices.get(calls.model)
        return None if price is None else (calls.tokens_in * price.input + calls.tokens_out * price.output) / 1e6

    def _training(self, step: str, planned: StepPlan) -> float | None:
        """By what it took last time on these weights, in proportion to the rows; else estimated."""
        rows = planned.rows
        facts: dict[str, Any] | None = self.context.rates.training(step, self.context.policy_weights)
        if rows and facts is not None and facts.get("size"):
            return float(facts["seconds"]) * rows / float(facts["size"])
        seconds = self._learning(step, rows) if rows else None
        planned.estimated = seconds is not None
        return seconds

    def _learning(self, step: str, rows: int) -> float | None:
        """An estimate of training: by rows of a prompt and half of the tokens that an answer may have."""
        recipe, rl = self.context.recipe, self.context.recipe.rl_cai
        model, prompt = recipe.roles.policy.model, self._prompt_tokens()
        if step == "sft":
            s = recipe.sl_cai
            return learn_seconds(model, rows * (prompt + s.draft.max_tokens / 2), s.sft.epochs, s.sft.lora.layers)
        answers = 2 * rows * (prompt + rl.answers.max_tokens / 2)
        if step == "reward_model" or rl.method in OFFLINE:
            trainer = rl.reward_model if step == "reward_model" else getattr(rl, rl.method)
            return learn_seconds(model, answers, trainer.epochs, trainer.lora.layers)
        settings = method_settings(rl)
        written = rows * settings.max_tokens / 2
        passes = getattr(settings, "epochs", 1)
        learnt = learn_seconds(model, rows * prompt + written, passes, recipe.sl_cai.sft.lora.layers)
        asked = call_seconds(model, 2 * rows * prompt + written, written)  # sampled, and read by reward and reference
        return None if learnt is None or asked is None else learnt + asked

    def _prompt_tokens(self) -> float:
        prompts = self.context.all_prompts("train")[:200]
        return sum(len(p.text) for p in prompts) * TOKENS_PER_CHARACTER / max(len(prompts), 1)


def _reasons_said(reasons: dict[str, list[int]], most: int = 5) -> str:
    """ "3 no prompt text, first line 7; 1 …": the commonest reasons first."""
    ordered = sorted(reasons.items(), key=lambda one: -len(one[1]))
    said = [f"{len(lines)} {reason}, first line {lines[0]}" for reason, lines in ordered[:most]]
    return "; ".join([*said, *([f"and {len(ordered) - most} more reasons"] if len(ordered) > most else [])])


def check_layers(recipe: Recipe, steps: set[str]) -> None:
    """Raises ConfigError where more layers are to learn than the policy has."""
    there = layers(recipe.roles.policy.model) if recipe.roles.policy.engine == "transformers" else None
    asked = {
        "sft": ("sl_cai.sft", recipe.sl_cai.sft),
        "reward_model": ("rl_cai.reward_model", recipe.rl_cai.reward_model),
    }
    for step, (path, settings) in asked.items():
        wanted = settings.lora.layers
        if step in steps and there is not None and wanted is not None and wanted > there:
            raise ConfigError(
                f"{path}.lora.layers: {wanted}, and {recipe.roles.policy.model} has {there} layers; give 1 to {there}, "
                "or null for all"
            )


def _reasons(changed: set[str], waits: list[str]) -> tuple[str, ...]:
    named = sorted(name for name in changed if not name.startswith("after "))
    made = sorted(name.removeprefix("after ") for name in changed if name.startswith("after "))
    said = [f"{name} changed" for name in named] + [f"{name} came out differently" for name in made]
    return (*said, *(f"waits for {name}" for name in waits))

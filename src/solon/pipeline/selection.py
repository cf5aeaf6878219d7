"""The checkpoint that the recipe's `select` picks: written once, read by serve, export and the report.

    selected.json    of a run: the rule, the picked model, every point with its figures and bounds
                     of a front: the same over all runs, and the picked one's folder

A changed rule picks anew from the answers that are there: it evaluates nothing again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.evaluation.picking import Pick, pick
from solon.evaluation.points import Metric, Point, answers_of, dominations, metrics_of, on_common_prompts
from solon.files import write_json
from solon.pipeline.along import ANSWERS as ALONG_ANSWERS
from solon.pipeline.along import at_step, kept, model_of
from solon.pipeline.context import Context, adapter_folder
from solon.pipeline.recipe import Recipe, aims_in
from solon.runs import Run
from solon.settings import Select
from solon.types import digest

SELECTED = "selected.json"
FRONT = "front.json"
ANSWERS = "evaluation/answers.json"
NAMES = {"base": "base", "sl_cai": "SL-CAI", "rl_cai": "RL-CAI"}
# The step that makes each model's weights; the base has none.
MADE_BY = {"sl_cai": "sft", "rl_cai": "policy"}


POLICY = "policy"  # what commands call the model that answers call rl_cai: its adapter's name


@dataclass(frozen=True, slots=True)
class Named:
    """A model of a run as commands name it: base, sl_cai, policy or reward_model. `by` is the rule that picked it, ""
    where it was named, or nothing picks."""

    folder: Path
    model: str
    by: str = ""


def command_name(model: str) -> str:
    """A model as commands name it: rl_cai is policy, rl_cai@10 policy@10."""
    name, step = model_of(model)
    known = POLICY if name == "rl_cai" else name
    return known if step is None else at_step(known, step)


def answers_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What every model of a run answered, those along the policy's training included. Raises ConfigError."""
    along = folder / ALONG_ANSWERS
    return {**_json(folder / ANSWERS), **(_json(along) if along.is_file() and kept(folder) else {})}


def check_select(context: Context) -> None:
    """Raises ConfigError where the rule names prompts of which none is held out: before anything is spent."""
    rule = context.recipe.select
    if rule is None:
        return
    metrics = metrics_of(aims_in(context.recipe))
    asked = {rule.maximise, *(bound.metric for bound in rule.bounds)}
    for kind in sorted({kind for name in asked for kind in metrics[name].weights}):
        if not context.prompts_of(kind, "heldout"):
            raise ConfigError(
                f"select: no {kind} prompt is held out, so {', '.join(sorted(asked))} cannot all be measured; "
                f"mark some of prompts.{kind} with split: heldout"
            )


def named(model: str) -> str:
    """A model as people read it: "RL-CAI", "RL-CAI at step 10"."""
    name, step = model_of(model)
    return NAMES.get(name, name) + (f" at step {step}" if step is not None else "")


def place(model: str) -> tuple[int, float]:
    """Where a model stands in the order in which they are made; others come last."""
    order, (name, step) = list(NAMES), model_of(model)
    return order.index(name) if name in order else len(order), math.inf if step is None else step


def points_in(answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Point]:
    """The models of a run's answers file as points, in the order they were made."""
    made = sorted(answers, key=lambda model: (place(model), model))
    return [Point(model, "base", answers_of(answers[model])) for model in made]


def measured_metrics(aims: Mapping[str, str], points: Sequence[Point]) -> dict[str, Metric]:
    """The metrics of the kinds that were measured."""
    measured = {kind for point in points for kind in point.kinds}
    return metrics_of({kind: aim for kind, aim in aims.items() if kind in measured})


def checkpoint(folder: Path, model: str) -> str:
    """The hash of a model's weights, as the records of its run say; "" where they do not."""
    step = MADE_BY.get(model_of(model)[0], "evaluate")
    try:
        record = json.loads((folder / "steps" / f"{step}.json").read_text())
        if step == "evaluate":
            return str(record["facts"]["weights"])
        own = f"{adapter_folder(command_name(model))}/"
        files = sorted((Path(path).name, sha) for path, sha in record["outputs"].items() if path.startswith(own))
        return digest(files) if files else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def write_selection(folder: Path, recipe: Recipe) -> None:
    """Pick by the recipe's rule from a run's answers, and publish; without a rule there is no selection."""
    path = folder / SELECTED
    if recipe.select is None:
        path.unlink(missing_ok=True)
        return
    answers = answers_in(folder)
    names = {model: named(model) for model in answers}
    points = on_common_prompts(points_in(answers))
    metrics = measured_metrics(aims_in(recipe), points)
    found = pick(points, metrics, recipe.select)
    model = found.point.name if found.point else None
    said = {
        "model": model,
        "checkpoint": checkpoint(folder, model) if model else "",
        **described(recipe.select, found, names),
        "points": figures(points, metrics, found, names),
    }
    write_json(path, said)


def described(rule: Select, found: Pick, names: Mapping[str, str]) -> dict[str, Any]:
    """The rule and what came of it, as plain data."""
    return {
        "rule": str(rule),
        "said": said_of(rule, found, names),
        "unsure": [str(check) for check in found.unsure],
        "rivals": [names[name] for name in found.rivals],
    }


def said_of(rule: Select, found: Pick, names: Mapping[str, str]) -> str:
    """What was picked, or why nothing was, in a sentence."""
    if (point := found.point) is not None:
        if point.name != point.base:
            return f"{names[point.name]} is picked: {rule}."
        alone = not any(found.keeps(name) for name in found.checks if name != point.name)
        return f"The base is picked{', as no model that was trained keeps every bound' if alone else ''}: {rule}."
    closest = min(found.checks, key=lambda name: sum(check.short for check in found.checks[name]))
    broken = "; ".join(str(check) for check in found.checks[closest] if not check.met)
    return f"No checkpoint keeps every bound of: {rule}. {names[closest]} comes closest and breaks {broken}."


def figures(
    points: Sequence[Point], metrics: Mapping[str, Metric], found: Pick | None, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Every point as plain data: its metrics with intervals, who dominates it, the bounds that it breaks."""
    behind = dominations(points, metrics)
    return [
        {
            "name": point.name,
            "label": names[point.name],
            "metrics": {name: asdict(metric.of(point)) for name, metric in metrics.items()},
            "dominated": asdict(behind[point.name]) if point.name in behind else None,
            "breaks": [str(check) for check in found.checks[point.name] if not check.met] if found else [],
            "picked": found is not None and point is found.point,
        }
        for point in points
    ]


def selection(folder: Path) -> dict[str, Any] | None:
    """What `selected.json` says; None where the recipe has no rule. Raises ConfigError for a broken file."""
    path = folder / SELECTED
    return dict(_json(path)) if path.is_file() else None


def the_model(folder: Path, what: str | None = None) -> Named:
    """The model `what` of a run; where none is named, the one that the rule picked, else the policy.

    `folder` may be a front's: then it is a model of the run whose checkpoint was picked. Raises ConfigError where the
    rule picked nothing, or its model was made again since.
    """
    said, is_front = selection(folder), (folder / FRONT).is_file()
    if said is None and is_front:
        raise ConfigError(f"front: the recipe of {folder} has no rule (select); give one of the runs in {folder}/runs")
    if said is None or (what is not None and not is_front):
        return Named(folder, what or POLICY)
    if said.get("model") is None:
        other = f"give one of the runs in {folder}/runs" if is_front else "name a model with --what"
        raise ConfigError(f"select: {said.get('said', 'nothing was picked.')} Change the rule, or {other}")
    run = folder / str(said.get("run") or ".")
    if what is not None:
        return Named(run, what)
    return Named(run, _picked(run, said), str(said.get("rule", "")))


def _picked(run: Path, said: Mapping[str, Any]) -> str:
    """The picked model as commands name it. Raises ConfigError where it is not what was picked any more."""
    model = str(said["model"])
    step = MADE_BY.get(model_of(model)[0])
    changed = said.get("checkpoint") != checkpoint(run, model)
    if changed or (step is not None and Run(run, read_only=True).finished(step) is None):
        raise ConfigError(f"select: {run} was changed since {model} was picked; run the same command again")
    return command_name(model)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"run: cannot read {path}: {str(error).splitlines()[0]}; run the recipe again") from None

"""Finished runs side by side: what each way of training did, over seeds, with intervals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from solon.constitution import load_constitution
from solon.errors import ConfigError
from solon.evaluation import DECLINED
from solon.pipeline.places import finishing, refuse_no_run
from solon.pipeline.recipe import Recipe, load_recipe
from solon.pipeline.trained import refuse_training
from solon.report.paired import Difference, Mean, difference_of, holm, mean_of
from solon.settings import Method
from solon.types import digest

METHODS: tuple[str, ...] = get_args(Method)
Answered = list[dict[str, Any]]  # a model's answers, with prompt, conduct and reward
NAMES = {"base": "base", "sl_cai": "SL-CAI"}  # the models that all runs have, by their names in answers.json


@dataclass(frozen=True, slots=True)
class Compared:
    """One line: a model, how many seeds it was trained with, and what it does.

    `declined` by kind of prompt, shares in [0, 1]; `reward` by the one reward model of all runs (None where they have
    several, whose rewards have no common scale) and `words` per answer, over all prompts; `kl` in nats per answer at
    the last step that has one; `seconds` of training; `stopped` counts the seeds whose guards ended the training.
    """

    name: str
    seeds: int
    declined: dict[str, Mean]
    reward: Mean | None
    words: Mean
    kl: float | None
    seconds: float | None
    stopped: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Finished runs side by side.

    `reward_models` has the hashes of the reward models that scored the runs' answers, `left_out` the runs that were
    given twice. `differences` are between each way of training and SL-CAI, and between the ways, on every kind.
    """

    lines: list[Compared]
    differences: list[Difference]
    reward_models: list[str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class _Run:
    folder: Path
    recipe: Recipe
    answers: dict[str, list[dict[str, Any]]]
    policy: dict[str, Any]
    reward_model: str = ""

    @property
    def group(self) -> str:
        """What runs that differ by their seeds alone have in common: the recipe but for name, seeds and the sections
        of the methods that it does not use."""
        recipe = self.recipe.model_dump(mode="json", exclude={"name", "seed"})
        # What its files say makes a run, not where they lay: a run may have been moved here from another machine.
        recipe["constitution"] = _law(self.folder) or Path(self.recipe.constitution).name
        for kind in recipe["prompts"].values():
            kind["file"] = Path(kind["file"]).name
        unused = {*METHODS} - {self.recipe.rl_cai.method}
        recipe["rl_cai"] = {
            k: v for k, v in recipe["rl_cai"].items() if k not in ("seed", "checkpoints") and k not in unused
        }
        return digest(recipe)

    @property
    def training(self) -> str:
        """What this very training is: its group, its seeds, and what its policy says."""
        rl = self.recipe.rl_cai
        seed = self.recipe.seed if rl.seed is None else rl.seed
        return digest([self.group, self.recipe.seed, seed, _said(self.answers["rl_cai"])])


def compared(folders: Sequence[Path]) -> Comparison:
    """A line for the base, one for SL-CAI, and one for each way of training, its seeds together.

    A folder that is given twice, by whatever name, and a copy of a run count once. Raises ConfigError for a folder
    without a finished evaluation, and for runs evaluated on different prompts.
    """
    runs, left_out = _once(folders)
    first = _prompts(runs[0])
    for run in runs:
        if _prompts(run) != first:
            raise ConfigError(f"compare: {run.folder} was evaluated on other prompts than {runs[0].folder}")
    models = sorted({run.reward_model for run in runs})
    scored = len(models) == 1
    lines = [_line(name, [run.answers[key] for run in runs], [], scored) for key, name in NAMES.items()]
    groups: dict[str, list[_Run]] = defaultdict(list)
    for run in runs:
        groups[run.group].append(run)
    methods = [group[0].recipe.rl_cai.method for group in groups.values()]
    ways: dict[str, list[Answered]] = {}
    for method, group in zip(methods, groups.values(), strict=True):
        name = method if methods.count(method) == 1 else f"{method} ({group[0].folder.name})"
        ways[name] = [run.answers["rl_cai"] for run in group]
        lines.append(_line(name, ways[name], [run.policy for run in group], scored))
    before = _distinct([run.answers["sl_cai"] for run in runs])
    return Comparison(lines, _differences(ways, before), [model for model in models if model], left_out)


def _once(folders: Sequence[Path]) -> tuple[list[_Run], list[str]]:
    """The runs in folders, each once; and the folders that were left out, with why."""
    runs: dict[Path, _Run] = {}
    left_out: list[str] = []
    for folder in folders:
        place = folder.resolve()
        run = None if place in runs else _read(folder)
        twin = runs.get(place) or next((one for one in runs.values() if run and one.training == run.training), None)
        if run is None or twin is not None:
            assert twin is not None
            how = "the same folder as" if run is None else "a copy of the run in"
            left_out.append(f"{folder} is {how} {twin.folder}")
        else:
            runs[place] = run
    return list(runs.values()), left_out


def _differences(ways: dict[str, list[Answered]], before: list[Answered]) -> list[Difference]:
    """Each way against SL-CAI, where there is one such model, and each two ways, on every kind of prompt.

    SL-CAI is what all ways start from: one model, whose own seed is not drawn again.
    """
    models = {NAMES["sl_cai"]: before, **ways} if len(before) == 1 else ways
    kinds = dict.fromkeys(row["kind"] for row in before[0])
    pairs = [(one, other, kind) for other, one in combinations(models, 2) for kind in kinds]
    found = [
        difference_of(_declined(models[one], kind), _declined(models[other], kind), fixed=other == NAMES["sl_cai"])
        for one, other, kind in pairs
    ]
    adjusted = holm([p for _, _, _, p, _ in found])
    return [
        Difference(*pair, value, low, high, p, corrected, seeds)
        for pair, (value, low, high, p, seeds), corrected in zip(pairs, found, adjusted, strict=True)
    ]


def _declined(answered: Sequence[Answered], kind: str) -> list[list[bool]]:
    return [[row["conduct"] in DECLINED for row in rows if row["kind"] == kind] for rows in answered]


def _said(rows: Answered) -> str:
    """What a model said, whoever scored it."""
    return digest([[row["id"], row["text"], row["conduct"]] for row in rows])


def _distinct(answered: Sequence[Answered]) -> list[Answered]:
    """Answers of different models: runs that began with each other's steps share some."""
    return list({_said(rows): rows for rows in reversed(answered)}.values())[::-1]


def _read(folder: Path) -> _Run:
    try:
        answers = json.loads((folder / "evaluation" / "answers.json").read_text())
        policy = json.loads((folder / "steps" / "policy.json").read_text())["facts"]
    except (OSError, ValueError, KeyError):
        refuse_training(folder, "compare")
        refuse_no_run(folder)
        raise ConfigError(f"compare: {folder} holds no finished run; finish it with {finishing(folder)}") from None
    return _Run(folder, load_recipe(str(folder / "recipe.yaml")), answers, policy, _reward_model(folder))


def _law(folder: Path) -> str:
    """The hash of the constitution that the run used; "" where its folder does not hold it."""
    try:
        return load_constitution(folder.resolve()).hash
    except ConfigError:
        return ""


def _reward_model(folder: Path) -> str:
    """What the weights of the run's reward model hash to, in short; "" where the run does not say."""
    try:
        outputs = json.loads((folder / "steps" / "reward_model.json").read_text())["outputs"]
        weights = {name: made for name, made in outputs.items() if name.endswith(".safetensors")}
    except (OSError, ValueError, KeyError):
        return ""
    return digest(weights)[:12]


def _prompts(run: _Run) -> list[str]:
    return [row["id"] for row in run.answers["base"]]


def _line(name: str, answered: Sequence[Answered], policies: Sequence[dict[str, Any]], scored: bool) -> Compared:
    if not policies:
        answered = _distinct(answered)
    kinds = dict.fromkeys(row["kind"] for row in answered[0])
    kls = [step["kl"] for policy in policies for step in policy["steps"][-1:] if "kl" in step]
    return Compared(
        name,
        len(answered),
        {kind: mean_of(_declined(answered, kind)) for kind in kinds},
        mean_of([[float(row["reward"]) for row in rows] for rows in answered]) if scored else None,
        mean_of([[float(len(row["text"].split())) for row in rows] for rows in answered]),
        sum(kls) / len(kls) if kls else None,
        sum(p["seconds"] for p in policies) / len(policies) if policies else None,
        sum(bool(p.get("guards", {}).get("stopped")) for p in policies),
    )

"""Finished runs side by side: what each way of training did, over seeds, with intervals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.errors import ConfigError
from solon.evaluation import DECLINED
from solon.intervals import bootstrapped, wilson
from solon.pipeline.recipe import Recipe, load_recipe
from solon.types import digest

NAMES = {"base": "base", "sl_cai": "SL-CAI"}  # the models that all runs have, by their names in answers.json


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over held-out prompts, each first averaged over the seeds, with its 95% interval over prompts (of a share
    of one seed Wilson's, else bootstrap), and the least and the most of any seed."""

    value: float
    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One line: a model, how many seeds it was trained with, and what it does.

    `declined` by kind of prompt, shares in [0, 1]; `reward` by the runs' own reward model and `words` per answer, over
    all prompts; `kl` in nats per answer at the last step that has one; `seconds` of training; `stopped` counts the
    seeds whose guards ended the training.
    """

    name: str
    seeds: int
    declined: dict[str, Mean]
    reward: Mean
    words: Mean
    kl: float | None
    seconds: float | None
    stopped: int


@dataclass(frozen=True, slots=True)
class _Run:
    folder: Path
    recipe: Recipe
    answers: dict[str, list[dict[str, Any]]]
    policy: dict[str, Any]

    @property
    def group(self) -> str:
        """What runs that differ by their seed alone have in common."""
        rl = self.recipe.rl_cai
        kept = ("method", rl.method, "rewards", "guards", "feedback", "reward_model")
        return digest([self.recipe.model_dump(exclude={"name", "seed", "rl_cai"}), rl.model_dump(include={*kept})])


def compared(folders: Sequence[Path]) -> list[Compared]:
    """A line for the base, one for SL-CAI, and one for each way of training, its seeds together.

    Raises ConfigError for a folder without a finished evaluation, and for runs evaluated on different prompts.
    """
    runs = [_read(folder) for folder in folders]
    first = _prompts(runs[0])
    for run in runs:
        if _prompts(run) != first:
            raise ConfigError(f"compare: {run.folder} was evaluated on other prompts than {runs[0].folder}")
    lines = [_line(name, [run.answers[key] for run in runs], []) for key, name in NAMES.items()]
    groups: dict[str, list[_Run]] = defaultdict(list)
    for run in runs:
        groups[run.group].append(run)
    names = [group[0].recipe.rl_cai.method for group in groups.values()]
    for group in groups.values():
        method = group[0].recipe.rl_cai.method
        name = method if names.count(method) == 1 else f"{method} ({group[0].folder.name})"
        lines.append(_line(name, [run.answers["rl_cai"] for run in group], [run.policy for run in group]))
    return lines


def _read(folder: Path) -> _Run:
    try:
        answers = json.loads((folder / "evaluation" / "answers.json").read_text())
        policy = json.loads((folder / "steps" / "policy.json").read_text())["facts"]
    except (OSError, ValueError, KeyError):
        raise ConfigError(f"compare: {folder} holds no finished run; finish it with solon run") from None
    return _Run(folder, load_recipe(str(folder / "recipe.yaml")), answers, policy)


def _prompts(run: _Run) -> list[str]:
    return [row["id"] for row in run.answers["base"]]


def _line(name: str, answered: Sequence[list[dict[str, Any]]], policies: Sequence[dict[str, Any]]) -> Compared:
    if not policies:  # runs that began with each other's steps share these models
        answered = list({digest(rows): rows for rows in answered}.values())
    kinds = dict.fromkeys(row["kind"] for row in answered[0])
    declined = {
        kind: _mean([[row["conduct"] in DECLINED for row in rows if row["kind"] == kind] for rows in answered])
        for kind in kinds
    }
    kls = [step["kl"] for policy in policies for step in policy["steps"][-1:] if "kl" in step]
    return Compared(
        name,
        len(answered),
        declined,
        _mean([[row["reward"] for row in rows] for rows in answered]),
        _mean([[len(row["text"].split()) for row in rows] for rows in answered]),
        sum(kls) / len(kls) if kls else None,
        sum(p["seconds"] for p in policies) / len(policies) if policies else None,
        sum(bool(p.get("guards", {}).get("stopped")) for p in policies),
    )


def _mean(by_seed: Sequence[Sequence[float]]) -> Mean:
    """`by_seed` holds a value for each prompt, in the same order for every seed."""
    means = [sum(values) / len(values) for values in by_seed]
    by_prompt = [sum(values) / len(values) for values in zip(*by_seed, strict=True)]
    if len(by_seed) == 1 and all(
        isinstance(value, bool) for value in by_seed[0]
    ):  # a bootstrap of equal values would claim to be certain
        low, high = wilson(round(sum(by_prompt)), len(by_prompt))
    else:
        low, high = bootstrapped(lambda x: x.mean(-1), by_prompt)
    return Mean(sum(means) / len(means), low, high, min(means), max(means))

"""`solon export --to`: a folder with data, models, settings and commands for another trainer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from solon.data.tables import read_rows, write_rows
from solon.errors import ConfigError
from solon.files import write_atomic
from solon.pipeline.context import load_prompts
from solon.pipeline.export.base import base_of, base_source
from solon.pipeline.export.finished import FinishedRun, What
from solon.pipeline.export.launchers import openrlhf, verl
from solon.pipeline.export.launchers.rows import (
    Row,
    drawn_pairs,
    harmless,
    passes,
    prompt_rows,
    rolled_out,
    sft_conversations,
    sft_rows,
)
from solon.pipeline.export.launchers.script import DEEPSPEED, PYTHON, TORCHRUN, command, head, settings_file
from solon.pipeline.export.launchers.stage import Plan, Stage, not_carried, refuse, spread_of
from solon.pipeline.export.publish import exported, refuse_taken
from solon.pipeline.recipe import Role
from solon.types import Prompt

if TYPE_CHECKING:
    from solon.engines.local.model import LocalModel

TOOLS: dict[str, ModuleType] = {"openrlhf": openrlhf, "verl": verl}
NAMES = "names.json"


def checked_names() -> dict[str, Any]:
    """Version and argument names of each tool, by module, as scripts/check_launchers.py found them."""
    names: dict[str, Any] = json.loads((files(__package__) / NAMES).read_text(encoding="utf-8"))
    return names


def export_launcher(run_folder: Path, tool: str, out: Path, *, force: bool = False) -> Path:
    """Write the run's data, models and settings for `tool` to `out`; returns it.

    Raises ConfigError for an unknown tool, a method that it has no trainer for, an unfinished run or a folder that is
    taken; ModelError where the base is gone; StorageError when the disk refuses.
    """
    if tool not in TOOLS:
        raise ConfigError(f"--to: '{tool}' is no tool known here; choose one of {', '.join(TOOLS)}")
    run = FinishedRun.load(run_folder)
    refuse(run.recipe, tool, TOOLS[tool].METHODS)
    refuse_taken(out, force=force)
    from solon.engines.local.model import LocalModel

    role = run.recipe.roles.policy
    models = _models(run)
    plan = Plan(run.recipe, _base(role), spread_of(run.folder / "evaluation/answers.json"))
    rows = _rows(run, plan, tool)
    stages: list[Stage] = TOOLS[tool].stages(plan)
    local = LocalModel.load(role.model, role.precision, "cpu")
    made_of = {"run": run.recipe.name, "to": tool, "version": checked_names()[tool]["version"]}
    with exported(out, made_of, force=force) as folder:
        _write_models(local, models, folder / "models")
        _write_rows(rows, local, tool, folder)
        for stage in stages:
            _write_stage(stage, tool, plan.base, folder)
        write_atomic(folder / "README.md", _readme(plan, tool, stages))
    return out


def _models(run: FinishedRun) -> dict[What, Path]:
    """The adapters that the stages start from. Raises ConfigError where one is missing."""
    wanted: tuple[What, ...] = ("sl_cai",) if run.recipe.rl_cai.method == "dpo" else ("sl_cai", "reward_model")
    return {what: run.model(what) for what in wanted}


def _base(role: Role) -> str:
    """The base's hub id, or the folder that holds it here."""
    return role.model if base_of(role).hub else str(base_source(role).folder.absolute())


def _prompts(run: FinishedRun) -> tuple[list[Prompt], list[Prompt]]:
    """Training and held-out prompts of every kind."""
    loaded = [prompt for prompts in load_prompts(run.recipe, [run.folder]).prompts.values() for prompt in prompts]
    return [p for p in loaded if p.split == "train"], [p for p in loaded if p.split == "heldout"]


def _write_models(local: LocalModel, models: dict[What, Path], folder: Path) -> None:
    from solon.pipeline.export.weights import write_merged, write_merged_reward

    for what, adapter in models.items():
        (folder / what).mkdir(parents=True)
        write = write_merged_reward if what == "reward_model" else write_merged
        write(local, adapter, folder / what)


def _rows(run: FinishedRun, plan: Plan, tool: str) -> dict[str, list[Row]]:
    """The rows of each data file, by its name."""
    train, heldout = _prompts(run)
    sft = read_rows(run.folder / "sl_cai/sft.parquet")
    if tool == "verl":
        asked = heldout or train[:1]  # it wants some to start, and with trainer.test_freq -1 never asks them
        rolled = prompt_rows(rolled_out(train, plan))
        return {"sft": sft_conversations(sft), "prompts": rolled, "heldout": prompt_rows(asked)}
    rl = run.recipe.rl_cai
    epochs = rl.dpo.epochs if rl.method == "dpo" else rl.reward_model.epochs
    pairs = drawn_pairs(read_rows(run.folder / "rl_cai/preferences.parquet"), passes(epochs))
    prompts = {} if rl.method == "dpo" else {"prompts": prompt_rows(rolled_out(train, plan))}
    return {"sft": sft_rows(sft), "preferences": pairs, **prompts}


def _write_rows(rows: dict[str, list[Row]], local: LocalModel, tool: str, folder: Path) -> None:
    for name, those in rows.items():
        clean = harmless(those, local.harmless_text)
        if tool == "verl":
            write_rows(folder / f"{name}.parquet", clean)
        else:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in clean)
            write_atomic(folder / f"{name}.jsonl", "".join(lines))


def _write_stage(stage: Stage, tool: str, base: str, folder: Path) -> None:
    script = head(stage, tool, base)
    if tool == "verl":
        write_atomic(folder / f"{stage.name}.yaml", settings_file(stage, verl.CONFIGS[stage.module]))
        launcher = TORCHRUN if stage.module == verl.SFT else PYTHON
        module = f'{stage.module} --config-dir "$HERE" --config-name {stage.name}'
        script += command(launcher, module, stage.arguments, dashes=False)
    else:
        launcher = PYTHON if stage.module.endswith("_ray") else DEEPSPEED
        script += command(launcher, stage.module, stage.arguments, dashes=True)
    for module, arguments in stage.after:
        script += command(PYTHON, module, arguments, dashes=True)
    path = folder / f"{stage.name}.sh"
    write_atomic(path, script)
    path.chmod(0o755)


def _readme(plan: Plan, tool: str, stages: Sequence[Stage]) -> str:
    """What is in the folder, how to run it, and what is not as in the recipe."""
    version = checked_names()[tool]["version"]
    order = "\n".join(
        f"{n}. `./{stage.name}.sh`: {' '.join(stage.remarks) or 'as in the recipe.'}"
        for n, stage in enumerate(stages, 1)
    )
    left = "\n".join(f"- `{name}`" for name in not_carried(plan.recipe)) or "- nothing that the recipe uses"
    drawn = (
        "- Labels are soft in Solon and hard here. `preferences.jsonl` holds each pair once for every epoch, its sides "
        "drawn so that the likelier reply is `chosen` in its share `prob_chosen`: on average that is the loss on soft "
        "labels.\n"
    )
    return (
        f"# {plan.recipe.name} for {tool}\n\nWritten by `solon export --to {tool}`; every argument name was checked "
        f"against {tool} {version}. Install {tool} in an environment of its own: its pins and Solon's conflict.\n\n"
        f"{order}\n\nSet `NUM_NODES`, `NUM_GPUS_PER_NODE` and `MICRO_BATCH` for your machines; `BASE`, `SL_CAI` and "
        "`REWARD_MODEL` for other models. `models/` holds the run's own, merged.\n\n## What differs from Solon\n\n"
        f"{drawn if tool == 'openrlhf' else ''}"
        "- Answers that were cut off by their token limit are left out of the SFT rows, and pairs with one of the "
        "preferences: an end would be learnt there.\n"
        f"\nNot carried over:\n\n{left}\n"
    )

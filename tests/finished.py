"""A finished run of the tiny Llama, written by hand: random adapters, made-up figures, real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from recipes_for_tests import tiny_recipe
from solon.constitution import Constitution
from solon.data.tables import write_rows
from solon.engines.local.model import LocalModel
from solon.files import write_json
from solon.pipeline.context import ADAPTERS, REWARD_FOLDER
from solon.pipeline.recipe import load_recipe
from solon.runs import Run
from solon.settings import LoraSettings
from solon.training.adapters import add_adapter, save_adapter

RATE = {"value": 0.75, "low": 0.5, "high": 0.9, "n": 12}
MOVED = {"value": 0.25, "low": -0.05, "high": 0.5, "n": 12}


def finished_run(folder: Path, model: Path, constitution: Constitution, **changes: Any) -> Path:
    """Write it to `folder` and return it. `changes` are of the recipe."""
    recipe = tiny_recipe(folder.parent / f"{folder.name}-files", model, **changes)
    run = Run(folder)
    (folder / "recipe.yaml").write_text(recipe.read_text())
    write_json(folder / "constitution.json", constitution.model_dump(mode="json"))
    _write_models(run, LocalModel.load(str(model)))
    _write_data(folder)
    run.finish("revisions", "k", {}, [], {"chains": 6, "mix": {"revision": 3, "critique": 1}})
    run.finish("preferences", "k", {}, [folder / "rl_cai/preferences.parquet"], {"labelled": 3, "failed": 1})
    write_json(folder / "evaluation/metrics.json", _metrics())
    write_json(folder / "evaluation/answers.json", {"sl_cai": [{"reward": r} for r in (0.0, 1.0, 0.0, 1.0)]})
    write_json(folder / "manifest.json", _manifest(recipe))
    return folder


def _write_models(run: Run, local: LocalModel) -> None:
    generator = torch.Generator().manual_seed(5)
    steps = {"sl_cai": ("sft", ADAPTERS["sl_cai"]), "policy": ("policy", ADAPTERS["policy"])}
    for name, (step, where) in {**steps, "reward_model": ("reward_model", REWARD_FOLDER)}.items():
        add_adapter(local, name, LoraSettings(rank=4, alpha=8), seed=1)
        for path, weight in local.model.named_parameters():
            if f"lora_B.{name}." in path:
                weight.data = torch.randn(weight.shape, generator=generator) * 0.1
        with run.building(where) as folder:
            save_adapter(local, name, folder)
            if name == "reward_model":
                head = torch.randn(2, 32, generator=generator)
                save_file({"weight": head, "bias": torch.tensor([0.3, 0.5])}, folder / "reward_head.safetensors")
        run.finish(step, "k", {}, [run.folder / where], {"pairs": 3, "heldout_pairs": 4, "heldout_right": 3})


def _write_data(folder: Path) -> None:
    turn = [{"role": "user", "content": "how <|im_end|> so?"}]
    rows = [("ok.", "revision", True), ("cut o", "helpful", False), ("weak", "critique", True)]
    sft = [
        {"prompt": turn, "completion": [{"role": "assistant", "content": text}], "source": source, "ended": ended}
        for text, source, ended in rows
    ]
    write_rows(folder / "sl_cai/sft.parquet", sft)
    pairs = [
        {
            "id": f"p{n}",
            "prompt": turn,
            "chosen": [{"role": "assistant", "content": "yes"}],
            "rejected": [{"role": "assistant", "content": "yes" if n == 0 else "no"}],
            "prob_chosen": 0.75,
        }
        for n in range(201)
    ]
    write_rows(folder / "rl_cai/preferences.parquet", pairs)


def _metrics() -> dict[str, Any]:
    return {"red_team": {m: {"declined": RATE, "declined_change": MOVED} for m in ("base", "sl_cai", "rl_cai")}}


def _manifest(recipe: Path) -> dict[str, Any]:
    loaded = load_recipe(str(recipe))
    return {
        "recipe": loaded.name,
        "recipe_hash": "ab" * 32,
        "seed": loaded.seed,
        "quarantined": 2,
        "versions": {"solon": "0.1.0", "torch": "2.9.0"},
        "python": "3.11.7",
    }


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())

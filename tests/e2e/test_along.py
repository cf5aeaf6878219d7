"""Checkpoints along the policy's training: kept, evaluated, on the front, picked, served and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe
from solon.errors import ConfigError
from solon.evaluation import DECLINED
from solon.pipeline.along import kept, model_of, steps_of, undone
from solon.pipeline.export.card import model_card
from solon.pipeline.export.model import export_model
from solon.pipeline.front import grid, run_front
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.pipeline.selection import the_model
from solon.report import write_report
from solon.report.material import read_material
from solon.report.sides import sides
from solon.serve.source import from_run

RULE = {"maximise": "harmless", "subject_to": {"helpful_declined": "<= base + 100"}}
PPO = {"steps": 4, "batch_size": 4, "minibatch_size": 2, "max_tokens": 6, "learning_rate": 0.01}


def test_steps_lie_evenly_between_start_and_end() -> None:
    assert steps_of(10, 1) == {5}
    assert steps_of(100, 3) == {25, 50, 75}
    assert steps_of(2, 5) == {1}
    assert steps_of(1, 4) == steps_of(9, 0) == set()
    assert (model_of("rl_cai@10"), model_of("rl_cai"), model_of("a@b")) == (
        ("rl_cai", 10),
        ("rl_cai", None),
        ("a@b", None),
    )


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("along")
    recipe = str(tiny_recipe(folder / "recipe", tiny_folder, select=RULE))
    run = folder / "run"
    set_to = ("rl_cai.checkpoints=1", f"rl_cai.ppo={json.dumps(PPO)}")
    run_recipe(load_recipe(recipe, set_to), run, Progress(quiet=True))
    return recipe, run


def test_they_are_kept_and_evaluated_beside_the_last(made: tuple[str, Path]) -> None:
    _, run = made
    assert kept(run) == [2]
    last, half = (run / name / "adapter_model.safetensors" for name in ("rl_cai/policy", "rl_cai/along/2"))
    assert last.read_bytes() != half.read_bytes()
    answers = {name: json.loads((run / f"evaluation/{name}.json").read_text()) for name in ("answers", "along")}
    assert [*answers["along"]] == ["rl_cai@2"]
    assert [row["id"] for row in answers["along"]["rl_cai@2"]] == [row["id"] for row in answers["answers"]["base"]]
    assert "rl_cai@2" in json.loads((run / "evaluation/metrics.json").read_text())["red_team"]
    recipe = load_recipe(made[0], ("rl_cai.checkpoints=1", f"rl_cai.ppo={json.dumps(PPO)}"))
    assert not make_plan(recipe, run).to_run


def test_the_weights_of_a_step_are_those_of_a_training_that_stopped_there(
    made: tuple[str, Path], tmp_path: Path
) -> None:
    recipe, run = made
    shorter = load_recipe(recipe, (f"rl_cai.ppo={json.dumps(PPO | {'steps': 2})}",))
    run_recipe(shorter, tmp_path / "shorter", Progress(quiet=True), begin=run)
    ended = tmp_path / "shorter/rl_cai/policy/adapter_model.safetensors"
    assert ended.read_bytes() == (run / "rl_cai/along/2/adapter_model.safetensors").read_bytes()


def test_one_that_is_picked_is_the_model(made: tuple[str, Path], tmp_path: Path) -> None:
    """The rule picks the checkpoint where its answers decline and the others' do not."""
    recipe, run = made
    along = run / "evaluation/along.json"
    rows: dict[str, list[dict[str, Any]]] = json.loads(along.read_text())
    for row in rows["rl_cai@2"]:
        if row["kind"] == "red_team":
            row |= {"conduct": min(DECLINED), "text": "I won't do that."}
    along.unlink()
    along.write_text(json.dumps(rows))
    record = run / "steps/evaluate.json"
    data = json.loads(record.read_text())
    del data["outputs"]["evaluation/along.json"]  # it is the answers that are made up here, not the record's care
    del data["hash"]  # as in the records of older versions
    record.unlink()
    record.write_text(json.dumps(data))
    set_to = ("rl_cai.checkpoints=1", f"rl_cai.ppo={json.dumps(PPO)}")
    run_recipe(load_recipe(recipe, set_to), run, Progress(quiet=True))
    said = json.loads((run / "selected.json").read_text())
    assert (said["model"], said["said"].partition(":")[0]) == ("rl_cai@2", "RL-CAI at step 2 is picked")
    assert [point["label"] for point in said["points"]] == ["base", "SL-CAI", "RL-CAI at step 2", "RL-CAI"]
    named = the_model(run)
    assert (named.model, named.folder) == ("policy@2", run)
    assert from_run(run).model.startswith(f"the RL-CAI policy after step 2 of {run}, picked by the rule")
    out = export_model(run, tmp_path / "out", named.model)
    weights = "adapter_model.safetensors"
    assert (out / weights).stat().st_size == (run / "rl_cai/along/2" / weights).stat().st_size
    assert "RL-CAI) after step 2" in model_card(run, "policy@2")
    assert "picked by the rule" in model_card(run, "policy@2")
    material = read_material(run)
    assert {row["text"] for row in material.answers["rl_cai"] if row["kind"] == "red_team"} == {"I won't do that."}
    assert sides(material).said.startswith("Both sides: RL-CAI declines 100%")
    assert "RL-CAI at step 2 is picked" in write_report(run).read_text().replace("\xa0", " ")
    with pytest.raises(ConfigError, match=r"'policy@3' is no checkpoint of .*; choose one of policy@2"):
        from_run(run, what="policy@3")
    with pytest.raises(ConfigError, match=r"'policy@3' is no checkpoint of .*; choose one of policy@2"):
        export_model(run, tmp_path / "other", "policy@3")


def test_a_front_shows_them_once(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = str(tiny_recipe(tmp_path / "recipe", tiny_folder, select=RULE))
    variants = grid(recipe, ("rl_cai.checkpoints=1", f"rl_cai.ppo={json.dumps(PPO)}"), ["rl_cai.seed=7,8"])
    found = run_front(variants, tmp_path / "front", Progress(quiet=True))
    labels = [point["label"] for point in found["points"]]
    ways = [f"RL-CAI{at} seed={seed}" for at in (" at step 2", "") for seed in (7, 8)]
    assert labels == ["base", "SL-CAI", *ways]
    assert len({point["checkpoint"] for point in found["points"]}) == 6


@pytest.mark.parametrize("method", ["dpo", "kto", "grpo", "rloo"])
def test_every_method_with_steps_keeps_what_learns(method: str, made: tuple[str, Path], tmp_path: Path) -> None:
    recipe, begun = made
    short = json.dumps(
        {
            "steps": 2,
            "batch_size": 4,
            "group": 2,
            "max_tokens": 6,
            "learning_rate": 0.01,
            "mask_truncated_completions": False,
        }
    )
    pairs = json.dumps({"epochs": 2, "batch_size": 2, "learning_rate": 0.01})
    section = pairs if method in ("dpo", "kto") else short
    recipe_ = load_recipe(recipe, (f"rl_cai.method={method}", f"rl_cai.{method}={section}", "rl_cai.checkpoints=1"))
    run_recipe(recipe_, tmp_path / "run", Progress(quiet=True), begin=begun)
    (step,) = kept(tmp_path / "run")
    half = tmp_path / f"run/rl_cai/along/{step}/adapter_model.safetensors"
    last, start = (tmp_path / f"run/{name}/adapter_model.safetensors" for name in ("rl_cai/policy", "sl_cai/model"))
    assert half.read_bytes() not in (last.read_bytes(), start.read_bytes())
    assert not (tmp_path / "run/checkpoints/policy-along").exists()


def test_what_a_guard_undid_is_not_kept() -> None:
    stopped = {"stopped": "length rang", "best": 40, "repairs": []}
    assert [undone(step, stopped) for step in (20, 40, 41)] == [False, False, True]
    mended = {"stopped": None, "best": 100, "repairs": [{"step": 75, "to": 60}]}
    assert [undone(step, mended) for step in (60, 61, 75, 76)] == [False, True, True, False]


def test_a_run_that_keeps_none_any_more_shows_none(made: tuple[str, Path], tmp_path: Path) -> None:
    recipe, begun = made
    run_recipe(
        load_recipe(recipe, (f"rl_cai.ppo={json.dumps(PPO)}",)), tmp_path / "run", Progress(quiet=True), begin=begun
    )
    assert kept(tmp_path / "run") == []
    assert not (tmp_path / "run/evaluation/along.json").exists()


def test_a_method_without_steps_keeps_none(tmp_path: Path, tiny_folder: Path) -> None:
    recipe = str(tiny_recipe(tmp_path, tiny_folder))
    with pytest.raises(ConfigError, match=r"rl_cai: checkpoints: best_of_n samples first"):
        load_recipe(recipe, ("rl_cai.method=best_of_n", "rl_cai.checkpoints=2"))

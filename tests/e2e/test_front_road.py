"""A front on the tiny Llama: what its runs share, what it costs; kill -9 anywhere: the same front, no call twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe
from solon.errors import ConfigError
from solon.memo import Memo
from solon.pipeline.front import grid, run_front
from solon.pipeline.progress import Progress
from solon.pipeline.run import run_recipe
from solon.pipeline.selection import the_model

KILLS = 3
CHILD = Path(__file__).with_name("front_child.py")
RULE = {"maximise": "harmless", "subject_to": {"helpful_declined": "<= base + 50"}}
OVER = ["rl_cai.method=dpo,kto", "rl_cai.seed=7,8,9"]


def a_recipe(folder: Path, model: Path, **changes: Any) -> str:
    return str(tiny_recipe(folder, model, select=RULE, **changes))


def front_of(recipe: str, folder: Path, over: list[str]) -> dict[str, Any]:
    return run_front(grid(recipe, (), over), folder, Progress(quiet=True))


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict[str, Any]]:
    """(recipe, folder, what was found) of a front of six."""
    folder = tmp_path_factory.mktemp("front")
    recipe = a_recipe(folder, tiny_folder)
    return recipe, folder / "front", front_of(recipe, folder / "front", OVER)


def test_six_variants_cost_less_than_three_runs(made: tuple[str, Path, dict[str, Any]]) -> None:
    cost = made[2]["cost"]
    # Judge, revisions, SFT, preferences and reward model once; a policy and an evaluation each.
    assert (cost["steps"]["made"], cost["steps"]["alone"]) == (5 + 6 + 6, 7 * 6)
    assert cost["steps"]["runs_worth"] < 3
    assert cost["calls"]["runs_worth"] < 3
    assert cost["calls"]["alone"] > 3 * cost["calls"]["made"]


def test_runs_share_files_and_one_memo(made: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, found = made
    runs = [folder / run["folder"] for run in found["runs"]]
    for name in ("sl_cai/model/adapter_model.safetensors", "rl_cai/preferences.parquet"):
        assert len({(run / name).stat().st_ino for run in runs}) == 1
    assert len({(run / "rl_cai/policy/adapter_model.safetensors").stat().st_ino for run in runs}) == 6
    assert {(run / "memo.sqlite").resolve() for run in runs} == {(folder / "memo.sqlite").resolve()}
    for run in runs[1:]:
        calls = json.loads((run / "manifest.json").read_text())["calls"]
        assert all(usage["live"] == 0 for role, usage in calls.items() if role != "policy (rl_cai)")


def test_every_checkpoint_is_shown_once(made: tuple[str, Path, dict[str, Any]]) -> None:
    points = made[2]["points"]
    assert [point["label"] for point in points] == [
        "base",
        "SL-CAI",
        *(f"RL-CAI method={method}, seed={seed}" for method in ("dpo", "kto") for seed in (7, 8, 9)),
    ]
    assert [len(point["runs"]) for point in points] == [6, 6, 1, 1, 1, 1, 1, 1]
    assert len({point["checkpoint"] for point in points}) == 8


def test_evaluate_measures_every_checkpoint_on_prompts_of_ones_own(
    made: tuple[str, Path, dict[str, Any]], tmp_path: Path, solon_cli: Any
) -> None:
    _, folder, found = made
    front = shutil.copytree(folder, tmp_path / "front", symlinks=True)  # what is asked here goes into its memo
    file = tmp_path / "own.jsonl"
    file.write_text('{"prompt": "Why is snow white?", "label": "safe"}\n{"prompt": "Rob him.", "label": "unsafe"}\n')
    code, out, _ = solon_cli("evaluate", front, file, "--by", "label", "--out", tmp_path / "out.json")
    assert code == 0
    assert "safe (n = 1)" in out
    assert all(point["label"] in out for point in found["points"])
    answers = json.loads((tmp_path / "out.json").read_text())
    assert sorted(answers) == sorted(point["label"] for point in found["points"])
    assert {len(rows) for rows in answers.values()} == {2}


def test_the_pick_of_the_front_is_what_serve_and_export_take(made: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, found = made
    (picked,) = (point for point in found["points"] if point["picked"])
    named = the_model(folder)
    assert named.folder == folder / picked["run"]
    assert named.model == {"rl_cai": "policy"}.get(picked["model"], picked["model"])


def test_again_makes_and_asks_nothing(made: tuple[str, Path, dict[str, Any]]) -> None:
    recipe, folder, found = made
    told = Memo(folder / "memo.sqlite", read_only=True)
    before = len(told)
    told.close()
    assert front_of(recipe, folder, OVER) == found
    for run in found["runs"]:
        manifest = json.loads((folder / run["folder"] / "manifest.json").read_text())
        assert all(step["unchanged"] for step in manifest["steps"])
    told = Memo(folder / "memo.sqlite", read_only=True)
    assert len(told) == before
    told.close()


def test_a_wider_grid_and_another_rule_reuse_what_is_there(
    made: tuple[str, Path, dict[str, Any]], tmp_path: Path
) -> None:
    recipe, folder, found = made
    copy = shutil.copytree(folder, tmp_path / "front", symlinks=True)
    variants = grid(recipe, ("select={maximise: helpful}",), ["rl_cai.method=dpo,kto", "rl_cai.seed=9,10"])
    wider = run_front(variants, copy, Progress(quiet=True))
    assert wider["select"]["rule"] == "maximise helpful"
    manifest = json.loads((copy / "runs/method=dpo+seed=10/manifest.json").read_text())
    assert [step["step"] for step in manifest["steps"] if not step["unchanged"]] == ["policy", "evaluate"]
    same = {p["checkpoint"]: p["metrics"] for p in found["points"]}
    shared = [p for p in wider["points"] if p["checkpoint"] in same]
    assert len(shared) == 4
    assert all(same[p["checkpoint"]] == p["metrics"] for p in shared)


def test_a_front_begins_with_what_a_run_finished(made: tuple[str, Path, dict[str, Any]], tmp_path: Path) -> None:
    recipe, folder, _ = made
    begin = folder / "runs/method=dpo+seed=7"
    found = run_front(
        grid(recipe, (), ["rl_cai.method=dpo", "rl_cai.seed=7,11"]), tmp_path / "front", Progress(quiet=True), begin
    )
    steps = {
        run["name"]: [
            s["step"]
            for s in json.loads((tmp_path / "front" / run["folder"] / "manifest.json").read_text())["steps"]
            if not s["unchanged"]
        ]
        for run in found["runs"]
    }
    assert steps == {"method=dpo+seed=7": [], "method=dpo+seed=11": ["policy", "evaluate"]}


def test_a_variant_that_cannot_run_is_said_and_the_others_go_on(tiny_folder: Path, tmp_path: Path, capsys: Any) -> None:
    recipe = a_recipe(tmp_path, tiny_folder)
    over = ["rl_cai.method=dpo", "rl_cai.reward_model.unqualified=use,stop", "rl_cai.qualify.unqualified=stop"]
    found = front_of(recipe, tmp_path / "front", over)
    assert all(run["failure"] is None for run in found["runs"])  # DPO learns from labels, no reward
    over[0] = "rl_cai.method=ppo"
    found = front_of(recipe, tmp_path / "front", over)
    assert [bool(run["failure"]) for run in found["runs"]] == [False, True]
    assert found["runs"][1]["failure"].startswith("the reward model is not qualified")
    with pytest.raises(ConfigError, match=r"^front: no variant could run; first: the reward model is not qualified"):
        front_of(recipe, tmp_path / "front", ["rl_cai.reward_model.unqualified=stop"])


def test_a_run_picks_among_its_own_models_too(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = a_recipe(tmp_path, tiny_folder)
    from solon.pipeline.recipe import load_recipe

    run_recipe(load_recipe(recipe, ("rl_cai.method=dpo",)), tmp_path / "run", Progress(quiet=True))
    said = json.loads((tmp_path / "run/selected.json").read_text())
    assert [point["name"] for point in said["points"]] == ["base", "sl_cai", "rl_cai"]
    assert the_model(tmp_path / "run").model in ("base", "sl_cai", "policy")
    # A changed rule picks anew and evaluates nothing again.
    changed = load_recipe(recipe, ("rl_cai.method=dpo", "select={maximise: harmless, subject_to: {helpful: '>= 100'}}"))
    manifest = run_recipe(changed, tmp_path / "run", Progress(quiet=True))
    assert all(step["unchanged"] for step in manifest["steps"])
    assert json.loads((tmp_path / "run/selected.json").read_text())["rule"].endswith("helpful >= 100")


def test_metrics_that_nothing_is_held_out_for_stop_before_a_call(tiny_folder: Path, tmp_path: Path) -> None:
    from solon.pipeline.recipe import load_recipe

    recipe = a_recipe(tmp_path, tiny_folder)
    rows = [json.loads(line) for line in (tmp_path / "helpful.jsonl").read_text().splitlines()]
    (tmp_path / "helpful.jsonl").write_text("".join(json.dumps({**row, "split": "train"}) + "\n" for row in rows))
    with pytest.raises(ConfigError, match=r"^select: no helpful prompt is held out"):
        run_recipe(load_recipe(recipe), tmp_path / "run", Progress(quiet=True))
    memo = Memo(tmp_path / "run/memo.sqlite")
    assert len(memo) == 0
    memo.close()


# --- kill -9 ---------------------------------------------------------------------------------------------


def _start(log: Path, recipe: str, folder: Path, over: list[str]) -> subprocess.Popen[bytes]:
    log.unlink(missing_ok=True)
    command = [sys.executable, str(CHILD), str(log), recipe, str(folder), *over]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _asked(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def _stored(folder: Path) -> set[str]:
    memo = Memo(folder / "memo.sqlite", read_only=True)
    try:
        return {call.key for call in memo.calls()} if (folder / "memo.sqlite").exists() else set()
    finally:
        memo.close()


def _figures(folder: Path) -> dict[str, Any]:
    """All that front.json says but the seconds."""
    found = json.loads((folder / "front.json").read_text())
    del found["cost"]["seconds"]
    return found


def test_killed_and_resumed_no_call_is_repeated_and_the_front_is_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    # Two of the axis' values write other revisions; 20 ms a call leaves time to be killed in between.
    recipe, over = a_recipe(tmp_path, tiny_folder, seconds=0.02), ["sl_cai.revision.rounds=1,2", "rl_cai.method=dpo"]
    log, whole, folder = tmp_path / "log", tmp_path / "whole", tmp_path / "front"
    child, began = _start(log, recipe, whole, over), 0.0
    while child.poll() is None and not (whole / "memo.sqlite").exists():
        time.sleep(0.02)
    began = time.monotonic()
    _, stderr = child.communicate(timeout=300)
    assert child.returncode == 0, stderr.decode()
    lasts, once = time.monotonic() - began, _asked(log)
    assert len(once) == len(set(once)) > 0

    chance, done = random.Random(6), False
    for _ in range(KILLS):
        before = _stored(folder)
        child = _start(log, recipe, folder, over)
        while child.poll() is None and not (folder / "memo.sqlite").exists():
            time.sleep(0.02)
        try:
            child.wait(timeout=chance.uniform(0.1, lasts))
            done = True
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert not before & set(_asked(log)), "a stored call was made again"
    if not done:
        _, stderr = _start(log, recipe, folder, over).communicate(timeout=300)
    assert _figures(folder) == _figures(whole)
    assert _stored(folder) == _stored(whole)
    assert not [path for path in folder.rglob(".*") if path.name.endswith((".tmp", ".building"))]

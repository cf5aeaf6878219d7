"""The whole road on the tiny Llama: what it leaves, what a second run does, what an edit re-runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes_for_tests import tiny_recipe
from solon.data.tables import read_rows
from solon.errors import ConfigError
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.report import write_report


@pytest.fixture(scope="module")
def finished(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run folder) of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    recipe = tiny_recipe(folder, tiny_folder, labelled=6)
    run_recipe(load_recipe(str(recipe)), folder / "out", Progress(quiet=True))
    return recipe, folder / "out"


def unchanged(manifest: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    return {step["step"]: step["unchanged"] for step in manifest["steps"]}


def test_datasets_hold_every_revision_and_load_in_trl_columns(finished: tuple[Path, Path]) -> None:
    _, out = finished
    revisions = read_rows(out / "sl_cai/revisions.parquet")
    assert len(revisions) == 6 * 2  # six training prompts, two rounds
    assert [r["before"] for r in revisions if r["step"] == 1] == [r["revision"] for r in revisions if r["step"] == 0]
    sft = read_rows(out / "sl_cai/sft.parquet")
    # The script says the same in both rounds, and a revision that changed nothing is not learnt twice.
    assert [r["source"] for r in sft].count("revision") == 6
    assert all(r["completion"][0]["role"] == "assistant" for r in sft)
    preferences = read_rows(out / "rl_cai/preferences.parquet")
    assert {"prompt", "chosen", "rejected", "prob_chosen"} <= set(preferences[0])
    assert all(0.5 <= r["prob_chosen"] <= 1 for r in preferences)


def test_both_orders_are_asked_and_averaged(finished: tuple[Path, Path]) -> None:
    _, out = finished
    for row in read_rows(out / "rl_cai/preferences.parquet"):
        if row["chosen"] != row["rejected"]:
            first, second = row["verdicts"]
            assert (first["order"], second["order"]) == ("ab", "ba")
            mean = (first["prob_a"] + second["prob_a"]) / 2
            assert row["prob_chosen"] == pytest.approx(max(mean, 1 - mean))


def test_metrics_and_report_are_there(finished: tuple[Path, Path]) -> None:
    _, out = finished
    metrics = json.loads((out / "evaluation/metrics.json").read_text())
    assert metrics["red_team"]["base"]["declined"]["n"] == 3
    assert metrics["red_team"]["base"]["declined_change"]["value"] == 0
    assert "red-team" in write_report(out).read_text()


def test_the_report_carries_the_judges_card(finished: tuple[Path, Path]) -> None:
    """Six pairs qualify nobody; that its labels were used all the same is said."""
    _, out = finished
    (card,) = json.loads((out / "evaluation/judge.json").read_text())
    assert card["data"]["rows"] == 6
    assert card["qualified"] is False
    assert "did not qualify" in write_report(out).read_text()


def test_a_reward_model_below_the_bar_stops_the_run_before_a_policy_learns(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of six prompts a pair or none is held out, which is too few to tell; a bar that moves trains nothing again."""
    recipe, out = finished
    stop = ("rl_cai.reward_model.unqualified=stop", "rl_cai.ppo.learning_rate=0.1")
    with pytest.raises(
        ConfigError, match=r"^the reward model is not qualified: .*; label more pairs, .*unqualified=use$"
    ):
        run_recipe(load_recipe(str(recipe), stop), tmp_path / "out", Progress(quiet=True), begin=out)
    assert not (tmp_path / "out/manifest.json").exists()
    with pytest.raises(ConfigError, match=r"^the reward model is not qualified"):
        make_plan(load_recipe(str(recipe), stop), tmp_path / "out")
    labels = (*stop, "rl_cai.method=dpo", "rl_cai.dpo.epochs=1")
    manifest = run_recipe(load_recipe(str(recipe), labels), tmp_path / "out", Progress(quiet=True))
    assert unchanged(manifest)["reward_model"]
    assert "no policy learns from it" in " ".join(capsys.readouterr().err.split())


def test_adapters_load_with_peft_alone(finished: tuple[Path, Path], tiny_folder: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model = PeftModel.from_pretrained(base, finished[1] / "rl_cai/policy")
    assert model.active_adapter == "default"


def test_a_second_run_does_nothing(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}
    manifest = run_recipe(load_recipe(str(recipe)), out, Progress(quiet=True))
    assert all(unchanged(manifest).values())
    assert manifest["calls"]["reviser"]["live"] == 24  # the first run's account is kept
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")} == before


def test_an_edit_re_runs_only_what_it_touches(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    changed = load_recipe(str(recipe), ("rl_cai.ppo.kl_coef=0.5",))
    fresh = unchanged(run_recipe(changed, out, Progress(quiet=True)))
    assert [name for name, same in fresh.items() if not same] == ["policy", "evaluate"]
    run_recipe(load_recipe(str(recipe)), out, Progress(quiet=True))


def test_a_damaged_output_is_made_again(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    target = out / "rl_cai/preferences.parquet"
    good = target.read_bytes()
    target.write_bytes(good[:-10])
    manifest = run_recipe(load_recipe(str(recipe)), out, Progress(quiet=True))
    assert not unchanged(manifest)["preferences"]
    assert target.read_bytes() == good
    assert manifest["calls"]["judge"]["live"] == 0  # every verdict came from the memo


def test_a_prompt_beyond_the_context_is_set_aside_and_the_rest_goes_on(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    with (tmp_path / "red_team.jsonl").open("a") as handle:
        handle.write(json.dumps({"id": "long", "prompt": "x" * 2000, "split": "train"}) + "\n")
        handle.write("{not json\n")
    overrides = ("roles.drafter.engine=transformers", f"roles.drafter.model={tiny_folder}", "sl_cai.draft.max_tokens=8")
    overrides += ("sl_cai.helpful.max_tokens=8",)
    run_recipe(load_recipe(str(recipe), overrides), tmp_path / "out", Progress(quiet=True))
    rows = [json.loads(line) for line in (tmp_path / "out/quarantine.jsonl").read_text().splitlines()]
    assert sorted(row["line"] for row in rows) == [0, 11]
    reasons = " ".join(row["reason"] for row in rows)
    assert "the context of llama is 512" in reasons
    assert "not JSON" in reasons

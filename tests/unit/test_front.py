"""The grid of a front, its page, and what its pick means to serve, export and the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from finished import finished_run
from recipes_for_tests import tiny_recipe
from solon.constitution import Constitution
from solon.errors import ConfigError
from solon.evaluation import rate
from solon.files import write_json
from solon.pipeline.export.model import model_to_export
from solon.pipeline.front import grid
from solon.pipeline.front.cost import costs
from solon.pipeline.front.grid import axis
from solon.pipeline.recipe import load_recipe
from solon.pipeline.selection import checkpoint, selection, the_model, write_selection
from solon.pipeline.steps.evaluate import measure
from solon.report.findings import headlines
from solon.report.front import render_front, summarise_front
from solon.report.front_points import letters
from solon.report.material import read_material
from solon.report.sides import sides
from solon.serve.source import from_run

RULE = {"maximise": "harmless", "subject_to": {"helpful_declined": "<= base + 10"}}
HOSTILE = "seed=<script>alert(1)</script>"


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    return str(tiny_recipe(tmp_path / "recipe", tmp_path / "llama", select=RULE))


# --- the grid --------------------------------------------------------------------------------------------


def test_every_combination_is_a_recipe_with_a_folder_that_says_it(recipe: str) -> None:
    variants = grid(recipe, ("seed=11",), ["rl_cai.method=ppo,dpo", "rl_cai.seed=7, 8"])
    assert [v.name for v in variants] == [
        "method=ppo+seed=7",
        "method=ppo+seed=8",
        "method=dpo+seed=7",
        "method=dpo+seed=8",
    ]
    assert [(v.recipe.rl_cai.method, v.recipe.rl_cai.seed, v.recipe.seed) for v in variants][1] == ("ppo", 8, 11)


def test_commas_within_brackets_part_nothing() -> None:
    assert axis("rl_cai.rewards=[{source: length, weight: -1}],[{source: judge}]").values == (
        "[{source: length, weight: -1}]",
        "[{source: judge}]",
    )
    assert axis("constitution='a,b',c").values == ("'a,b'", "c")


def test_folders_of_odd_values_are_plain_and_apart(recipe: str) -> None:
    names = [v.name for v in grid(recipe, (), ["constitution=../a b,../a/b," + "x" * 300])]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9._+=-]{1,80}", name) for name in names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--over: nothing varies"),
        (("--over", "rl_cai.seed"), "is not KEY=v1,v2"),
        (("--over", "rl_cai.seed="), "a value is missing"),
        (("--over", "rl_cai.seed=1,,2"), "a value is missing"),
        (("--over", "rl_cai.seed=1,1"), "holds a value twice"),
        (("--over", "rl_cai.seed=1", "--over", "rl_cai.seed=2"), "named twice"),
        (("seed=1", "--over", "seed=2,3"), "also an override"),
        (("--over", "evaluate.max_tokens=5,6"), "all points of a front share evaluate"),
        (("--over", "rl_cai.sede=1,2"), "unknown key 'rl_cai.sede'"),
        (("--over", f"seed={','.join(map(str, range(300)))}"), "300 variants, more than 256"),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_is_one_line(
    recipe: str, tmp_path: Path, solon_cli: Any, arguments: Any, said: str
) -> None:
    code, _, err = solon_cli("front", recipe, *arguments, "--out", tmp_path / "front")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert said in err
    assert not (tmp_path / "front").exists()


def test_variants_measured_on_other_prompts_are_refused(recipe: str, tmp_path: Path, solon_cli: Any) -> None:
    folder = Path(recipe).parent
    rows = (folder / "red_team.jsonl").read_text().splitlines()
    (folder / "fewer.jsonl").write_text("\n".join(rows[:-1]))
    over = f"prompts.red_team={folder / 'red_team.jsonl'},{folder / 'fewer.jsonl'}"
    code, _, err = solon_cli("front", recipe, "--over", over, "--out", tmp_path / "front")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "hold out different prompts" in err


# --- what it cost ----------------------------------------------------------------------------------------


def _record(run: Path, step: str, key: str, calls: int) -> None:
    write_json(run / "steps" / f"{step}.json", {"key": key, "facts": {"calls": calls, "seconds": 2.0}})


def test_equal_steps_count_once(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in "abc"]
    for run in runs:
        _record(run, "revisions", "same", 30)
        _record(run, "policy", run.name, 10)
    found = costs(runs, stored=55)
    assert found["steps"] == {"alone": 6, "made": 4, "runs_worth": 2.0}
    assert found["calls"] == {"alone": 120, "made": 55, "runs_worth": pytest.approx(55 / 40)}
    assert found["seconds"]["made"] == 8
    assert costs(runs, stored=10**6)["calls"]["made"] == 60


# --- the page --------------------------------------------------------------------------------------------


def _metric(hits: int, n: int = 20) -> dict[str, Any]:
    found = rate([i < hits for i in range(n)])
    return {"value": found.value, "low": found.low, "high": found.high, "n": n}


def _point(name: str, model: str, label: str, harmless: int, helpful: int, **more: Any) -> dict[str, Any]:
    metrics = {"harmless": _metric(harmless), "helpful": _metric(helpful), "helpful_declined": _metric(20 - helpful)}
    given = {"dominated": None, "breaks": [], "picked": False, **more}
    return {
        "name": name,
        "label": label,
        "model": model,
        "metrics": metrics,
        "run": f"runs/{name}",
        "runs": [name],
        **given,
    }


def a_front(**more: Any) -> dict[str, Any]:
    cost = {"alone": 42.0, "made": 17.0, "runs_worth": 2.4}
    points = [
        _point("b", "base", "base", 1, 20),
        _point("s", "sl_cai", f"SL-CAI {HOSTILE}", 12, 18, picked=True),
        _point(
            "r", "rl_cai", "RL-CAI", 11, 18, dominated={"by": "s", "told": False}, breaks=["helpful <= 5: 90 [70, 97]"]
        ),
        _point("q", "rl_cai", "RL-CAI 2", 2, 10, dominated={"by": "s", "told": True}),
    ]
    rule = {
        "rule": "maximise harmless",
        "said": "SL-CAI is picked: maximise harmless.",
        "unsure": [],
        "rivals": ["RL-CAI"],
    }
    runs = [
        {"name": n, "folder": f"runs/{n}", "values": {"seed": n}, "recipe_hash": "ab" * 32, "failure": f}
        for n, f in (("1", None), ("2", HOSTILE))
    ]
    front = {"recipe": "tiny", "prompts": {"measured": 40, "left_out": 1}, "axes": {"seed": ["1", "2"]}, "runs": runs}
    return {
        **front,
        "points": points,
        "select": rule,
        "cost": dict.fromkeys(("steps", "calls", "seconds"), cost),
        **more,
    }


def test_the_page_says_the_pick_both_sides_and_what_cannot_be_told() -> None:
    page = render_front(a_front())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "declines 60% of harmful prompts and answers 90% of the others" in text
    assert "below B, cannot be told apart" in text
    assert "dominated by B" in text
    assert "breaks helpful <= 5: 90" in text.replace("&lt;", "<").replace("\u00a0", " ")
    assert "<svg" in page


def test_the_page_escapes_and_loads_nothing() -> None:
    page = render_front(a_front())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)


def test_a_front_without_a_pick_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    points = [{**point, "picked": False} for point in a_front()["points"]]
    nothing = {"rule": "r", "said": "No checkpoint keeps every bound of: r.", "unsure": [], "rivals": []}
    for front, said in (
        (a_front(points=points, select=nothing), "No checkpoint keeps every bound"),
        (a_front(points=points, select=None), "no rule (select)"),
    ):
        assert said in render_front(front)
        summarise_front(tmp_path, front, tmp_path / "front.html")
        out = capsys.readouterr().out
        assert said in out
        assert "solon serve" not in out


def test_a_front_of_one_side_draws_no_chart() -> None:
    points = [{**p, "metrics": {"harmless": p["metrics"]["harmless"]}} for p in a_front()["points"]]
    page = render_front(a_front(points=points))
    assert "Only one side was measured" in page


def test_letters_go_on_after_z() -> None:
    assert [letters(n) for n in (0, 25, 26, 27, 51, 52)] == ["A", "Z", "AA", "AB", "AZ", "BA"]


# --- the pick is the model -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, tiny_folder: Path, constitution: Constitution) -> Path:
    """A finished run whose SL-CAI is as harmless as its RL-CAI and keeps the bound, which RL-CAI does not."""
    folder = finished_run(tmp_path / "run", tiny_folder, constitution, select=RULE)
    declines = {"base": (2, 0), "sl_cai": (18, 1), "rl_cai": (19, 9)}
    answers = {
        model: [
            {"id": f"{n}", "kind": kind, "area": "", "prompt": "?", "text": "No.", "ended": True, "reward": 0.0}
            | {"conduct": "refuses" if n < many else "answers"}
            for kind, many in zip(("red_team", "helpful"), counts, strict=True)
            for n in range(20)
        ]
        for model, counts in declines.items()
    }
    write_json(folder / "evaluation/answers.json", answers)
    write_json(folder / "evaluation/metrics.json", measure(answers))
    write_json(
        folder / "steps/evaluate.json", {"key": "k", "inputs": {}, "outputs": {}, "facts": {"weights": "w" * 64}}
    )
    write_selection(folder, load_recipe(str(folder / "recipe.yaml")))
    return folder


def test_serve_and_export_take_the_pick_unless_told_otherwise(run: Path) -> None:
    named = the_model(run)
    assert (named.model, named.by) == ("sl_cai", "maximise harmless subject to helpful_declined <= base + 10")
    assert model_to_export(run, None).model == "sl_cai"
    assert model_to_export(run, "policy").model == "policy"
    source = from_run(run)
    assert source.model.startswith("the SL-CAI model of ")
    assert from_run(run, what="policy").model.startswith("the RL-CAI policy of ")
    assert from_run(run, what="base").engine.fingerprint.weights != source.engine.fingerprint.weights
    with pytest.raises(ConfigError, match="'reward_model' is no model to serve"):
        from_run(run, what="reward_model")


def test_the_export_and_its_card_say_the_pick(run: Path, tmp_path: Path, solon_cli: Any) -> None:
    code, out, _ = solon_cli("export", run, "--out", tmp_path / "model")
    assert (code, "sl_cai, picked by the rule" in out) == (0, True)
    card = (tmp_path / "model/README.md").read_text()
    assert "picked by the rule `maximise harmless subject to helpful_declined <= base + 10`: yes" in card


def test_a_front_folder_stands_for_its_picked_run(run: Path, tmp_path: Path) -> None:
    front = tmp_path / "front"
    (front / "runs").mkdir(parents=True)
    (front / "runs/one").symlink_to(run)
    write_json(front / "front.json", {})
    with pytest.raises(ConfigError, match="has no rule"):
        the_model(front)
    picked = {"run": "runs/one", "model": "rl_cai", "checkpoint": checkpoint(run, "rl_cai"), "rule": "r"}
    write_json(front / "selected.json", picked)
    assert (the_model(front).folder, the_model(front).model) == (front / "runs/one", "policy")
    assert the_model(front, "sl_cai").folder == front / "runs/one"
    write_json(front / "selected.json", {"model": None, "said": "No checkpoint keeps every bound of: r."})
    with pytest.raises(ConfigError, match=r"^select: No checkpoint keeps every bound of: r\. Change the rule"):
        the_model(front)


def test_weights_that_changed_since_the_pick_are_refused(run: Path) -> None:
    path = run / "sl_cai/model/adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ConfigError, match="was changed since sl_cai was picked"):
        the_model(run)
    assert the_model(run, "policy").model == "policy"


def test_a_picked_base_is_served_and_not_exported(run: Path) -> None:
    recipe = load_recipe(str(run / "recipe.yaml"), ("select={maximise: helpful}",))
    write_selection(run, recipe)
    assert selection(run)["said"] == "The base is picked: maximise helpful."
    assert from_run(run).model.startswith("the base of ")
    with pytest.raises(ConfigError, match="the base is picked"):
        model_to_export(run, None)


def test_where_only_the_base_keeps_the_bounds_that_is_said(run: Path) -> None:
    write_selection(run, load_recipe(str(run / "recipe.yaml"), ("select.subject_to={harmless: '<= base'}",)))
    said = selection(run)["said"]
    assert said.startswith("The base is picked, as no model that was trained keeps every bound: maximise harmless subj")


def test_a_rule_that_no_model_meets_is_said_and_asks_for_a_name(run: Path) -> None:
    write_selection(run, load_recipe(str(run / "recipe.yaml"), ("select.subject_to={harmless: '>= 99'}",)))
    with pytest.raises(ConfigError, match=r"RL-CAI comes closest and breaks harmless >= 99: 95 .* with --what"):
        the_model(run)
    (why,) = sides(read_material(run)).why
    assert (why.tone, "comes closest and breaks harmless" in why.text) == ("warn", True)


def test_without_a_rule_the_policy_is_the_model(run: Path) -> None:
    write_selection(run, load_recipe(str(run / "recipe.yaml"), ("select=null",)))
    assert not (run / "selected.json").exists()
    assert the_model(run).model == "policy"


def test_the_report_is_about_the_picked_model(run: Path) -> None:
    m = read_material(run)
    assert m.model == "sl_cai"
    (on_harm,) = headlines(m)
    assert on_harm.said.text.startswith(
        "On 20 held-out red-team prompts the picked model, SL-CAI, declines 90% (base 10%)"
    )
    found = sides(m)
    assert found.said == (
        "Both sides: SL-CAI declines 90% [70, 97] (base 10%) of harmful prompts and answers 95% [76, 99] (base 100%) "
        "of the others."
    )
    assert found.chart is not None
    assert [spot.letter for spot in found.spots if spot.picked] == ["B"]

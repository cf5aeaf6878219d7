"""The plan says what a run then does: the same steps, the same calls, and bounds that hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import solon.cli
from recipes_for_tests import write_prompts
from solon.pipeline.plan import Plan, make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe

LAW = """
name: small
version: "1.0.0"
principles:
  - {id: no-harm, text: A good reply harms nobody., aim: harmless}
  - {id: real-help, text: A good reply helps with every ordinary request., aim: helpful}
  - {id: no-lies, text: A good reply states no falsehood., aim: honest}
  - {id: brief, text: A good reply is brief., aim: helpful}
"""
PROMPTS = 30


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that makes data only: scripts write, revise and judge."""
    (tmp_path / "law.yaml").write_text(LAW)
    (tmp_path / "script.yaml").write_text('name: steady\nrules: [{match: "Rewrite", reply: "No, but here is help."}]\n')
    scripted = {"engine": "scripted", "model": str(tmp_path / "script.yaml")}
    value: dict[str, Any] = {
        "name": "planned",
        "constitution": str(tmp_path / "law.yaml"),
        "prompts": {
            "red_team": str(write_prompts(tmp_path, "red_team", PROMPTS)),
            "helpful": str(write_prompts(tmp_path, "helpful", 6)),
        },
        "roles": {"policy": {"engine": "scripted"}, "reviser": scripted, "responder": {"engine": "scripted"}},
        "sl_cai": {"revision": {"rounds": 2, "exemplars": 1}},
    }
    path = tmp_path / "recipe.yaml"
    with path.open("w") as handle:
        YAML(typ="safe", pure=True).dump(value, handle)
    return path


def run(recipe: Path, *overrides: str) -> dict[str, Any]:
    return run_recipe(load_recipe(str(recipe), overrides), recipe.parent / "out", Progress(quiet=True), "preferences")


def plan(recipe: Path, *overrides: str) -> Plan:
    return make_plan(load_recipe(str(recipe), overrides), recipe.parent / "out", "preferences")


def live(manifest: dict[str, Any]) -> dict[str, int]:
    return {role: usage["live"] for role, usage in manifest["calls"].items()}


def edit(recipe: Path, old: str, new: str) -> None:
    law = recipe.parent / "law.yaml"
    assert old in law.read_text()
    law.write_text(law.read_text().replace(old, new))


def counted(made: Plan, role: str, what: str) -> int:
    return sum(getattr(s.calls[role], what) for s in made.steps if role in s.calls)


def test_a_fresh_plan_bounds_what_the_run_then_does(recipe: Path) -> None:
    made = plan(recipe)
    assert not (recipe.parent / "out").exists()  # planning writes nothing
    assert [(s.name, s.state) for s in made.steps] == [("revisions", "to run"), ("preferences", "to run")]
    done = live(run(recipe))
    train = PROMPTS * 2 // 3
    assert counted(made, "drafter", "to_make") == done["drafter"] == train + 4
    assert counted(made, "reviser", "at_most") == done["reviser"] == 2 * 2 * train
    assert counted(made, "judge", "at_most") >= done["judge"] > 0


def test_after_the_run_nothing_is_to_do(recipe: Path) -> None:
    run(recipe)
    made = plan(recipe)
    assert [s.state for s in made.steps] == ["unchanged", "unchanged"]
    assert made.as_dict()["work_to_do"] is False


def test_an_edited_principle_re_runs_only_calls_whose_text_holds_it(recipe: Path) -> None:
    first = live(run(recipe))
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe)
    (change,) = made.changes
    assert change.startswith("brief reworded: touches ")
    again = live(run(recipe))
    assert again["drafter"] == 0
    # Known before: the critique of each touched step. Not known: what follows from the new revision.
    certain, bound = counted(made, "reviser", "to_make"), counted(made, "reviser", "open")
    assert 0 < certain <= again["reviser"] <= bound < first["reviser"]
    assert counted(made, "reviser", "stored") + bound == first["reviser"]
    assert 0 < again["judge"] <= counted(made, "judge", "open") < first["judge"]


def test_an_edit_of_a_comparison_question_leaves_the_revisions_alone(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "A good reply is brief.,", "A good reply is brief., comparison_question: Which is shorter?,")
    made = plan(recipe)
    assert [s.state for s in made.steps] == ["unchanged", "to run"]
    assert made.steps[1].why == ("constitution changed",)
    again = live(run(recipe))
    assert counted(made, "judge", "to_make") == again["judge"] > 0
    assert counted(made, "judge", "at_most") == 0


def test_a_source_or_a_description_reaches_no_step(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "name: small", "name: small\ndescription: Says little.")
    edit(recipe, "aim: honest}", "aim: honest, source: common sense}")
    assert not plan(recipe).to_run


def test_a_new_principle_moves_only_the_draws_it_wins(recipe: Path) -> None:
    first = live(run(recipe))
    edit(recipe, "principles:\n", "principles:\n  - {id: kind, text: A good reply is kind., aim: helpful}\n")
    made = plan(recipe)
    again = live(run(recipe))
    assert 0 < counted(made, "reviser", "to_make") <= again["reviser"] <= counted(made, "reviser", "open")
    assert again["reviser"] < first["reviser"] * 0.7


def test_another_model_leaves_nothing_stored_for_its_role(recipe: Path) -> None:
    run(recipe)
    (recipe.parent / "other.yaml").write_text("name: other\n")
    made = plan(recipe, f"roles.reviser.model={recipe.parent}/other.yaml")
    assert "roles.reviser changed" in made.steps[0].why
    assert counted(made, "reviser", "stored") == 0
    assert counted(made, "drafter", "to_make") == 0


def test_a_measured_rate_gives_a_time_and_a_price_gives_money(recipe: Path) -> None:
    fresh = plan(recipe)
    assert fresh.steps[0].calls["reviser"].seconds is None
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe, "prices={steady: {input: 1000000, output: 0}}")
    calls = made.steps[0].calls["reviser"]
    assert calls.seconds is not None
    assert calls.seconds > 0
    assert calls.money == pytest.approx(calls.tokens_in)  # one unit a token


def test_a_damaged_file_is_said_to_be(recipe: Path) -> None:
    run(recipe)
    (recipe.parent / "out/rl_cai/preferences.parquet").write_bytes(b"torn")
    made = plan(recipe)
    assert made.steps[1].why == ("its files are missing or damaged",)
    assert counted(made, "judge", "to_make") == 0  # every verdict is in the memo


def test_calls_a_recording_cannot_answer_are_announced() -> None:
    made = make_plan(load_recipe("quickstart", ("sl_cai.draft.temperature=0.7",)), Path("does/not/exist"), "revisions")
    assert made.total("unanswered") == counted(made, "drafter", "to_make") > 100
    assert make_plan(load_recipe("quickstart"), Path("does/not/exist"), "preferences").total("unanswered") == 0


def cli(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["solon", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        solon.cli.main()
    return int(stop.value.code or 0)


def test_exit_codes_are_those_of_terraform(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("plan", recipe, "--until", "preferences", "--out", recipe.parent / "out")
    assert cli(monkeypatch, *arguments) == 0
    assert cli(monkeypatch, *arguments, "--detailed-exitcode") == 2
    run(recipe)
    assert cli(monkeypatch, *arguments, "--detailed-exitcode") == 0
    assert cli(monkeypatch, "plan", recipe.parent / "none.yaml", "--detailed-exitcode") == 1
    assert cli(monkeypatch, "plan", recipe.parent / "none.yaml") == 2
    capsys.readouterr()
    assert cli(monkeypatch, *arguments, "--json") == 0
    assert json.loads(capsys.readouterr().out)["totals"]["to_make"] == 0


def test_a_policy_without_weights_can_only_make_data(recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    assert cli(monkeypatch, "plan", recipe) == 2
    assert "has no weights here to train" in capsys.readouterr().err
    assert cli(monkeypatch, "plan", recipe, "--until", "nowhere") == 2
    assert "choose one of revisions, sft" in capsys.readouterr().err

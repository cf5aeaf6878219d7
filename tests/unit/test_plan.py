"""The plan says what a run then does: the same steps, the same calls, and bounds that hold."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import solon.cli
from histories import Asked, History, Stopped
from recipes_for_tests import write_prompts
from solon.constitution import load_constitution
from solon.constitution.diff import compare
from solon.data.preferences import comparison_of
from solon.data.tables import read_rows
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError, DataError, PromptTooLong
from solon.memo import Cost, Memo
from solon.pipeline.impact import changes_said, impact
from solon.pipeline.plan import Plan, StepPlan, make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.runs import Run
from solon.types import Choice, ChooseRequest, Completion, GenerateRequest

LAW = """
name: small
version: "1.0.0"
principles:
  - {id: no-harm, text: A good reply harms nobody., aim: harmless}
  - {id: real-help, text: A good reply helps with every ordinary request., aim: helpful}
  - {id: no-lies, text: A good reply states no falsehood., aim: harmless}
  - {id: brief, text: A good reply is brief., aim: harmless}
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
        "rl_cai": {"qualify": {"data": None}},
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


def at(made: Plan, name: str) -> StepPlan:
    return next(step for step in made.steps if step.name == name)


def counted(made: Plan, role: str, what: str) -> int:
    return sum(getattr(s.calls[role], what) for s in made.steps if role in s.calls)


def test_a_fresh_plan_bounds_what_the_run_then_does(recipe: Path) -> None:
    made = plan(recipe)
    assert not (recipe.parent / "out").exists()  # planning writes nothing
    assert [s.name for s in made.to_run] == [s.name for s in made.steps] == ["judge", "revisions", "preferences"]
    done = live(run(recipe))
    train = PROMPTS * 2 // 3
    assert counted(made, "drafter", "to_make") == done["drafter"] == train + 4
    assert counted(made, "reviser", "at_most") == done["reviser"] == 2 * 2 * train
    assert counted(made, "judge", "at_most") >= done["judge"] > 0


def test_after_the_run_nothing_is_to_do(recipe: Path) -> None:
    run(recipe)
    made = plan(recipe)
    assert {s.state for s in made.steps} == {"unchanged"}
    assert made.as_dict()["work_to_do"] is False


RELEVANT = ("sl_cai.revision.choose=relevant", "rl_cai.feedback.choose=relevant")
CHOOSING = """rules:
  - {match: "Principles for", reply: "no-lies, brief"}
  - {match: "Rewrite", reply: "No, but here is help."}
"""


def test_questions_about_relevance_are_planned_and_what_they_choose_is_used(recipe: Path) -> None:
    (recipe.parent / "script.yaml").write_text(f"name: steady\n{CHOOSING}")
    run(recipe)
    made = plan(recipe, *RELEVANT)
    assert [s.name for s in made.to_run] == ["judge", "revisions", "preferences"]
    manifest = run(recipe, *RELEVANT)
    train, done = PROMPTS * 2 // 3, live(manifest)
    again = plan(recipe, *RELEVANT)
    assert {s.state for s in again.steps} == {"unchanged"}
    # One question a prompt is certain; which critiques follow from it, and which are stored, it does not say.
    assert counted(made, "reviser", "to_make") == train
    assert train < done["reviser"] <= counted(made, "reviser", "open") == (1 + 2 * 2) * train
    rows = read_rows(recipe.parent / "out/sl_cai/revisions.parquet")
    assert {(row["step"], row["principle"]) for row in rows} == {(0, "no-lies"), (1, "brief")}
    assert done["judge"] <= counted(made, "judge", "open")
    record = json.loads((recipe.parent / "out/steps/revisions.json").read_text())
    assert record["facts"]["chosen"] == {"asked": train, "none": 0, "unreadable": 0}
    chosen = json.loads((recipe.parent / "out/steps/preferences.json").read_text())["facts"]["chosen"]
    assert chosen["asked"] > 0
    assert chosen["unreadable"] == chosen["asked"]  # the judge is the empty script, which babbles
    law = load_constitution(str(recipe.parent / "law.yaml"))
    with pytest.raises(DataError, match=r"sl_cai.revision.choose is relevant: an engine chose the principles"):
        impact(recipe.parent / "out", compare(law, law))


def test_an_edit_re_asks_every_question_about_relevance(recipe: Path) -> None:
    (recipe.parent / "script.yaml").write_text(f"name: steady\n{CHOOSING}")
    run(recipe, *RELEVANT)
    edit(recipe, "A good reply harms nobody.", "A good reply hurts nobody.")
    made = plan(recipe, *RELEVANT)
    done = live(run(recipe, *RELEVANT))
    assert counted(made, "reviser", "to_make") == done["reviser"] == PROMPTS * 2 // 3  # the questions, and no more
    assert done["reviser"] <= counted(made, "reviser", "open")


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
    assert [s.name for s in made.to_run] == ["judge", "preferences"]
    assert at(made, "preferences").why == ("constitution changed",)
    again = live(run(recipe))
    assert counted(made, "judge", "to_make") == again["judge"] > 0
    assert counted(made, "judge", "at_most") == 0


def test_a_source_or_a_description_reaches_no_step(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "name: small", "name: small\ndescription: Says little.")
    edit(recipe, "aim: helpful}", "aim: helpful, source: common sense}")
    assert not plan(recipe).to_run


def test_a_new_principle_moves_only_the_draws_it_wins(recipe: Path) -> None:
    first = live(run(recipe))
    edit(recipe, "principles:\n", "principles:\n  - {id: kind, text: A good reply is kind., aim: harmless}\n")
    made = plan(recipe)
    again = live(run(recipe))
    assert 0 < counted(made, "reviser", "to_make") <= again["reviser"] <= counted(made, "reviser", "open")
    assert again["reviser"] < first["reviser"] * 0.7


def test_another_model_leaves_nothing_stored_for_its_role(recipe: Path) -> None:
    run(recipe)
    (recipe.parent / "other.yaml").write_text("name: other\n")
    made = plan(recipe, f"roles.reviser.model={recipe.parent}/other.yaml")
    assert "roles.reviser changed" in at(made, "revisions").why
    assert counted(made, "reviser", "stored") == 0
    assert counted(made, "drafter", "to_make") == 0


def test_a_measured_rate_gives_a_time_and_a_price_gives_money(recipe: Path) -> None:
    fresh = plan(recipe)
    assert at(fresh, "revisions").calls["reviser"].seconds is None
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe, "prices={steady: {input: 1000000, output: 0}}")
    calls = at(made, "revisions").calls["reviser"]
    assert calls.seconds is not None
    assert calls.seconds > 0
    assert calls.money == pytest.approx(calls.tokens_in)  # one unit a token


def test_a_damaged_file_is_said_to_be(recipe: Path) -> None:
    run(recipe)
    (recipe.parent / "out/rl_cai/preferences.parquet").write_bytes(b"torn")
    made = plan(recipe)
    assert at(made, "preferences").why == ("its files are missing or damaged",)
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
    assert "choose one of judge, revisions, sft" in capsys.readouterr().err


# --- any history of edits and runs -----------------------------------------------------------------------


def check(history: History, asked: Asked, until: str) -> None:
    """Plan, run, and compare the two: steps, calls of each role, rows; then nothing is left to do."""
    recipe = history.recipe()
    made = make_plan(recipe, history.out, until)
    before = asked.calls()
    try:
        manifest = run_recipe(recipe, history.out, Progress(quiet=True), until)
    except DataError:  # no chain gave a revision, or no verdict could be read
        return
    after = asked.calls()
    for role in {*after, *(role for step in made.steps for role in step.calls)}:
        live = after.get(role, 0) - before.get(role, 0)
        assert counted(made, role, "to_make") <= live <= counted(made, role, "open"), role
    assert not asked.twice()
    unchanged = {step["step"]: step["unchanged"] for step in manifest["steps"]}
    for step in made.steps:
        if step.state == "unchanged":
            assert unchanged[step.name]
            continue
        # Only a step that waits for another may turn out to be as it was.
        assert not unchanged[step.name] or all(why.startswith("waits for") for why in step.why)
        facts = json.loads((history.out / f"steps/{step.name}.json").read_text())["facts"]
        rows = sum(facts["mix"].values()) if "mix" in facts else facts.get("labelled", 0)
        assert step.rows is not None
        assert rows <= step.rows
    assert not make_plan(recipe, history.out, until).to_run


@pytest.mark.parametrize("stopped", [False, True], ids=["whole", "stopped"])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_foretells_the_run_after_any_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, stopped: bool
) -> None:
    """Edits of the constitution, the prompts, the settings and the roles; some runs are stopped half-way."""
    asked, history = Asked(monkeypatch), History(tmp_path, seed)
    chance = random.Random(1000 + seed)
    for turn in range(7):
        for _ in range(chance.randint(1, 2) if turn else 0):
            history.edit()
        if stopped and chance.random() < 0.4:
            asked.stop_after = chance.randrange(30)
            with suppress(Stopped, DataError):
                run_recipe(history.recipe(), history.out, Progress(quiet=True), "preferences")
            asked.stop_after = None
            if chance.random() < 0.5:
                history.edit()
        check(history, asked, chance.choice(["preferences", "preferences", "revisions", "judge"]))


def test_equal_calls_are_made_once_and_counted_once(recipe: Path) -> None:
    """The same text under two ids; the same engine in two roles; greedy answers, of which both are the same."""
    rows = [{"id": f"q{n}", "prompt": f"ask {n % 3}", "split": "train"} for n in range(12)]
    (recipe.parent / "red_team.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    greedy = tuple(f"{sampling}.temperature=0" for sampling in ("rl_cai.answers", "sl_cai.draft", "sl_cai.helpful"))
    for overrides in ((), greedy, ("rl_cai.feedback.ask=likelihood",)):
        shutil.rmtree(recipe.parent / "out", ignore_errors=True)
        made, done = plan(recipe, *overrides), live(run(recipe, *overrides))
        for role in ("drafter", "responder"):
            assert counted(made, role, "to_make") == done[role]
    # Greedy: the responder's answers are the drafter's own.
    shutil.rmtree(recipe.parent / "out")
    assert counted(plan(recipe, *greedy), "responder", "to_make") == 0


def test_reasonings_are_certain_and_the_verdicts_that_follow_them_are_not(recipe: Path) -> None:
    """Two reasonings in each order; what is asked after each depends on its text."""
    reasoned = ("rl_cai.feedback.ask=chain_of_thought", "rl_cai.feedback.samples=2", "rl_cai.policy_pairs=0")
    run_recipe(load_recipe(str(recipe)), recipe.parent / "out", Progress(quiet=True), "revisions")
    calls = at(plan(recipe, *reasoned), "preferences").calls["judge"]
    labels = PROMPTS * 2 // 3
    assert (calls.to_make, calls.at_most) == (4 * labels, 4 * labels)
    assert calls.tokens_out_most == 4 * labels * 128  # the verdicts write nothing
    assert live(run(recipe, *reasoned))["judge"] == 8 * labels
    edit(recipe, "A good reply is brief.,", "A good reply is brief., comparison_question: Which is shorter?,")
    made = plan(recipe, *reasoned)
    assert counted(made, "judge", "to_make") == counted(made, "judge", "at_most") > 0
    assert live(run(recipe, *reasoned))["judge"] == 2 * counted(made, "judge", "to_make")


def test_pairs_of_a_run_are_judged_by_principles_of_what_they_are_about(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replies to each kind by principles of its aim; by any, and that is said once, where there are none."""
    run(recipe)
    rows = read_rows(recipe.parent / "out/rl_cai/preferences.parquet")
    assert {(row["aim"], row["prompt_id"].partition("-")[0]) for row in rows} == {
        ("harmless", "red_team"),
        ("helpful", "helpful"),
    }
    assert {row["principle"] for row in rows if row["aim"] == "harmless"} == {"no-harm", "no-lies", "brief"}
    assert {row["principle"] for row in rows if row["aim"] == "helpful"} == {"real-help"}
    assert {comparison_of(row).aim for row in rows} == {"harmless", "helpful"}
    assert plan(recipe).warnings == []
    (recipe.parent / "law.yaml").write_text(LAW.replace("aim: harmless", "aim: honest"))
    (warning,) = plan(recipe).warnings
    assert warning.startswith("no principle of small that is compared by has the aim harmless, which comparisons on")
    assert cli(monkeypatch, "plan", recipe, "--out", recipe.parent / "out", "--until", "preferences") == 0
    assert capsys.readouterr().out.count("warning: no principle of small") == 1
    run_recipe(load_recipe(str(recipe)), recipe.parent / "out", Progress(), "preferences")
    assert capsys.readouterr().err.count("no principle of small that is compared by has the aim harmless") == 1
    rows = read_rows(recipe.parent / "out/rl_cai/preferences.parquet")
    assert {row["principle"] for row in rows} == {"no-harm", "no-lies", "brief", "real-help"}


def test_a_panel_is_counted_judge_by_judge(recipe: Path) -> None:
    """Each by its own way of asking; the same model asked the same is asked once."""
    script = recipe.parent / "script.yaml"
    panel = f"roles.panel=[{{engine: scripted, model: {script}, ask: score}}, {{engine: scripted}}]"
    run_recipe(load_recipe(str(recipe)), recipe.parent / "out", Progress(quiet=True), "revisions")
    asked = (panel, "rl_cai.policy_pairs=0", "rl_cai.feedback.principles=all")
    made, done = plan(recipe, *asked), live(run(recipe, *asked))
    labels, principles = PROMPTS * 2 // 3, 3  # of the aim that red-team pairs are about
    assert counted(made, "judge", "to_make") == done["judge"] == 2 * principles * labels
    # The replies are the same everywhere: each is scored once in its own conversation.
    assert counted(made, "judge 2", "to_make") == done["judge 2"] == 2 * principles * labels
    assert counted(made, "judge 3", "to_make") == done["judge 3"] == 0


def test_an_edit_taken_back_leaves_nothing_to_make(recipe: Path) -> None:
    """The chains of the edit are taken up again in their midst; the pair is still of the draft."""
    overrides = ("sl_cai.revision.rounds=4", "roles.reviser={engine: scripted}")
    run(recipe, *overrides)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    run(recipe, *overrides)
    edit(recipe, "A good reply is short.", "A good reply is brief.")
    made = plan(recipe, *overrides)
    assert [s.state for s in made.steps] == ["to run"] * 3
    assert (made.total("to_make"), made.total("at_most")) == (0, 0)
    assert sum(live(run(recipe, *overrides)).values()) == 0


@pytest.mark.parametrize("after", [0, 15, 300])
def test_a_run_stopped_half_way_is_not_taken_for_a_finished_one(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Its constitution lies in the folder, beside files that were made under the one before."""
    run(recipe)
    asked = Asked(monkeypatch, failures=0)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    total = plan(recipe).total("to_make")
    edit(recipe, "harms nobody.", "hurts nobody.")
    asked.stop_after = after
    with suppress(Stopped):
        run(recipe)
    asked.stop_after, asked.keys = None, {}
    made = plan(recipe)
    assert after == 300 or made.total("to_make") >= total > 0
    run(recipe)
    assert made.total("to_make") <= sum(asked.calls().values()) <= made.total("to_make") + made.total("at_most")
    assert not plan(recipe).to_run


def test_labels_of_chains_that_have_been_made_anew_since_are_not_taken_for_stored(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run stopped between revisions and labels."""
    babble = "roles.reviser={engine: scripted}"
    run(recipe, babble)
    edit(
        recipe,
        "principles:\n",
        "principles:\n  - {id: kind, text: A good reply is kind., aim: harmless, phases: revise}\n",
    )
    run_recipe(load_recipe(str(recipe), (babble,)), recipe.parent / "out", Progress(quiet=True), "revisions")
    made = plan(recipe, babble)
    assert [s.name for s in made.to_run] == ["preferences"]
    assert at(made, "preferences").why == ("revisions came out differently",)
    assert counted(made, "judge", "to_make") == live(run(recipe, babble))["judge"] > 0


def test_labels_that_failed_are_counted_when_their_principle_changes(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave no row, but are asked again."""
    choose = ScriptedEngine.choose

    async def unreadable(engine: ScriptedEngine, request: ChooseRequest) -> Choice:
        half = "brief" in request.messages[-1].content
        return Choice((), 3, "hm") if half else await choose(engine, request)

    monkeypatch.setattr(ScriptedEngine, "choose", unreadable)
    assert run(recipe)["steps"][-1]["unchanged"] is False
    assert json.loads((recipe.parent / "out/steps/preferences.json").read_text())["facts"]["failed"] > 5
    edit(recipe, "A good reply is brief.,", "A good reply is brief., comparison_question: Which is the shorter one?,")
    made = plan(recipe)
    assert counted(made, "judge", "to_make") == live(run(recipe))["judge"] > 5


@pytest.mark.parametrize("share", [0.02, 0.25, 0.9])
def test_rows_to_learn_from_are_bounded_for_any_share_of_critiques(recipe: Path, share: float) -> None:
    """Which chains teach critique is drawn by hash: it is not exactly that share."""
    babble = ("roles.reviser={engine: scripted}", f"sl_cai.critique_share={share}", "sl_cai.revision.rounds=1")
    made = plan(recipe, *babble)
    run(recipe, *babble)
    facts = json.loads((recipe.parent / "out/steps/revisions.json").read_text())["facts"]
    assert at(made, "revisions").rows is not None
    assert sum(facts["mix"].values()) <= at(made, "revisions").rows <= 20 + 4 + 40 * min(1, share + 0.3)


def test_a_plan_and_a_difference_say_the_same_of_what_a_change_touches(recipe: Path) -> None:
    """Labels too whose chain is touched as well."""
    run(recipe, "roles.reviser={engine: scripted}")
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    edit(recipe, "principles:\n", "principles:\n  - {id: kind, text: A good reply is kind., aim: helpful}\n")
    difference = compare(load_constitution(recipe.parent / "out"), load_constitution(recipe.parent / "law.yaml"))
    said = plan(recipe, "roles.reviser={engine: scripted}").changes
    assert said == changes_said(difference, impact(recipe.parent / "out", difference))
    assert len(said) == 2


def test_of_very_many_records_some_stand_for_the_others(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solon.pipeline.plan.counting.EXACT", 6)
    monkeypatch.setattr("solon.pipeline.plan.counting.LOOKED_UP", 5)
    babble = "roles.reviser={engine: scripted}"
    made = plan(recipe, babble)
    assert counted(made, "drafter", "to_make") == 20 + 4
    assert at(made, "revisions").calls["drafter"].sampled
    first = live(run(recipe, babble))
    assert not plan(recipe, babble).to_run
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe, babble)
    for role in ("reviser", "judge"):
        assert counted(made, role, "stored") + counted(made, role, "open") == pytest.approx(first[role], rel=0.1)
    again = live(run(recipe, babble))
    assert again["reviser"] / 2 < counted(made, "reviser", "open") < again["reviser"] * 2  # of 5 for 11


# --- what a model may do to a plan --------------------------------------------------------------------------


def test_prompts_that_do_not_fit_are_set_aside_and_then_only_perhaps_asked(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drafter reads them all, the reviser and the responder do not; no step fails for it."""
    generate = ScriptedEngine.generate

    async def short(engine: ScriptedEngine, request: GenerateRequest) -> Completion:
        text = request.messages[-1].content
        if any(f"red_team {n}?" in text for n in (3, 4)) and (text.startswith("<") or request.index == 1):
            raise PromptTooLong("too long")
        return await generate(engine, request)

    monkeypatch.setattr(ScriptedEngine, "generate", short)
    first = run(recipe)
    assert first["quarantined"] == 2
    facts = json.loads((recipe.parent / "out/steps/preferences.json").read_text())["facts"]
    assert (facts["from_policy"], facts["from_revisions"]) == (18 + 4, 18)  # of red-team and of helpful prompts
    assert not plan(recipe).to_run
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made, again = plan(recipe), live(run(recipe))
    for role in ("reviser", "responder", "judge"):
        assert counted(made, role, "to_make") <= again[role] <= counted(made, role, "open")
    assert counted(made, "responder", "at_most") >= 2


def test_a_server_that_counts_no_tokens_gives_a_time_all_the_same(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    with sqlite3.connect(recipe.parent / "out/memo.sqlite") as db:
        db.execute("update costs set prompt_tokens = 0, completion_tokens = 0, calls = 10, seconds = 20")
    db.close()
    calls = at(plan(recipe), "revisions").calls["reviser"]
    assert calls.seconds == pytest.approx(2.0 * calls.open)
    assert calls.tokens_in > 0


def test_a_limit_of_a_thousand_million_tokens_takes_no_such_memory(recipe: Path) -> None:
    huge = 10**9
    limits = [f"sl_cai.{part}.max_tokens={huge}" for part in ("draft", "revision", "helpful")]
    made = plan(recipe, *limits, f"sl_cai.revision.critique_tokens={huge}", f"rl_cai.answers.max_tokens={huge}")
    assert at(made, "revisions").calls["drafter"].tokens_out_most == 24 * huge


# --- folders that are damaged, foreign or in use --------------------------------------------------------


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_a_plan_says_what_the_run_will_set_aside(recipe: Path) -> None:
    red = recipe.parent / "red_team.jsonl"
    red.write_text(red.read_text() + '{"prompt": 7}\n{"prompt": "red_team 0?"}\n')
    (said,) = [line for line in plan(recipe).warnings if "set aside" in line]
    assert said == (
        f"2 rows of {red} will be set aside; line {PROMPTS + 1}: no prompt text (looked for prompt, text, instruction, "
        "question, turns, messages and others; prompt is a number)"
    )
    assert not [line for line in make_plan(load_recipe("quickstart"), recipe.parent / "q").warnings if "aside" in line]


def test_a_plan_leaves_the_folder_and_those_beside_it_as_they_are(recipe: Path) -> None:
    run(recipe)
    beside = recipe.parent / "beside"
    shutil.copytree(recipe.parent / "out", beside)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    before = listing(recipe.parent)
    plan(recipe)
    make_plan(load_recipe(str(recipe), ("rl_cai.feedback.ask=pointwise",)), recipe.parent / "other", "preferences")
    assert listing(recipe.parent) == before


def test_a_folder_that_cannot_be_written_can_be_planned_in(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    expected = plan(recipe).as_dict()["totals"]
    out = recipe.parent / "out"
    folders = [out, *(p for p in out.rglob("*") if p.is_dir())]
    for path in out.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    out.chmod(0o555)
    above = [p for p in out.parents if p != Path("/") and p.stat().st_uid == os.getuid() and not p.stat().st_mode & 1]
    was_root = os.geteuid() == 0
    try:
        for path in above:
            path.chmod(path.stat().st_mode | 0o055)
        if was_root:
            os.seteuid(65534)  # nobody: root may write everywhere
        found = plan(recipe).as_dict()["totals"]
    finally:
        if was_root:
            os.seteuid(0)
        for path in folders:
            path.chmod(0o755)
    assert found == expected


def test_a_folder_in_use_can_be_planned_in(recipe: Path) -> None:
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    expected = plan(recipe).as_dict()["totals"]
    folder = Run(recipe.parent / "out")
    memo = Memo(folder.folder / "memo.sqlite")
    with folder.locked():
        memo.note_cost(ScriptedEngine.load(None).fingerprint, "nobody", Cost(1, 1, 1, 1, 1.0))
        assert plan(recipe).as_dict()["totals"] == expected
    memo.close()


def test_a_memo_of_an_older_version_is_read(recipe: Path) -> None:
    run(recipe)
    with sqlite3.connect(recipe.parent / "out/memo.sqlite") as db:
        db.execute("drop table costs")
        db.execute("drop table texts")
    db.close()
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe)
    assert at(made, "revisions").calls["reviser"].seconds is None  # nothing is known of what calls cost
    assert counted(made, "drafter", "to_make") == 0


@pytest.mark.parametrize("lost", ["gone", "empty"])
def test_without_the_memo_every_call_is_made_again(recipe: Path, lost: str) -> None:
    first = live(run(recipe))
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    memo = recipe.parent / "out/memo.sqlite"
    memo.unlink() if lost == "gone" else memo.write_bytes(b"")
    made = plan(recipe)
    assert counted(made, "drafter", "stored") == counted(made, "reviser", "stored") == 0
    assert counted(made, "drafter", "to_make") == live(run(recipe))["drafter"] == first["drafter"]


def test_a_script_that_was_edited_has_nothing_stored(recipe: Path) -> None:
    """The recipe names the same file; its answers are others."""
    run(recipe)
    (recipe.parent / "script.yaml").write_text("name: steady\nrules: [{match: Rewrite, reply: Sorry.}]\n")
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe)
    assert counted(made, "reviser", "stored") == 0
    assert counted(made, "reviser", "to_make") <= live(run(recipe))["reviser"] <= counted(made, "reviser", "open")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recipe.yaml", None),
        ("recipe.yaml", "name: [1"),
        ("recipe.yaml", "name: x\nfrom: the future\n"),
        ("manifest.json", "{"),
        ("constitution.json", "[]"),
        ("sl_cai/revisions.parquet", "torn"),
        ("rl_cai/preferences.parquet", None),
        ("steps/revisions.json", "{"),
        ("steps/preferences.json", '{"key": "k"}'),
    ],
)
def test_a_damaged_folder_is_planned_as_it_would_be_run(recipe: Path, name: str, content: str | None) -> None:
    run(recipe)
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    path = recipe.parent / "out" / name
    path.unlink() if content is None else path.write_text(content)
    made, done = plan(recipe), live(run(recipe))
    for role, calls in done.items():
        assert counted(made, role, "to_make") <= calls <= counted(made, role, "open")
    assert not plan(recipe).to_run


def test_records_of_another_version_are_said_to_be(recipe: Path) -> None:
    run(recipe)
    path = recipe.parent / "out/steps/preferences.json"
    record = json.loads(path.read_text())
    del record["inputs"]
    path.write_text(json.dumps(record))
    assert at(plan(recipe), "preferences").why == ("made by another version of Solon",)
    path.write_text("{")
    assert at(plan(recipe), "preferences").why == ("its record is damaged",)


def test_a_run_folder_may_be_named_as_a_constitution_of_the_library(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    loaded = load_recipe(str(recipe))
    run_recipe(loaded, Path("balanced"), Progress(quiet=True), "preferences")
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = make_plan(loaded, Path("balanced"), "preferences")
    assert [line.split()[:2] for line in made.changes] == [["brief", "reworded:"]]


# --- recipes at the edge ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["revise", "compare"])
def test_a_constitution_without_principles_for_a_phase_is_refused_in_one_line(recipe: Path, phase: str) -> None:
    law = recipe.parent / "law.yaml"
    law.write_text(law.read_text().replace("aim:", f"phases: {phase}, aim:"))
    other = {"revise": "compare", "compare": "revise"}[phase]
    for attempt in (plan, run):
        with pytest.raises(ConfigError, match=f"small has no principle with the phase '{other}'") as stop:
            attempt(recipe)
        assert "\n" not in str(stop.value)
    if phase == "revise":
        assert make_plan(load_recipe(str(recipe)), recipe.parent / "out", "revisions").steps


def test_without_policy_answers_no_responder_is_needed(recipe: Path) -> None:
    """Nor its weights: the recipe names none."""
    none = ("rl_cai.policy_pairs=0", "roles.responder=null")
    assert [s.name for s in plan(recipe, *none).steps] == ["judge", "revisions", "preferences"]
    assert "responder" not in run(recipe, *none)["calls"]
    edit(recipe, "A good reply is brief.", "A good reply is short.")
    made = plan(recipe, *none)
    assert counted(made, "judge", "stored") > 0


def weights(folder: Path) -> Path:
    """A folder that looks like a model; a plan never opens it."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_answers_of_a_model_to_be_trained_again_are_perhaps_stored(recipe: Path) -> None:
    """Trained on the same rows it comes out the same; never trained, its answers are certain to be made."""
    model = f"roles.policy={{engine: transformers, model: {weights(recipe.parent / 'model')}}}"
    others = tuple(f"roles.{role}={{engine: scripted}}" for role in ("drafter", "judge"))
    loaded, out = load_recipe(str(recipe), (model, *others)), recipe.parent / "out"
    heldout = PROMPTS // 3 + 2
    fresh = make_plan(loaded, out).steps[-1]
    assert {role: (c.to_make, c.at_most) for role, c in fresh.calls.items()} == {
        f"policy ({name})": (heldout, 0) for name in ("base", "sl_cai", "rl_cai")
    }
    adapter = out / "sl_cai/model/adapter_model.safetensors"
    adapter.parent.mkdir(parents=True)
    adapter.write_bytes(b"adapter")
    Run(out).finish("sft", "key", {"seed": "another"}, [adapter.parent], {"size": 1, "seconds": 1.0})
    again = make_plan(loaded, out).steps[-1]
    assert {role: (c.to_make, c.at_most) for role, c in again.calls.items()} == {
        "policy (base)": (heldout, 0),
        "policy (sl_cai)": (0, heldout),
        "policy (rl_cai)": (heldout, 0),
    }


def test_a_recipe_that_cannot_be_run_leaves_no_memo_open(recipe: Path) -> None:
    run(recipe)
    (recipe.parent / "red_team.jsonl").write_text("")
    with pytest.raises(DataError, match="no usable row"):
        plan(recipe)

"""The judge in a run: qualified before anything else is spent, by a card or here; and `solon judge`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from recipes_for_tests import write_prompts
from solon.data.tables import read_rows
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError, DataError
from solon.feedback.qualification import load_card
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.pipeline.steps.judge import QualifyJudge, _unexamined
from solon.types import Choice, ChooseRequest

LAW = "name: small\nversion: '1.0.0'\nprinciples:\n  - {id: no-harm, text: A good reply harms nobody., aim: harmless}\n"
# Right wherever the better reply holds the word, whatever else the two say.
WISE = """
name: wise
rules:
  - {match: "(?s)<reply-a.*thoughtful.*<reply-b", probs: [0.9, 0.1]}
  - {match: "(?s)<reply-b.*thoughtful", probs: [0.2, 0.8]}
"""
FOOLISH = 'name: foolish\nrules: [{match: "A or B", probs: [0.9, 0.1]}]\n'  # always the first
PAIRS = 60


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that makes data only: scripts write and revise, and the foolish one judges."""
    (tmp_path / "law.yaml").write_text(LAW)
    (tmp_path / "wise.yaml").write_text(WISE)
    (tmp_path / "foolish.yaml").write_text(FOOLISH)
    rows = [
        {
            "id": f"pair-{n}",
            "prompt": f"What should I do about case {n}?",
            "chosen": f"A thoughtful word about case {n}.",
            "rejected": f"Something rash about case {n}.",
        }
        for n in range(PAIRS)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    value: dict[str, Any] = {
        "name": "judged",
        "constitution": str(tmp_path / "law.yaml"),
        "prompts": {"red_team": str(write_prompts(tmp_path, "red_team", 6))},
        "roles": {
            "policy": {"engine": "scripted"},
            "responder": {"engine": "scripted"},
            "judge": {"engine": "scripted", "model": str(tmp_path / "foolish.yaml")},
        },
        "sl_cai": {"revision": {"rounds": 1, "exemplars": 0}},
        "rl_cai": {"qualify": {"data": str(tmp_path / "pairs.jsonl")}},
    }
    with (tmp_path / "recipe.yaml").open("w") as handle:
        YAML(typ="safe", pure=True).dump(value, handle)
    return tmp_path / "recipe.yaml"


def wise(recipe: Path) -> str:
    return f"roles.judge.model={recipe.parent / 'wise.yaml'}"


def run(recipe: Path, *overrides: str, until: str = "preferences") -> dict[str, Any]:
    return run_recipe(load_recipe(str(recipe), overrides), recipe.parent / "out", Progress(quiet=True), until)


def facts(recipe: Path, step: str = "judge") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((recipe.parent / f"out/steps/{step}.json").read_text())["facts"]
    return found


def asked(recipe: Path) -> dict[str, int]:
    """Stored calls by role."""
    with sqlite3.connect(recipe.parent / "out/memo.sqlite") as memo:
        return dict(memo.execute("select role, count(*) from calls group by role"))


Solon = Callable[..., tuple[int, str, str]]


# --- before a run spends anything ------------------------------------------------------------------------


def test_a_judge_that_does_not_qualify_stops_the_run_before_anything_else_is_asked(
    recipe: Path, solon_cli: Solon, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("run", recipe, "--out", recipe.parent / "out", "--until", "preferences", "-q")
    code, _, err = solon_cli(*arguments)
    assert code == 2
    warned, line = err.strip().splitlines()
    assert warned.startswith("warning: prompts: every kind asks for harm")
    for part in (
        "judge: foolish is not qualified (agreement 0% [0, 6] is below 60%; ",
        f"see {recipe.parent}/out/evaluation/judge.html",
        "lower rl_cai.qualify.bar",
        "set rl_cai.qualify.unqualified=use",
    ):
        assert part in line
    assert asked(recipe) == {"judge": 2 * PAIRS}  # both orders; there is no right label to attack
    assert "foolish" in (recipe.parent / "out/evaluation/judge.html").read_text()
    assert not (recipe.parent / "out/sl_cai").exists()

    monkeypatch.setattr(ScriptedEngine, "choose", lambda *_: pytest.fail("asked again"))
    assert solon_cli(*arguments) == (2, "", err)
    assert facts(recipe)["qualified"] is False
    # A plan says what the run would say.
    with pytest.raises(ConfigError, match="judge: foolish is not qualified"):
        make_plan(load_recipe(str(recipe)), recipe.parent / "out", "preferences")


def test_a_run_for_revisions_alone_needs_no_judge(recipe: Path) -> None:
    run(recipe, until="revisions")
    assert "judge" not in asked(recipe)


def test_an_unqualified_judge_may_label_all_the_same_and_that_is_said(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError):
        run(recipe)
    run(recipe, "rl_cai.qualify.unqualified=use")
    assert "warning: judge: foolish is not qualified (agreement 0%" in capsys.readouterr().err
    found = facts(recipe)
    assert (found["qualified"], found["unqualified"], found["size"]) == (False, "use", PAIRS)
    assert found["reasons"][0] == "agreement 0% [0, 6] is below 60%"
    run(recipe, "rl_cai.qualify.unqualified=use")  # nothing is made anew, and it is said again
    assert "it labels all the same" in capsys.readouterr().err
    cards = json.loads((recipe.parent / "out/evaluation/judge.json").read_text())
    assert [card["qualified"] for card in cards] == [False]


def test_without_labelled_pairs_nothing_vouches_for_the_judge(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(recipe, "rl_cai.qualify.data=null")
    assert "nothing vouches for it" in capsys.readouterr().err
    assert facts(recipe)["qualified"] is None
    assert json.loads((recipe.parent / "out/evaluation/judge.json").read_text()) == []


def test_a_judge_that_qualifies_labels(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(recipe, wise(recipe), "rl_cai.qualify.also=[pointwise]")
    assert facts(recipe)["qualified"] is True
    warned = capsys.readouterr().err
    assert "warning: judge" not in warned
    # The labelled pairs say no aim, so they are no measure of a kind of pair that has one.
    assert "the judge was examined on no pair of these kinds: harmless: two replies alike" in warned
    first, other = json.loads((recipe.parent / "out/evaluation/judge.json").read_text())
    assert (first["settings"]["ask"], other["settings"]["ask"]) == ("choice", "pointwise")
    assert first["agreement"]["overall"]["hits"] == PAIRS
    assert len(first["injections"]["by_family"]) >= 20
    assert other["injections"] is None  # ways to compare with meet no attacks
    assert facts(recipe, "preferences")["labelled"] > 0


def test_exemplars_that_a_judge_cannot_show_are_refused_before_anything_runs(recipe: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"rl_cai\.feedback: exemplars 2 cannot be shown when ask is likelihood"
    ) as said:
        load_recipe(str(recipe), ("rl_cai.feedback.ask=likelihood", "rl_cai.feedback.exemplars=2"))
    assert "\n" not in str(said.value)
    panel = "roles.panel=[{engine: scripted, ask: score}]"
    with pytest.raises(ConfigError, match=r"roles.panel.0: rl_cai.feedback.exemplars 2 cannot be shown when ask is sc"):
        load_recipe(str(recipe), (panel, "rl_cai.feedback.exemplars=2"))
    shown = load_recipe(str(recipe), ("rl_cai.qualify.also=[pointwise]", "rl_cai.feedback.exemplars=2"))
    ways = QualifyJudge().ways(SimpleNamespace(recipe=shown))  # type: ignore[arg-type]
    assert [(way.ask, way.exemplars) for way in ways] == [("choice", 2), ("pointwise", 0)]


def test_a_judge_that_was_not_examined_on_what_it_is_asked_is_said() -> None:
    told = "the labelled pairs are about helpful, honest; none is about harmless, which the run asks the judge about"
    asked_about = ["harmless", "helpful"]
    assert _unexamined({"aims": ["helpful", "honest"]}, asked_about) == told
    assert _unexamined({"aims": ["helpful", "honest"]}, ["helpful"]) is None
    assert _unexamined({"aims": ["harmless", "helpful"]}, asked_about) is None
    for facts_of in ({"aims": ["Adv-Manual"]}, {"aims": []}, {}):
        assert _unexamined(facts_of, asked_about) is None


def test_a_panel_qualifies_together(recipe: Path) -> None:
    panel = f"roles.panel=[{{engine: scripted, model: {recipe.parent}/wise.yaml}}, {{engine: scripted, ask: score}}]"
    run(recipe, wise(recipe), panel, "rl_cai.qualify.bar.agreement=0.5", "rl_cai.qualify.unqualified=use")
    (card,) = json.loads((recipe.parent / "out/evaluation/judge.json").read_text())
    assert [(j["role"], j["model"], j["ask"]) for j in card["judge"]] == [
        ("judge", "wise", "choice"),
        ("judge 2", "wise", "choice"),
        ("judge 3", "scripted", "score"),
    ]
    row = read_rows(recipe.parent / "out/rl_cai/preferences.parquet")[0]
    assert {verdict["ask"] for verdict in row["verdicts"]} == {"choice", "score"}
    assert {"judge", "judge 3"} <= set(asked(recipe))


def test_a_plan_counts_the_qualification(recipe: Path) -> None:
    """Attacks are on pairs judged right: a bound before, exact once the labels are stored."""
    made = make_plan(load_recipe(str(recipe), (wise(recipe),)), recipe.parent / "out", "judge")
    calls = made.steps[0].calls["judge"]
    assert calls.to_make == 2 * PAIRS
    run(recipe, wise(recipe), until="judge")
    assert 2 * PAIRS < asked(recipe)["judge"] <= calls.open
    again = make_plan(
        load_recipe(str(recipe), (wise(recipe), "rl_cai.qualify.bar.agreement=0.5")), recipe.parent / "out", "judge"
    )
    assert again.steps[0].state == "to run"
    assert again.steps[0].calls["judge"].open == 0


def test_bad_rows_of_the_labelled_pairs_are_quarantined(recipe: Path) -> None:
    with (recipe.parent / "pairs.jsonl").open("a") as handle:
        handle.write('{"id": "torn", "prompt": "x", "chosen": "y"\n')
    run(recipe, wise(recipe), until="judge")
    (row,) = [json.loads(line) for line in (recipe.parent / "out/quarantine.jsonl").read_text().splitlines()]
    assert (row["file"], row["line"]) == (str(recipe.parent / "pairs.jsonl"), PAIRS + 1)


# --- labels ----------------------------------------------------------------------------------------------


def test_labels_that_fail_are_counted_by_kind_and_kept_apart(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = ScriptedEngine.choose

    async def coy(engine: ScriptedEngine, request: ChooseRequest) -> Choice:
        text = request.messages[-1].content
        if "red_team 1?" in text:
            return Choice((), 3, "I cannot help with judging this.")
        return Choice((), 3, "what?") if "red_team 3?" in text else await choose(engine, request)

    monkeypatch.setattr(ScriptedEngine, "choose", coy)
    run(recipe, wise(recipe))
    found = facts(recipe, "preferences")
    assert found["failed"] == 4  # the pair of draft and revision, and that of two answers, of each prompt
    assert found["failed_by_kind"] == {"refused": 2, "unreadable": 2}
    lines = [json.loads(line) for line in (recipe.parent / "out/rl_cai/unlabelled.jsonl").read_text().splitlines()]
    assert {line["id"] for line in lines} == {f"red_team-{n}:{kind}" for n in (1, 3) for kind in ("revision", "policy")}
    assert all(line["verdicts"][0]["prob_a"] is None for line in lines)
    labelled = {row["id"] for row in read_rows(recipe.parent / "out/rl_cai/preferences.parquet")}
    assert len(labelled) == found["labelled"]
    assert not labelled & {line["id"] for line in lines}


def test_when_no_label_can_be_had_the_run_says_why(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def mute(engine: ScriptedEngine, request: ChooseRequest) -> Choice:
        return Choice((), 3, "what?")

    monkeypatch.setattr(ScriptedEngine, "choose", mute)
    with pytest.raises(
        DataError, match=r"none of 8 pairs could be labelled: 8 unreadable; the first: unreadable: what"
    ):
        run(recipe, "rl_cai.qualify.data=null")
    assert not (recipe.parent / "out/rl_cai/preferences.parquet").exists()


def test_labels_are_calibrated_as_the_card_was_fitted(recipe: Path) -> None:
    run(recipe, wise(recipe))
    raw = read_rows(recipe.parent / "out/rl_cai/preferences.parquet")
    calls = asked(recipe)
    fitted = ("rl_cai.feedback.calibration=temperature", "rl_cai.feedback.clamp=none")
    run(recipe, wise(recipe), *fitted)
    assert asked(recipe) == calls  # a calibration asks nothing
    (card,) = cards_in(recipe.parent / "out")
    calibration = card.fitted
    assert calibration.method == "temperature"
    assert calibration.slope > 1.5  # always right at 0.85: surer than it says
    assert facts(recipe)["calibration"] == "temperature"
    after = {row["id"]: row for row in read_rows(recipe.parent / "out/rl_cai/preferences.parquet")}
    assert len(raw) > 0
    for row in raw:
        assert row["verdicts"] == after[row["id"]]["verdicts"]
        assert after[row["id"]]["prob_chosen"] == pytest.approx(calibration.of_cell(row["prob_chosen"]))
    inputs = json.loads((recipe.parent / "out/steps/preferences.json").read_text())["inputs"]
    assert "after judge" in inputs


def test_a_calibration_needs_pairs_to_be_fitted_on(recipe: Path) -> None:
    with pytest.raises(ConfigError, match=r"rl_cai: feedback\.calibration platt is fitted on labelled pairs"):
        run(recipe, "rl_cai.feedback.calibration=platt", "rl_cai.qualify.data=null")
    few = ("rl_cai.qualify.limit=2", "rl_cai.qualify.unqualified=use", "rl_cai.feedback.calibration=isotonic")
    with pytest.raises(ConfigError, match="2 labelled pairs are too few to fit isotonic on"):
        run(recipe, wise(recipe), *few)


# --- solon judge -----------------------------------------------------------------------------------------


def examined(recipe: Path, solon_cli: Solon, *more: object, code: int = 0) -> Path:
    folder = recipe.parent / "examined"
    pairs, script = recipe.parent / "pairs.jsonl", f"script:{recipe.parent / 'wise.yaml'}"
    law = ("--constitution", recipe.parent / "law.yaml")
    got, out, err = solon_cli(
        "judge", "qualify", "--model", script, *law, "--data", pairs, "--out", folder, "--measured-by", "Ada", *more
    )
    assert got == code, out + err
    return folder / "card.json"


def test_a_written_card_spares_a_run_the_measurement(recipe: Path, solon_cli: Solon) -> None:
    card = examined(recipe, solon_cli)
    run(recipe, wise(recipe), f"rl_cai.qualify.card={card}", until="judge")
    assert asked(recipe) == {}
    assert facts(recipe)["qualified"] is True
    (kept,) = json.loads((recipe.parent / "out/evaluation/judge.json").read_text())
    assert kept == json.loads(card.read_text())
    assert kept["measured_by"] == "Ada"


def test_a_card_is_held_to_the_bar_of_the_recipe(recipe: Path, solon_cli: Solon) -> None:
    card = f"rl_cai.qualify.card={examined(recipe, solon_cli, '--set', 'orders=one')}"
    for bar, found in (("0.9", True), ("1.0", True)):
        run(
            recipe,
            wise(recipe),
            card,
            "rl_cai.feedback.orders=one",
            f"rl_cai.qualify.bar.agreement={bar}",
            until="judge",
        )
        assert facts(recipe)["qualified"] is found
    failing = examined(recipe, solon_cli, "--bar", "failures=0", "--limit", "20", code=1)
    with pytest.raises(ConfigError, match="20 labelled pairs are too few to tell"):
        run(recipe, wise(recipe), f"rl_cai.qualify.card={failing}", until="judge")
    assert json.loads((recipe.parent / "out/evaluation/judge.json").read_text())[0]["measured_by"] == "Ada"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((), r"it is of wise \(choice, [0-9a-f]{8}\), not of foolish \(choice, [0-9a-f]{8}\)"),
        (("WISE", "rl_cai.feedback.ask=score"), r"it is of wise \(choice, .*\), not of wise \(score, "),
        (("WISE", "rl_cai.feedback.orders=one"), "it is of orders both, not one"),
        (("WISE", "constitution=human-rights"), r"it is about small 1\.0\.0 of other content"),
    ],
)
def test_a_card_of_another_judge_is_refused_in_one_line(
    recipe: Path, solon_cli: Solon, overrides: tuple[str, ...], said: str
) -> None:
    card = examined(recipe, solon_cli)
    given = tuple(wise(recipe) if name == "WISE" else name for name in overrides)
    with pytest.raises(ConfigError, match=f"cannot vouch for this judge: {said}") as stop:
        run(recipe, *given, f"rl_cai.qualify.card={card}")
    assert "\n" not in str(stop.value)
    assert asked(recipe) == {}


def test_a_card_without_attacks_vouches_where_none_are_asked_for(recipe: Path, solon_cli: Solon) -> None:
    card = f"rl_cai.qualify.card={examined(recipe, solon_cli, '--attacks', '0')}"
    with pytest.raises(ConfigError, match="it was measured without attacks"):
        run(recipe, wise(recipe), card)
    run(recipe, wise(recipe), card, "rl_cai.qualify.attacks=0", until="judge")


def test_a_card_that_was_changed_is_refused(recipe: Path, solon_cli: Solon) -> None:
    card = examined(recipe, solon_cli)
    card.write_text(card.read_text().replace('"measured_by": "Ada"', '"measured_by": "Bob"'))
    with pytest.raises(ConfigError, match="is damaged or was changed"):
        run(recipe, wise(recipe), f"rl_cai.qualify.card={card}")
    code, _, err = solon_cli("judge", "show", card)
    assert code == 2
    assert "is damaged or was changed" in err
    with pytest.raises(ConfigError, match=r"rl_cai.qualify.card: cannot read .*none\.json"):
        run(recipe, wise(recipe), f"rl_cai.qualify.card={recipe.parent}/none.json")


def test_qualify_says_what_it_found_and_asks_nothing_twice(
    recipe: Path, solon_cli: Solon, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = examined(recipe, solon_cli)
    folder = card.parent
    assert {p.name for p in folder.iterdir()} >= {"card.json", "card.html", "memo.sqlite", "preferences.parquet"}
    rows = read_rows(folder / "preferences.parquet")
    assert len(rows) == PAIRS
    assert all("thoughtful" in row["chosen"][0]["content"] for row in rows)
    assert all(len(row["verdicts"]) == 2 for row in rows)
    assert "Ada" in (folder / "card.html").read_text()

    monkeypatch.setattr(ScriptedEngine, "choose", lambda *_: pytest.fail("asked again"))
    examined(recipe, solon_cli)
    code, out, _ = solon_cli("judge", "show", card)
    assert code == 0
    assert "wise is qualified" in out
    assert "agreement with the labels 100% [94, 100] ≥ 60%" in " ".join(out.split())
    assert "measured by Ada" in out
    code, out, _ = solon_cli("judge", "show", card, "--json")
    assert json.loads(out)["digest"] == load_card(card).digest


def test_qualify_exits_with_one_for_a_judge_that_does_not(recipe: Path, solon_cli: Solon) -> None:
    arguments = ("--recipe", recipe, "--out", recipe.parent / "examined")
    code, out, _ = solon_cli("judge", "qualify", *arguments)
    assert code == 1
    assert "foolish is not qualified" in out
    assert "agreement 0% [0, 6] is below 60%" in out
    code, out, _ = solon_cli("judge", "qualify", *arguments, "--json", "--limit", "10", "--bar", "agreement=0")
    assert code == 1
    found = json.loads(out)
    assert (found["data"]["rows"], found["bar"]["agreement"]) == (10, 0)
    # The recipe's card, where the judge is asked as it says, holds for a run of it.
    solon_cli("judge", "qualify", *arguments)
    run(
        recipe,
        f"rl_cai.qualify.card={recipe.parent}/examined/card.json",
        "rl_cai.qualify.unqualified=use",
        until="judge",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which judge? --judge recorded"),
        (("--judge", "recorded", "--model", "m"), "give one of them"),
        (("--judge", "none.jsonl"), "recording: no such file: none.jsonl"),
        (("--model", "script:", "--ask", "maybe"), "feedback: ask: choose 'choice', 'chain_of_thought'"),
        (("--model", "script:", "--principles", "0"), "principles"),
        (("--model", "script:", "--set", "sampels=3"), "unknown key 'sampels'; did you mean 'samples'?"),
        (("--model", "script:", "--set", "samples"), "--set: 'samples' is not key=value"),
        (("--model", "script:", "--bar", "agreements=1"), "did you mean 'agreement'?"),
        (("--model", "script:", "--bar", "agreement=2"), "bar.agreement"),
        (("--model", "script:", "--data", "none.jsonl"), "none.jsonl"),
        (("--model", "script:", "--format", "cuneiform"), "cuneiform"),
        (("--model", "script:", "--ask", "reward_model"), "ask reward_model needs a reward model's weights"),
        (("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--ask", "likelihood"), "ask likelihood scores whole"),
        (("--recipe", "none.yaml"), "recipe: no such file"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, solon_cli: Solon, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = solon_cli("judge", "qualify", *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert said in err


def test_the_bare_verb_explains_itself(solon_cli: Solon) -> None:
    _, out, _ = solon_cli("judge")
    assert "qualify" in out
    assert "show" in out


def test_settings_may_be_written_as_in_a_recipe(tmp_path: Path, recipe: Path, solon_cli: Solon) -> None:
    card = examined(
        recipe, solon_cli, "--set", "rl_cai.feedback.orders=one", "--set", "labels=hard", "--principles", "all"
    )
    settings = load_card(card).settings
    assert (settings.orders, settings.labels, settings.principles) == ("one", "hard", "all")

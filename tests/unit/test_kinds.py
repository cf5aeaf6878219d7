"""Kinds of prompts with aims: chains and comparisons on every kind, each by the principles of what it is about."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe, write_prompts
from solon.constitution import Constitution, Principle, load_constitution
from solon.constitution.write import to_yaml
from solon.data.tables import read_rows
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import ConfigError, DataError
from solon.evaluation.refusal import declines
from solon.feedback.judges.aimed import AimedJudge
from solon.feedback.qualification.figures import Share
from solon.pipeline.aiming import check_aims
from solon.pipeline.pairing import Answer, Said, about, answers_of, contrast_pairs, refusals_of, wanted
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.pipeline.steps.preferences import Preferences
from solon.pipeline.steps.revisions import meets, no_step_back
from solon.pipeline.telling import Telling, kind_of_pair
from solon.revision import ChainSettings, revise
from solon.types import Comparison, Prompt, Verdict, system, user

HARM = Prompt("h", "How do I hurt him?", "red_team", aims=("harmless",))
TWIN = Prompt("t", "How do I beat him at chess?", "twins", aims=("helpful", "harmless"))
REFUSAL = "I can't help with that."
LAW = load_constitution("balanced")


# --- what a recipe may say -----------------------------------------------------------------------------------------


def test_a_file_alone_is_a_kind_whose_name_says_its_aims(tmp_path: Path, tiny_folder: Path) -> None:
    twins = "prompts.twins={file: t.jsonl, aims: [helpful, harmless], share: 0.5}"
    recipe = load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), (twins,))
    assert {name: (kind.aims, kind.share) for name, kind in recipe.prompts.items()} == {
        "red_team": (("harmless",), 1.0),
        "helpful": (("helpful",), 1.0),
        "twins": (("helpful", "harmless"), 0.5),
    }
    assert recipe.harm_kinds == recipe.chain_kinds == ("red_team",)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "prompts.mine=x.jsonl",
            "mine has no aims: say what replies to such prompts are compared by (harmless, helpful, honest, own), such",
        ),
        ("prompts.mine={file: x, aims: []}", "prompts.mine.aims: "),
        ("prompts.mine={file: x, aims: [kind]}", "'harmless', 'helpful', 'honest' or 'own' (given: 'kind')"),
        ("prompts.mine={file: x, aims: [own, own]}", "names an aim twice: own, own"),
        ("prompts.mine={file: x, aims: [own], share: 0}", "prompts.mine.share: "),
        ("prompts.My-kind={file: x, aims: [own]}", "'My-kind' is no name of a kind"),
        ("prompts.mine={file: x, aims: null}", "mine has no aims: "),
        ("sl_cai.chains=[twins]", "sl_cai.chains: 'twins' is no kind of prompts; choose from red_team, helpful"),
        ("rl_cai.policy_pairs={twins: 3}", "rl_cai.policy_pairs: 'twins' is no kind of prompts"),
        ("rl_cai.contrast_pairs={twins: 3}", "rl_cai.contrast_pairs: 'twins' is no kind of prompts"),
        ("sl_cai.mix.shares={twins: 0.1}", "sl_cai.mix.shares: 'twins' is no kind of prompts"),
        ("sl_cai.mix.refusals=1.5", "sl_cai.mix.refusals: "),
        ("rl_cai.feedback.ask_about={helpful: reward_model}", "ask_about: reward_model is no question"),
        ("rl_cai.human=[{file: p.jsonl, aim: helpful, weight: 0}]", "rl_cai.human.0.weight: "),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(tmp_path: Path, tiny_folder: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), (override,))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def law(tmp_path: Path, *aims: str) -> str:
    principles = tuple(Principle(id=f"p-{aim}", text=f"A good reply is {aim}.", aim=aim) for aim in aims)  # type: ignore[arg-type]
    path = tmp_path / "law.yaml"
    path.write_text(to_yaml(Constitution(name="law", version="1.0.0", principles=principles)))
    return str(path)


def test_a_constitution_without_helpful_principles_can_only_teach_to_refuse(
    tmp_path: Path, tiny_folder: Path, solon_cli: Callable[..., tuple[int, str, str]]
) -> None:
    path = tiny_recipe(tmp_path, tiny_folder, constitution=law(tmp_path, "harmless", "honest"))
    out = tmp_path / "run"
    plan = make_plan(load_recipe(str(path), ("rl_cai.contrast_pairs=null",)), out)
    (said,) = (line for line in plan.warnings if "helpful principle" in line)
    assert "replies to helpful prompts are not compared, and this run can only learn to refuse" in said
    assert not any("the judge is asked about any of them" in line for line in plan.warnings)
    run_recipe(load_recipe(str(path), ("rl_cai.contrast_pairs=null",)), out, Progress(quiet=True), "preferences")
    assert {row["aim"] for row in read_rows(out / "rl_cai/preferences.parquet")} == {"harmless"}
    code, _, err = solon_cli("plan", path, "prompts.helpful={file: x.jsonl, aims: [helpful, own]}", "--out", out)
    assert code == 2
    assert "Traceback" not in err


def test_an_aim_of_ones_own_that_no_principle_has_is_refused(tmp_path: Path, tiny_folder: Path) -> None:
    mine = ("prompts.mine={file: m.jsonl, aims: [honest]}",)
    recipe = load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), mine)
    few = load_constitution(law(tmp_path, "harmless", "helpful"))
    with pytest.raises(
        ConfigError, match=r"prompts\.mine\.aims: no principle of law .* has the aim honest; choose from"
    ):
        check_aims(few, recipe)
    (said,) = check_aims(load_constitution(law(tmp_path, "harmless", "honest")), recipe)
    assert "no helpful principle: replies to helpful prompts are not compared" in said
    # Principles without aims are drawn from as a whole.
    assert check_aims(load_constitution(law(tmp_path, "own")), recipe) == []


def test_a_run_of_harm_alone_is_told_so(tmp_path: Path, tiny_folder: Path) -> None:
    recipe = load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), ("prompts.helpful=null",))
    (said,) = check_aims(LAW, recipe)
    assert said.startswith("prompts: every kind asks for harm: this run can only learn to refuse")


# --- chains --------------------------------------------------------------------------------------------------------


def test_a_chain_draws_the_principles_of_its_kinds_aims_in_turn() -> None:
    engine = ScriptedEngine(Script())
    steps = asyncio.run(revise(engine, LAW, TWIN, "A draft.", ChainSettings(rounds=4)))
    assert [LAW[step.principle].aim for step in steps] == ["helpful", "harmless", "helpful", "harmless"]
    bare = Prompt("t", TWIN.text)
    drawn = {s.principle for s in asyncio.run(revise(engine, LAW, bare, "A draft.", ChainSettings(rounds=12)))}
    assert len({LAW[name].aim for name in drawn}) > 1


@pytest.mark.parametrize(
    ("prompt", "before", "revision", "kept"),
    [
        (HARM, "First, hit him.", REFUSAL, True),
        (HARM, "First, hit him.", "First, trip him.", True),
        (HARM, REFUSAL, "First, hit him.", False),
        (HARM, REFUSAL, "I won't help with that.", True),
        (TWIN, "Castle early.", "Castle early, then attack.", True),
        (TWIN, "Castle early.", REFUSAL, False),
        (TWIN, REFUSAL, "Castle early.", True),
        (TWIN, REFUSAL, "I won't help with that.", False),
    ],
)
def test_a_revision_that_steps_back_is_not_kept(prompt: Prompt, before: str, revision: str, kept: bool) -> None:
    assert no_step_back(prompt, before, revision) is kept


def test_after_a_reverted_revision_the_chain_goes_on_from_the_text_before() -> None:
    engine = ScriptedEngine(Script(rules=(Rule(match="Rewrite the assistant", reply=REFUSAL),)))
    settings = ChainSettings(rounds=2, keep=no_step_back)
    steps = asyncio.run(revise(engine, LAW, TWIN, "Castle early.", settings))
    assert [(step.before, step.revision, step.failure) for step in steps] == [
        ("Castle early.", REFUSAL, "reverted"),
        ("Castle early.", REFUSAL, "reverted"),
    ]


@pytest.mark.parametrize(
    ("prompt", "text", "met"),
    [(HARM, REFUSAL, True), (HARM, "First, trip him.", False), (TWIN, "Castle early.", True), (TWIN, REFUSAL, False)],
)
def test_a_text_meets_what_its_kind_is_for(prompt: Prompt, text: str, met: bool) -> None:
    assert meets(prompt, text) is met


def test_what_is_learnt_may_have_to_meet_its_aim(tmp_path: Path) -> None:
    """Of the recorded reviser's revisions many still answer harm: compared with their drafts, not learnt."""
    found = {}
    for keep in ("better", "aimed"):
        folder = tmp_path / keep
        run_recipe(load_recipe("quickstart", (f"sl_cai.keep={keep}",)), folder, Progress(), "revisions")
        rows = list(read_rows(folder / "sl_cai/sft.parquet"))
        said = [row["completion"][0]["content"] for row in rows if row["source"] == "revision"]
        facts = json.loads((folder / "steps/revisions.json").read_text())["facts"]
        found[keep] = (facts["revisions"], len(said), sum(map(declines, said)), facts["mix_left_out"].get("aimed", 0))
    (made, rows_before, refusals, none), (again, rows_aimed, kept, left_out) = found["better"], found["aimed"]
    assert made == again
    assert none == 0
    assert left_out == rows_before - rows_aimed > 10
    assert kept == refusals == rows_aimed


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_so_many_prompts_of_each_kind() -> None:
    prompts = {"a": [HARM] * 3, "b": [TWIN] * 3}
    assert [p.id for p in wanted(prompts, 2)] == ["h", "h", "t", "t"]
    assert len(wanted(prompts, None)) == 6
    assert [p.id for p in wanted(prompts, {"b": 1})] == ["t"]
    assert len(wanted(prompts, {"a": None, "b": 0})) == 3


def test_a_pair_is_compared_once_about_each_aim() -> None:
    pair = Comparison("t:policy", "t", "q", "x", "y", "policy")
    assert [(one.id, one.aim) for one in about(pair, TWIN.aims)] == [
        ("t:policy", "helpful"),
        ("t:policy:harmless", "harmless"),
    ]
    assert [one.aim for one in about(pair, ())] == [""]


def revised(name: str, before: str, revision: str, **more: Any) -> dict[str, Any]:
    row = {"prompt_id": name, "prompt": "How do I hurt him?", "step": 0, "before": before, "revision": revision}
    return {**row, "context": [], "failure": None, "before_ended": True, **more}


def test_answers_stand_beside_refusals_borrowed_from_other_prompts() -> None:
    chains = [
        revised("answered", "Hit him.", "Trip him."),
        revised("declined", "Hit him.", "I won't help you hurt him."),
        revised("torn", "Hit", "I can't help with that.", before_ended=False),
        revised("refused", REFUSAL, "I can't assist with that."),
    ]
    sampled = [
        {"prompt_id": "t", "sample": 0, "answer": "Castle early.", "failure": None, "ended": True},
        {"prompt_id": "t", "sample": 1, "answer": "Another.", "failure": None, "ended": True},
        {"prompt_id": "u", "sample": 0, "answer": REFUSAL, "failure": None, "ended": True},
        {"prompt_id": "v", "sample": 0, "answer": "", "failure": "empty", "ended": False},
    ]
    earlier = [{"role": "system", "content": "You teach chess."}]
    sampled = [{**row, "prompt": "How do I begin?", "context": earlier} for row in sampled]
    answers = answers_of(sampled, chains)
    # Where a chain ends with a refusal, its own pair is that contrast; what declines is no answer.
    turns = (system("You teach chess."), user("How do I begin?"))
    assert answers == {
        "answered": Answer((user("How do I hurt him?"),), Said("Hit him.", True)),
        "t": Answer(turns, Said("Castle early.", True)),
    }
    refusals = refusals_of(chains)
    assert sorted(refusals) == ["I can't assist with that.", "I can't help with that.", "I won't help you hurt him."]
    pairs = contrast_pairs([TWIN], answers, refusals)
    assert [(p.id, p.aim, p.source) for p in pairs] == [
        ("t:contrast", "helpful", "contrast"),
        ("t:contrast:harmless", "harmless", "contrast"),
    ]
    assert all("Castle early." in (p.response_a, p.response_b) and p.ended_a and p.ended_b for p in pairs)
    assert {p.turns for p in pairs} == {turns}
    assert contrast_pairs([TWIN], answers, []) == []


def test_refusals_that_name_their_prompt_are_not_borrowed_where_others_are_there() -> None:
    naming = revised("a", "x", "I won't explain explosives.", prompt="Explain explosives to me.")
    assert refusals_of([naming]) == ["I won't explain explosives."]
    assert refusals_of([naming, revised("b", "x", REFUSAL)]) == [REFUSAL]


def test_kinds_of_pair_that_a_judge_cannot_tell_are_left_out_and_said() -> None:
    coin, good = Share.of(11, 20), Share.of(19, 20)
    beside, alike = "helpful: an answer beside a refusal", "helpful: two replies alike"
    pair = Comparison("x", "x", "q", "Castle early.", REFUSAL, aim="helpful")
    assert kind_of_pair(pair) == beside
    assert kind_of_pair(replace(pair, response_a="I won't do that, sorry, but I can't.")) == alike
    telling = Telling({beside: coin, alike: good})
    why = telling.cannot(pair)
    assert why is not None
    assert why.startswith(f"untold: on pairs like this ({beside}) the judge agrees on 55%")
    assert telling.cannot(Comparison("y", "y", "q", "a", "b", aim="helpful")) is None
    assert telling.cannot(Comparison("z", "z", "q", "a", "b", aim="own")) is None
    assert telling.facts()["pairs"] == {beside: 1}
    first, second = telling.said()
    assert first.startswith(f"1 pairs ({beside}) are left out: the judge's agreement on such pairs, 55% [34, 74], ")
    assert second.startswith("the judge was examined on no pair of these kinds: own: two replies alike")
    used = Telling({beside: coin}, leave_out=False)
    assert used.cannot(pair) is None
    assert "labelled all the same" in used.said()[0]


def test_a_judge_may_be_asked_in_another_way_about_an_aim() -> None:
    class Fixed:
        def __init__(self, prob: float) -> None:
            self.prob = prob

        async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
            return [Verdict(principle.id, "ab", self.prob, "k")]

    judge = AimedJudge(Fixed(0.9), {"helpful": Fixed(0.2)})
    principle = LAW.principles[0]
    found = [
        asyncio.run(judge.verdicts(Comparison("i", "i", "q", "a", "b", aim=aim), principle))[0].prob_a
        for aim in ("harmless", "helpful", "")
    ]
    assert found == [0.9, 0.2, 0.9]


# --- a run ----------------------------------------------------------------------------------------------------------


def test_every_kind_is_compared_by_principles_of_its_aim(tmp_path: Path, tiny_folder: Path) -> None:
    twins = {"file": str(write_prompts(tmp_path, "twins", 6)), "aims": ["helpful"]}
    path = tiny_recipe(tmp_path, tiny_folder)
    changes = (
        f"prompts.twins={json.dumps(twins)}",
        "sl_cai.chains=[red_team, twins]",
        "sl_cai.mix.samples=2",
        "rl_cai.policy_pairs={red_team: 2, twins: 1}",
        "rl_cai.contrast_pairs={helpful: null, twins: 2}",
    )
    recipe, out = load_recipe(str(path), changes), tmp_path / "run"
    run_recipe(recipe, out, Progress(quiet=True), "preferences")
    rows = read_rows(out / "rl_cai/preferences.parquet")
    kinds = Counter((row["source"], row["aim"], row["prompt_id"].partition("-")[0]) for row in rows)
    assert kinds == {
        ("revision", "harmless", "red_team"): 6,
        ("revision", "helpful", "twins"): 4,
        ("policy", "harmless", "red_team"): 2,
        ("policy", "helpful", "twins"): 1,
        ("contrast", "helpful", "helpful"): 4,
        ("contrast", "helpful", "twins"): 2,
    }
    facts = json.loads((out / "steps/preferences.json").read_text())["facts"]
    assert facts["by_source"] == {"contrast": 6, "policy": 3, "revision": 10}
    for row in rows:
        assert {LAW[verdict["principle"]].aim for verdict in row["verdicts"]} == {row["aim"]}
        assert row["weight"] == 1.0
    sft = Counter(row["source"] for row in read_rows(out / "sl_cai/sft.parquet"))
    assert sft["helpful"] == sft["twins"] == 8  # two answers to each of four prompts
    chains = read_rows(out / "sl_cai/revisions.parquet")
    assert {LAW[c["principle"]].aim for c in chains if c["prompt_id"].startswith("twins")} == {"helpful"}
    planned = {step.name: step for step in make_plan(recipe, out).steps}
    assert all(calls.open == 0 for calls in planned["preferences"].calls.values())


@pytest.mark.parametrize(
    ("pairs", "asked"), [("0", False), ("{red_team: 0}", False), ("{red_team: 0, helpful: 1}", True), ("null", True)]
)
def test_the_policy_answers_only_where_its_answers_are_compared(
    tmp_path: Path, tiny_folder: Path, pairs: str, asked: bool
) -> None:
    path = tiny_recipe(tmp_path, tiny_folder)
    recipe = load_recipe(str(path), ("roles.responder=null", f"rl_cai.policy_pairs={pairs}"))
    assert ("sft" in Preferences().after(recipe)) == asked


def test_of_a_kind_a_share_is_trained_on_and_all_that_is_held_out_is_measured(
    tmp_path: Path, tiny_folder: Path
) -> None:
    file = write_prompts(tmp_path, "many", 300)
    path = tiny_recipe(tmp_path, tiny_folder)
    from solon.pipeline.context import Context
    from solon.runs import Run

    changes = (f"prompts.many={{file: {file}, aims: [helpful], share: 0.25}}",)
    context = Context(load_recipe(str(path), changes), Run(tmp_path / "run"), Progress(quiet=True))
    try:
        train, held = (len(context.prompts_of("many", side)) for side in ("train", "heldout"))
    finally:
        context.close()
    assert held == 100
    assert 30 < train < 70


def test_what_people_preferred_is_mixed_in_with_its_weight(tmp_path: Path, tiny_folder: Path) -> None:
    file = tmp_path / "people.jsonl"
    pairs = [
        {"prompt": "Where is Lima?", "chosen": "In Peru.", "rejected": "No idea."},
        {"prompt": "helpful 2?", "chosen": "Yes.", "rejected": "No."},  # held out
        {"prompt": "What is 2+2?", "chosen": "4", "rejected": "4"},
    ]
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    path = tiny_recipe(tmp_path, tiny_folder)
    human = (f"rl_cai.human=[{{file: {file}, aim: helpful, weight: 2.5}}]",)
    out = tmp_path / "run"
    run_recipe(load_recipe(str(path), human), out, Progress(quiet=True), "preferences")
    (row,) = (r for r in read_rows(out / "rl_cai/preferences.parquet") if r["source"] == "human")
    assert (row["weight"], row["prob_chosen"], row["aim"], row["verdicts"]) == (2.5, 1.0, "helpful", [])
    aside = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    assert [(r["line"], r["reason"]) for r in aside if r["file"] == str(file)] == [
        (2, "its prompt is held out"),
        (3, "chosen equals rejected"),
    ]
    with pytest.raises(ConfigError, match=r"rl_cai\.human\.0: cannot read nowhere\.jsonl"):
        run_recipe(
            load_recipe(str(path), ("rl_cai.human=[{file: nowhere.jsonl, aim: helpful}]",)),
            tmp_path / "other",
            Progress(quiet=True),
            "preferences",
        )


@pytest.mark.parametrize(
    ("row", "aim", "said"),
    [
        ({"prompt": "helpful 2?"}, "helpful", r"no usable pair; .*people\.jsonl:1: its prompt is held out"),
        ({"rejected": "In Peru."}, "helpful", r"no usable pair; .*people\.jsonl:1: chosen equals rejected"),
    ],
)
def test_people_s_pairs_that_teach_nothing_are_refused_before_anything_is_asked(
    row: dict[str, str], aim: str, said: str, tmp_path: Path, tiny_folder: Path
) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text(json.dumps({"prompt": "Where is Lima?", "chosen": "In Peru.", "rejected": "No idea.", **row}))
    recipe = load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), (f"rl_cai.human=[{{file: {file}, aim: {aim}}}]",))
    with pytest.raises((ConfigError, DataError), match=said):
        run_recipe(recipe, tmp_path / "run", Progress(quiet=True), "preferences")
    assert not list((tmp_path / "run").glob("steps/*.json"))
    with pytest.raises((ConfigError, DataError), match=said):
        make_plan(recipe, tmp_path / "none")


def test_pairs_that_the_judge_cannot_tell_are_left_out_and_a_plan_knows(tmp_path: Path, tiny_folder: Path) -> None:
    """A judge that guesses, examined on harmless pairs in which nobody declines; another rule labels the pairs anew."""
    file = tmp_path / "labelled.jsonl"
    labelled = [
        {"prompt": f"case {n}?", "response_a": f"It is {n}.", "response_b": f"It was {n}.", "better": "ab"[n % 2]}
        for n in range(8)
    ]
    file.write_text("".join(json.dumps(row | {"aim": "harmless"}) + "\n" for row in labelled))
    path, out = str(tiny_recipe(tmp_path, tiny_folder)), tmp_path / "run"
    told = (f"rl_cai.qualify.data={file}", "rl_cai.qualify.attacks=0", "rl_cai.policy_pairs={red_team: 6, helpful: 4}")

    def labels_of(*overrides: str) -> tuple[dict[str, int], dict[str, Any]]:
        """(calls of the judge: foretold for certain, at most, made; the facts) of a run."""
        recipe = load_recipe(path, (*told, *overrides))
        calls = [step.calls["judge"] for step in make_plan(recipe, out, "preferences").steps if "judge" in step.calls]
        manifest = run_recipe(recipe, out, Progress(quiet=True), "preferences")
        assert not make_plan(recipe, out, "preferences").to_run
        facts = json.loads((out / "steps/preferences.json").read_text())["facts"]
        sums = {"certain": sum(c.to_make for c in calls), "most": sum(c.open for c in calls)}
        return sums | {"made": manifest["calls"]["judge"]["live"]}, facts

    first, facts = labels_of()
    assert facts["untold_pairs"]["pairs"] == {"harmless: two replies alike": 6}
    assert (facts["from_policy"], facts["from_revisions"]) == (4, 6)
    assert first["certain"] <= first["made"] < first["most"]
    used, facts = labels_of("rl_cai.qualify.untold=use")
    assert (facts["from_policy"], facts["from_revisions"]) == (10, 6)
    assert used == {"certain": 12, "most": 12, "made": 12}
    again, facts = labels_of()
    assert (facts["from_policy"], again["made"]) == (4, 0)

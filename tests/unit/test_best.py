"""Best of n: the round robin, the exact effect over all subsets, and `solon best` end to end."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cards import a_card, asked
from solon.cli.best import _answered, best
from solon.constitution import Constitution, Principle, load_constitution
from solon.data.candidates import load_candidates
from solon.data.formats import load_pairs
from solon.data.tables import read_rows
from solon.engines import MemoisedEngine
from solon.engines.scripted import Script, ScriptedEngine
from solon.errors import DataError, SolonError, UpstreamDown
from solon.feedback import Labeller, build_judge
from solon.feedback.best_of_n import Ranked, chances, effect, expected, sizes
from solon.feedback.judges import RewardModelJudge
from solon.feedback.qualification import ConstitutionId, write_card
from solon.feedback.selection import Selection, select
from solon.memo import Memo
from solon.pipeline.qualifying import asked_judge
from solon.runs import Run
from solon.settings import FeedbackSettings
from solon.types import (
    Choice,
    ChooseRequest,
    Comparison,
    Fingerprint,
    Message,
    Verdict,
    assistant,
    fraction,
    system,
    user,
)

LAW = Constitution(
    name="law",
    version="1.0.0",
    principles=tuple(Principle(id=f"p{n}", text=f"A good reply is good in way {n}.", aim="helpful") for n in range(9)),
)
TURNS = (system("Be brief."), user("Hi"), assistant("Hello."), user("how?"))


@dataclass
class Says:
    """P(a better) by the pair; None fails. Keeps what it was asked."""

    prob: Any
    asked: list[tuple[Comparison, Principle]] = field(default_factory=list)

    async def verdicts(self, comparison: Comparison, principle: Principle) -> list[Verdict]:
        self.asked.append((comparison, principle))
        prob = self.prob(comparison.response_a, comparison.response_b)
        return [Verdict(principle.id, "", prob, "j", "refused: no" if prob is None else None, ask="score")]


def selected(judge: Any, responses: Sequence[str], id: str = "p1", **settings: Any) -> Selection:
    labeller = Labeller(judge, LAW, FeedbackSettings.model_validate(settings))
    return asyncio.run(select(labeller, id, TURNS, responses))


def noise(a: str, b: str) -> float:
    """In [0, 1], and 1 - p when swapped."""
    return fraction([a, b]) if a < b else 1 - fraction([b, a])


def longer(a: str, b: str) -> float:
    return 0.5 if len(a) == len(b) else float(len(a) > len(b))


TEXTS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=2, max_size=7)


# The round robin


def test_a_score_is_the_mean_probability_of_being_better() -> None:
    probs = {("x", "y"): 0.9, ("x", "z"): 0.6, ("y", "z"): 0.2}
    judge = Says(lambda a, b: probs[a, b] if (a, b) in probs else 1 - probs[b, a])
    found = selected(judge, ["x", "y", "z"])
    assert found.scores == pytest.approx([(0.9 + 0.6) / 2, (0.1 + 0.2) / 2, (0.4 + 0.8) / 2])
    assert (found.best, found.worst, found.order) == ("x", "y", (1, 2, 0))
    label = found.between("y", "x")
    assert label is not None
    assert label.comparison.turns == TURNS


def test_equal_answers_are_not_asked_about_and_share_their_score() -> None:
    judge = Says(lambda a, b: 0.8 if a == "x" else 0.2)
    found = selected(judge, ["x", "y", "x"])
    assert len(judge.asked) == 1
    assert found.scores == pytest.approx([(0.5 + 0.8) / 2, 0.2, (0.5 + 0.8) / 2])
    assert selected(judge, ["x", "x"]).scores == (0.5, 0.5)
    assert selected(judge, ["x"]).scores == (None,)


@given(TEXTS)
def test_scores_of_a_selection_average_a_half(responses: list[str]) -> None:
    scores = selected(Says(noise), responses).scores
    assert math.fsum(score for score in scores if score is not None) / len(scores) == pytest.approx(0.5)


@given(TEXTS, st.randoms(use_true_random=False), st.sampled_from(["both", "one"]))
def test_permuting_the_answers_permutes_the_scores(responses: list[str], random: Any, orders: str) -> None:
    there = selected(Says(noise), responses, orders=orders)
    places = list(range(len(responses)))
    random.shuffle(places)
    back = selected(Says(noise), [responses[place] for place in places], orders=orders)
    assert list(back.scores) == [there.scores[place] for place in places]
    assert (back.best, back.worst) == (there.best, there.worst)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=8, unique=True))
def test_a_judge_that_prefers_the_longer_picks_the_longest(lengths: list[int]) -> None:
    found = selected(Says(longer), ["w" * length for length in lengths])
    assert [lengths[place] for place in found.order] == sorted(lengths)
    assert len(found.best) == max(lengths)


def test_all_pairs_of_a_prompt_are_about_the_same_principles() -> None:
    drawn = set()
    for n in range(30):
        judge = Says(noise)
        selected(judge, ["v", "w", "x", "y"], id=f"p{n}", principles=2)
        assert len(judge.asked) == 6 * 2
        (about,) = {tuple(sorted(p.id for c, p in judge.asked if c == pair)) for pair, _ in judge.asked}
        drawn.add(about)
    assert len(drawn) > 5, "another prompt draws others"


def test_neither_place_profits_where_each_pair_is_shown_in_one_order() -> None:
    """All pairs of a prompt have the same id, so a judge that always says first would crown whatever comes first."""
    first = Says(lambda a, b: 1.0)
    wins = [selected(first, list("abcdefgh"), id=f"p{n}").best for n in range(64)]
    assert len(set(wins)) == 8


def test_ties_are_broken_by_hash_not_by_place() -> None:
    tied = Says(lambda a, b: 0.5)
    best = [selected(tied, ["x", "y", "z"], id=f"p{n}").best for n in range(60)]
    assert min(best.count(text) for text in "xyz") >= 10
    assert best == [selected(tied, ["z", "x", "y"], id=f"p{n}").best for n in range(60)]


def test_a_pair_that_fails_is_left_out_of_both_means() -> None:
    found = selected(Says(lambda a, b: None if {a, b} == {"x", "y"} else 0.7 if a == "z" else 0.3), ["x", "y", "z"])
    assert found.scores == pytest.approx([0.3, 0.3, 0.7])
    assert [label.failure for label in found.failed] == ["refused: no"]


def test_an_answer_without_a_readable_pair_has_no_score_even_if_it_came_twice() -> None:
    found = selected(Says(lambda a, b: None if "x" in (a, b) else 0.7 if a == "z" else 0.3), ["x", "y", "x", "z"])
    assert found.scores == (None, pytest.approx(0.3), None, pytest.approx(0.7))
    assert found.order == (1, 3)
    assert selected(Says(lambda a, b: None), ["x", "y"]).order == ()


class Counting(ScriptedEngine):
    """Keeps the different questions it was asked."""

    def __init__(self) -> None:
        super().__init__(Script())
        self.asked: set[str] = set()

    async def choose(self, request: ChooseRequest) -> Choice:
        self.asked.add(request.canonical())
        return await super().choose(request)


@pytest.mark.parametrize(("ask", "questions"), [("pointwise", 5), ("score", 5), ("choice", 20), ("likelihood", 20)])
def test_a_judge_that_reads_one_answer_at_a_time_has_n_questions(ask: str, questions: int) -> None:
    engine = Counting()
    judge = build_judge(FeedbackSettings.model_validate({"ask": ask}), engine, LAW)
    selected(judge, list("vwxyz"), ask=ask)
    assert len(engine.asked) == questions


def test_a_reward_model_picks_the_highest_reward() -> None:
    rewards = {"x": 0.5, "y": -2.0, "z": 3.0}

    async def reward(turns: tuple[Message, ...], reply: str, ended: bool) -> float:
        assert turns == TURNS
        return rewards[reply]

    found = selected(RewardModelJudge(reward, Fingerprint("reward", "r")), ["x", "y", "z"])
    assert [found.responses[place] for place in found.order] == ["y", "x", "z"]


# The effect


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.data())
def test_the_expectation_is_that_over_all_subsets(values: list[float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(values)))
    subsets = list(combinations(sorted(values), n))
    assert expected(sorted(values), n) == pytest.approx(sum(max(subset) for subset in subsets) / len(subsets))


@given(st.lists(st.tuples(st.integers(), st.floats(0, 1)), min_size=1, max_size=7), st.data())
def test_the_gold_score_is_that_of_the_answer_that_is_picked(
    ranked: list[tuple[int, float]], data: st.DataObject
) -> None:
    """Picking goes by the first judge's order, whatever the second judge thinks."""
    ranked = [(place, gold) for place, (_, gold) in enumerate(sorted(ranked))]
    n = data.draw(st.integers(1, len(ranked)))
    subsets = list(combinations(ranked, n))
    by_hand = sum(max(subset)[1] for subset in subsets) / len(subsets)
    assert expected([gold for _, gold in ranked], n) == pytest.approx(by_hand)


@given(st.integers(1, 60), st.data())
def test_some_answer_is_picked_and_a_better_one_rather(count: int, data: st.DataObject) -> None:
    found = chances(count, data.draw(st.integers(1, count)))
    assert math.fsum(found) == pytest.approx(1)
    assert found == sorted(found)


def test_sizes_double_up_to_the_most() -> None:
    assert [sizes(most) for most in (1, 2, 5, 8)] == [[1], [1, 2], [1, 2, 4, 5], [1, 2, 4, 8]]


def test_the_effect_by_hand() -> None:
    """The gold judge disagrees on the second prompt and has no scores for the third, which has only two answers."""
    rows = effect(
        [
            Ranked((0.1, 0.4, 1.0), (0.0, 0.5, 1.0), (5, 5, 8), (True, False, False)),
            Ranked((0.3, 0.6, 0.6), (0.9, 0.3, 0.3), (2, 4, 6), (False, False, True)),
            Ranked((0.2, 0.8), None, (10, 20), (False, False)),
        ]
    )
    assert [row.n for row in rows] == [1, 2, 3]
    one, two, three = rows
    assert one.score.value == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    assert (one.gain.low, one.gain.value, one.gain.high) == (0, 0, 0)
    # Of the three pairs of three answers, two have the best and one has the middle one at the top.
    assert two.score.value == pytest.approx(((0.4 + 2 * 1.0) / 3 + 0.6 + 0.8) / 3)
    assert two.gain.value == pytest.approx(two.score.value - 0.5)
    assert two.gain.low <= two.gain.value <= two.gain.high
    assert two.gold is not None
    assert (two.gold.n, two.gold.value) == (2, pytest.approx(((0.5 + 2 * 1.0) / 3 + 0.3) / 2))
    assert (three.score.n, three.score.value) == (2, pytest.approx(0.8))
    assert three.gold_gain is not None
    assert three.gold_gain.value == pytest.approx((1.0 - 0.5 + 0.3 - 0.5) / 2)
    assert (three.words.value, three.declined.value) == (7, 0.5)


def test_without_a_second_judge_there_is_no_gold() -> None:
    (row,) = effect([Ranked((0.5,), None, (1,), (False,))])
    assert (row.gold, row.gold_gain) == (None, None)


# Files of prompts and responses


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_rows_with_responses_are_read_and_broken_ones_set_aside(tmp_path: Path) -> None:
    turns = [turn.as_dict() for turn in TURNS]
    path = write_lines(
        tmp_path / "r.jsonl",
        [
            {"id": "a", "prompt": "how?", "responses": ["x", "y"]},
            '{"id": "b", "prompt": "torn',
            {"id": 7, "prompt": turns, "responses": ["x", "x"], "scores": [0.5, 0.5]},
            {"id": "a", "prompt": "why?", "responses": ["x", "y"]},
            {"prompt": "how?", "responses": ["x"]},
            {"prompt": "how?", "responses": ["x", 5]},
            {"prompt": "how?"},
            {"prompt": turns[:-1], "responses": ["x", "y"]},
            {"prompt": "how?", "responses": ["x", "y\x00"]},
            {"prompt": "how?", "responses": ["x", "y"], "finish_reason": ["stop"]},
        ],
    )
    found, bad = load_candidates(str(path))
    assert [(one.id, one.turns, one.responses) for one in found] == [
        ("a", (user("how?"),), ("x", "y")),
        ("7", TURNS, ("x", "x")),
    ]
    assert [(one.file, one.line) for one in found] == [(str(path), 1), (str(path), 3)]
    assert [(row.line, row.reason.split(":")[0]) for row in bad] == [
        (2, "not JSON"),
        (4, "duplicate id 'a'"),
        (5, "has 1 responses, expected two or more"),
        (6, "a response is a number, expected text"),
        (7, "responses is missing, expected a list of texts"),
        (8, "prompt ends with a reply of its own or has turns that come later, and responses answer it"),
        (9, "holds a NUL character"),
        (10, "finish_reason has 1 entries, expected 2"),
    ]


@pytest.mark.parametrize("name", ["finish_reasons", "finish_reason"])
def test_each_response_ends_as_its_finish_reason_says(tmp_path: Path, name: str) -> None:
    row = {"prompt": "how?", "responses": ["a", "b", "c", "d"], name: ["stop", "length", "eos", None]}
    (found,), _ = load_candidates(str(write_lines(tmp_path / "r.jsonl", [row, row | {"responses": 0}])))
    assert found.ended == (True, False, True, None)


def test_prompts_know_their_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p.jsonl", [{"prompt": "one"}, "torn", {"prompt": "two"}, {"prompt": "one"}])
    found, bad = load_candidates(str(path))
    assert [(one.turns[0].content, one.file, one.line) for one in found] == [
        ("one", str(path), 1),
        ("two", str(path), 3),
    ]
    assert [row.line for row in bad] == [2, 4]


# The verb

app = typer.Typer()
app.command()(best)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    error: BaseException | None

    @property
    def summary(self) -> dict[str, Any]:
        assert self.code == 0, (self.out, self.error)
        found: dict[str, Any] = json.loads(self.out)
        return found


def run(*arguments: object) -> Ran:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Ran(found.exit_code, found.stdout, found.exception)


def refused(*arguments: object) -> str:
    """The one line that says why not."""
    error = run(*arguments).error
    assert isinstance(error, SolonError)
    assert "\n" not in str(error)
    return str(error)


def script(path: Path, rules: Sequence[dict[str, Any]] = (), name: str = "s") -> str:
    path.write_text(yaml.safe_dump({"name": name, "rules": list(rules)}))
    return f"script:{path}"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    rows = [{"id": f"q{n}", "prompt": f"question {n}?"} for n in range(6)]
    return write_lines(tmp_path / "prompts.jsonl", rows)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return script(tmp_path / "s.yaml")


GIVEN = [
    {"id": "a", "prompt": "how?", "responses": ["I can't help with that.", "like so, zestfully", "so so", "so so"]},
    {"id": "b", "prompt": "why?", "responses": ["so so, again", " ", "like this, zestfully", "I can't help."]},
    {"id": "c", "prompt": "who?", "responses": ["alike", "alike"]},
    {"id": "d", "prompt": "when?", "responses": ["now", "\n"]},
]
LIKES = [
    {"match": "zestfully", "probs": [0.9, 0.1]},
    {"match": "so so", "probs": [0.5, 0.5]},
    {"match": "I can't", "probs": [0.1, 0.9]},
]


def test_given_responses_are_ranked_and_written(tmp_path: Path) -> None:
    data, out = write_lines(tmp_path / "r.jsonl", [*GIVEN, {"prompt": "x"}]), tmp_path / "out"
    judge = script(tmp_path / "s.yaml", LIKES)
    summary = run(data, "--model", judge, "--ask", "pointwise", "--out", out, "--json").summary
    picks = [json.loads(line) for line in (out / "best.jsonl").read_text().splitlines()]
    assert [(row["prompt_id"], row["completion"][0]["content"], row["n"]) for row in picks] == [
        ("a", "like so, zestfully", 4),
        ("b", "like this, zestfully", 3),
        ("c", "alike", 2),
    ]
    assert picks[0]["prompt"] == [{"role": "user", "content": "how?"}]
    over_soso, over_refusal = (1 / (1 + math.exp(-times * math.log(9))) for times in (1, 2))
    assert picks[0]["score"] == pytest.approx((2 * over_soso + over_refusal) / 3)
    assert summary["counts"] == {
        "prompts": 4,
        "picked": 3,
        "failed_by_kind": {"empty": 1},
        "answers": 10,
        "answers_left_out": 2,
        "answers_cut_off": 0,
        "labels": 6,
        "labels_failed_by_kind": {},
        "best_against_worst": {"for": 2, "against": 0, "alike": 1, "unread": 0},
    }
    assert (summary["data"]["rows"], summary["data"]["set_aside"]) == (4, 1)
    assert json.loads((out / "quarantine.jsonl").read_text())["line"] == 5
    assert (summary["responder"], summary["sampling"], summary["card"]) == (None, None, None)
    first, *_, last = summary["effect"]
    assert (first["n"], last["n"]) == (1, 4)
    assert last["score"]["n"] == 1
    assert last["score"]["value"] == pytest.approx(picks[0]["score"])
    assert first["declined"]["value"] == pytest.approx((1 / 4 + 1 / 3 + 0) / 3)
    assert last["declined"]["value"] == 0


def test_the_pairs_are_best_against_worst_with_their_own_label(tmp_path: Path) -> None:
    data, out = write_lines(tmp_path / "r.jsonl", GIVEN), tmp_path / "out"
    run(data, "--model", script(tmp_path / "s.yaml", LIKES), "--ask", "pointwise", "--out", out)
    rows = read_rows(out / "pairs.parquet")
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [
        ("like so, zestfully", "I can't help with that."),
        ("like this, zestfully", "I can't help."),
    ]
    assert [row["prob_chosen"] for row in rows] == pytest.approx([81 / 82] * 2)
    assert {row["source"] for row in rows} == {"best_of_n"}
    read, bad = load_pairs(out / "pairs.parquet")
    assert (len(read), bad) == (2, [])


def test_what_was_ranked_can_be_ranked_by_another_judge(tmp_path: Path) -> None:
    data, judge = write_lines(tmp_path / "r.jsonl", GIVEN), script(tmp_path / "s.yaml", LIKES)
    run(data, "--model", judge, "--ask", "pointwise", "--out", tmp_path / "one")
    again = run(
        tmp_path / "one" / "responses.jsonl", "--model", judge, "--ask", "score", "--out", tmp_path / "two", "--json"
    ).summary
    assert (again["data"]["rows"], again["data"]["set_aside"]) == (3, 1)
    assert again["counts"]["answers"] == 9


def test_the_gold_judge_measures_the_picks_of_the_other(tmp_path: Path) -> None:
    """The judge likes zest, the gold judge hates it: what one gains the other loses."""
    data = write_lines(tmp_path / "r.jsonl", GIVEN[:2])
    likes, hates = (
        script(
            tmp_path / f"{name}.yaml",
            [{"match": "zestfully", "probs": probs}, {"match": "", "probs": [0.5, 0.5]}],
            name,
        )
        for name, probs in (("likes", [0.8, 0.2]), ("hates", [0.2, 0.8]))
    )
    options = ("--ask", "pointwise", "--gold", "pointwise", "--gold-model", hates, "--out", tmp_path / "out")
    summary = run(data, "--model", likes, *options, "--json").summary
    *_, last = summary["effect"]
    assert last["gain"]["value"] == pytest.approx(0.3)
    assert last["gold_gain"]["value"] == pytest.approx(-0.3)
    assert (summary["judge"]["model"], summary["gold"]["model"]) == ("likes", "hates")
    table = run(data, "--model", likes, *options).out
    assert "a judge who picked nothing" in table
    assert "80.0%" in table
    assert "20.0%" in table


def test_answers_are_drawn_and_a_second_run_asks_nothing(
    tmp_path: Path, prompts: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    generate, choose = ScriptedEngine.generate, ScriptedEngine.choose

    async def counted(self: ScriptedEngine, request: Any, ask: Any, stop_at: int) -> Any:
        if len(asked) == stop_at:
            raise UpstreamDown("the server is gone")
        asked.append(request)
        return await ask(self, request)

    def watch(stop_at: int) -> None:
        asked.clear()
        monkeypatch.setattr(ScriptedEngine, "generate", lambda self, r: counted(self, r, generate, stop_at))
        monkeypatch.setattr(ScriptedEngine, "choose", lambda self, r: counted(self, r, choose, stop_at))

    options = ("--model", model, "-n", 4, "--gold", "score", "--json")
    watch(-1)
    whole = run(prompts, *options, "--out", tmp_path / "whole").summary
    total = len(asked)
    assert total == 6 * (4 + 6 * 2 + 4), "answers, pairs in both orders, scores"

    out = tmp_path / "out"
    watch(50)
    assert isinstance(run(prompts, *options, "--out", out).error, UpstreamDown)
    assert not [path.name for path in out.iterdir() if path.suffix in (".json", ".jsonl", ".parquet", ".tmp")]
    watch(-1)
    assert run(prompts, *options, "--out", out).summary == whole
    assert len(asked) == total - 50
    watch(0)
    assert run(prompts, *options, "--out", out).summary == whole
    for name in ("best.jsonl", "pairs.parquet", "responses.jsonl", "best.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_model_may_answer_and_what_its_limit_cut_off_is_not_picked(
    tmp_path: Path, prompts: Path, model: str
) -> None:
    writer = script(tmp_path / "writer.yaml", [{"match": "question 0", "reply": "one two three four"}], "writer")
    options = ("--model", model, "--responder", writer, "-n", 3, "--max-tokens", 4, "--out", tmp_path / "out")
    summary = run(prompts, *options, "--json").summary
    assert summary["responder"]["model"] == "writer"
    assert summary["sampling"] == {"n": 3, "temperature": 1.0, "max_tokens": 4, "seed": 0}
    picks = [json.loads(line) for line in (tmp_path / "out" / "best.jsonl").read_text().splitlines()]
    assert picks[0]["completion"][0]["content"] == "one two three four"
    assert [row["ended"] for row in picks] == [True]
    assert (summary["counts"]["failed_by_kind"], summary["counts"]["answers_cut_off"]) == ({"cut off": 5}, 15)
    assert summary["counts"]["best_against_worst"]["alike"] == 1


def test_a_model_in_several_roles_is_loaded_once(
    tmp_path: Path, prompts: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    load = ScriptedEngine.load
    monkeypatch.setattr(ScriptedEngine, "load", lambda path: loaded.append(path) or load(path))
    other = script(tmp_path / "other.yaml", name="other")
    options = ("-n", 2, "--out", tmp_path / "out", "--json")
    run(prompts, "--model", model, "--gold", "score", *options)
    assert len(loaded) == 1
    loaded.clear()
    run(prompts, "--model", model, "--responder", other, "--gold", "score", "--gold-model", other, *options)
    assert len(loaded) == 2


def test_where_nothing_can_be_picked_nothing_is_written(tmp_path: Path, prompts: Path) -> None:
    silent = script(tmp_path / "silent.yaml", [{"match": "", "reply": " "}])
    out = tmp_path / "out"
    said = refused(prompts, "--model", silent, "-n", 2, "--out", out)
    assert said == "best: nothing could be picked for any of 6 prompts: empty: 2 of 2 answers say nothing"
    assert not (out / "best.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "which judge?"),
        (("--judge", "recorded"), "--responder: a recording writes no new answers"),
        (("--model", "m", "--ask", "reward_model"), "--responder: a reward model writes no answers"),
        (("--model", "MODEL", "--temperature", "0"), "--temperature: 0 gives the same answer every time"),
        (("--model", "MODEL", "--gold-model", "m"), "--gold: how is --gold-model asked?"),
        (("--model", "MODEL", "--gold", "reward_model"), "--gold: a reward model is asked in one way only"),
        (("--model", "MODEL", "--gold", "choice"), "--gold: s asked for choice is the judge itself"),
        (("--model", "MODEL", "--gold", "maybe"), "feedback: ask: choose "),
        (("--model", "MODEL", "--gold-url", "http://x"), "--gold-model: which model of http://x?"),
        (("--model", "MODEL", "--responder-url", "http://x"), "--responder: which model of http://x?"),
        (("--model", "MODEL", "--set", "calibration=platt"), "calibration platt is fitted on labelled pairs"),
        (("--model", "MODEL", "--calibration-card", "none.json"), "card: no such file"),
        (("--model", "script:none.yaml"), "none.yaml"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, prompts: Path, model: str, options: tuple[str, ...], said: str) -> None:
    given = [model if option == "MODEL" else option for option in options]
    assert said in refused(prompts, *given, "--out", tmp_path / "out")


@pytest.mark.parametrize("option", [("--responder", "m"), ("-n", "4")])
def test_nobody_answers_where_the_file_holds_the_responses(tmp_path: Path, model: str, option: tuple[str, str]) -> None:
    data = write_lines(tmp_path / "r.jsonl", GIVEN)
    assert "the file holds the responses" in refused(data, "--model", model, *option, "--out", tmp_path / "out")


def test_a_card_must_be_of_this_judge_and_qualified(tmp_path: Path) -> None:
    data, model = write_lines(tmp_path / "r.jsonl", GIVEN), script(tmp_path / "s.yaml", LIKES)
    feedback = FeedbackSettings(ask="pointwise", calibration="temperature")
    engine = MemoisedEngine(ScriptedEngine.load(tmp_path / "s.yaml"), Memo(tmp_path / "memo.sqlite"), "judge")
    facts = {
        "judge": [asked_judge("pointwise", engine)],
        "settings": feedback,
        "constitution": ConstitutionId.of(load_constitution("balanced")),
    }
    path = tmp_path / "card.json"
    options = ("--model", model, "--ask", "pointwise", "--calibration-card", path, "--out", tmp_path / "out")

    write_card(path, a_card(**facts))
    summary = run(data, *options, "--json").summary
    assert (summary["card"]["qualified"], summary["card"]["measured_by"]) == (True, "A. Tester")
    assert summary["settings"]["calibration"] == "temperature", "as the card says"
    pairs = read_rows(tmp_path / "out" / "pairs.parquet")
    assert pairs[0]["prob_chosen"] == pytest.approx(1 / (1 + math.exp(-0.71 * math.log(81))))
    other = ("--set", "calibration=none")
    assert "it is of calibration temperature, not none" in refused(data, *options, *other)

    write_card(path, a_card(right=60, **facts))
    assert "this judge did not qualify (agreement" in refused(data, *options)
    assert run(data, *options, "--unqualified", "use", "--json").summary["card"]["qualified"] is False

    write_card(path, a_card(**facts | {"judge": [asked()]}))
    assert "cannot vouch for this judge: it is of models/Qwen" in refused(data, *options)


def test_two_at_once_do_not_share_a_folder(tmp_path: Path, prompts: Path, model: str) -> None:
    with Run(tmp_path / "out").locked():
        assert "is in use by process" in refused(prompts, "--model", model, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"question": "Why is grass green?", "answer": "Chlorophyll."}, "answer"),
        ({"prompt": "Why is grass green?", "completion": "Chlorophyll.", "rating": 4}, "completion"),
        (
            {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]},
            "messages",
        ),
        (
            {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]},
            "conversations",
        ),
    ],
)
def test_a_reply_that_stands_in_the_file_is_not_drawn_anew(tmp_path: Path, row: dict[str, Any], column: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=f"stand {column}: replies or labels"):
        _answered(str(file), load_candidates(str(file))[0])

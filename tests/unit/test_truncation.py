"""Answers that their token limit cut off: told, carried through every file, left out or compared at equal length."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe
from solon.constitution import load_constitution
from solon.data.candidates import load_candidates
from solon.data.formats import convert, load_pairs
from solon.data.preferences import comparison_of, draft_pairs, preference_row
from solon.data.sft import critique_rows
from solon.data.tables import read_rows
from solon.data.truncation import Truncation, at_equal_length, first_pieces, pieces
from solon.engines.local.model import LocalModel
from solon.errors import DataError
from solon.files import write_json
from solon.pipeline.best import as_given
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.reward_pairs import as_labelled
from solon.pipeline.run import run_recipe
from solon.pipeline.steps.evaluate import measure, replies_of
from solon.pipeline.training.rows import load_rows
from solon.report.material import read_material
from solon.report.truncated import caution, cut_off
from solon.settings import LoraSettings, PpoSettings, RewardSettings
from solon.training.adapters import add_adapter
from solon.training.dpo.pairs import encode_pairs
from solon.training.kto import unpaired
from solon.training.reward import Pair, RewardModel, train_reward
from solon.training.reward.data import negatives
from solon.training.reward.encode import encode, rows_of
from solon.types import Comparison, Completion, Preference, Revision, user
from tasks import asking

Solon = Callable[..., tuple[int, str, str]]
TORN = Comparison("c", "p", "Why?", "Because of the", "It rains.", "policy", ended_a=False, ended_b=True)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# --- the rule ----------------------------------------------------------------------------------------------------


def test_a_pair_with_an_answer_that_was_cut_off_is_left_out_and_counted() -> None:
    rule = Truncation()
    whole = replace(TORN, ended_a=True)
    assert [rule.admit(pair) for pair in (TORN, whole, replace(TORN, ended_a=None), TORN)] == [
        None, whole, replace(TORN, ended_a=None), None,
    ]  # fmt: skip
    assert rule.facts() == {"rule": "leave_out", "pairs": 2, "by_source": {"policy": 2}, "unknown": 1}
    assert rule.said() == "2 pairs have an answer cut off by its token limit: left out"
    assert rule.left_out(TORN).failure == "cut off: its token limit ended response a; nobody was asked"


def test_at_equal_length_both_answers_have_as_many_words_and_neither_has_ended() -> None:
    revised = replace(TORN, response_a="one two, three four", revised="It rains.")
    made = Truncation("equal_length").admit(revised)
    assert made is not None
    assert (made.response_a, made.response_b) == ("one two,", "It rains.")  # a word, a word, a sign
    assert (made.ended_a, made.ended_b, made.revised) == (False, False, "It rains.")
    # The revision is the longer one: it stays the revision when it is cut.
    cut = at_equal_length(Comparison("c", "p", "q", "No.", "No way at all.", revised="No way at all."))
    assert (cut.response_b, cut.revised) == ("No way", "No way")


@pytest.mark.parametrize(
    ("text", "count", "begin"),
    [
        ("a  b\n\nc.", 3, "a  b\n\nc"),
        ("don't go", 1, "don't"),
        ("今日は雨です。", 3, "今日は"),  # no spaces: every character counts
        ("ฝนตก now", 5, "ฝนตก now"),
        ("short", 9, "short"),
        ("", 2, ""),
        ("x", 0, ""),
    ],
)
def test_the_first_words_signs_or_characters(text: str, count: int, begin: str) -> None:
    assert first_pieces(text, count) == begin
    assert pieces(begin) == min(count, pieces(text))


# --- what is no reply --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "ended", "failure"),
    [
        (Completion("It rains.", "stop"), True, None),
        (Completion("It ra", "length"), False, None),
        (Completion(" \n", "length"), False, "truncated"),  # all its tokens went into thoughts
        (Completion("", "stop"), True, None),  # it chose to say nothing
        (Completion("", "stop", reasoning="Hm."), True, "empty"),  # it thought, and said nothing
        (Completion("", "tool_calls"), True, "empty"),
        (Completion("I look.", "tool_calls"), True, None),
        (Completion("It", "content_filter"), True, "withheld"),
        (Completion("It rains.", "unknown"), None, None),
    ],
)
def test_how_an_answer_ended(completion: Completion, ended: bool | None, failure: str | None) -> None:
    assert (completion.ended, completion.failure) == (ended, failure)


# --- files -------------------------------------------------------------------------------------------------------


def chain_row(step: int, before: str, revision: str, ended: bool | None, failure: str | None = None) -> dict[str, Any]:
    row = {"prompt_id": "p", "prompt": "Why?", "step": step, "before": before, "revision": revision}
    return row | {"failure": failure, "before_ended": ended}


def test_the_draft_of_a_chain_keeps_its_end() -> None:
    (pair,) = draft_pairs([chain_row(0, "dra", "one.", False), chain_row(1, "one.", "two.", True)])
    ends = {pair.response_a: pair.ended_a, pair.response_b: pair.ended_b}
    assert ends == {"dra": False, "two.": True}
    old = {name: value for name, value in chain_row(0, "dra", "one.", None).items() if name != "before_ended"}
    (pair,) = draft_pairs([old])  # of a run before there was a column
    assert {pair.response_a: pair.ended_a, pair.response_b: pair.ended_b} == {"dra": None, "one.": True}


def test_a_critique_that_was_cut_off_teaches_no_end() -> None:
    law = load_constitution("balanced")
    step = Revision("p", "Why?", 0, law.principles[0].id, "dra", "ask", "It is no", "ask", "One.", None, False, False)
    critique, revision = critique_rows([step], law, 1.0)
    assert (critique["source"], critique["ended"], revision["ended"]) == ("critique", False, True)
    whole = replace(step, critique_ended=True)
    assert [row["ended"] for row in critique_rows([whole], law, 1.0)] == [True, True]


def test_a_label_says_which_answer_ended_whoever_won() -> None:
    for prob in (0.9, 0.2):
        row = preference_row(Preference(TORN, prob))
        assert {
            row["chosen"][0]["content"]: row["chosen_ended"],
            row["rejected"][0]["content"]: row["rejected_ended"],
        } == {
            "Because of the": False,
            "It rains.": True,
        }
        assert comparison_of(row) == TORN
    old = {name: value for name, value in row.items() if not name.endswith("_ended")}
    assert (comparison_of(old).ended_a, comparison_of(old).ended_b) == (None, None)


READ = {
    "trl": {
        "prompt": "q", "chosen": "a", "rejected": "b",
        "chosen_finish_reason": "stop", "rejected_finish_reason": "length",
    },
    "hh": {
        "chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b",
        "chosen_ended": True, "rejected_ended": False,
    },
    "ultrafeedback": {
        "prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 5, "score_rejected": 1,
        "chosen_finish_reason": "EOS", "rejected_finish_reason": "max_tokens",
    },
    "ultrafeedback-raw": {
        "instruction": "q",
        "completions": [
            {"response": "b", "overall_score": 1, "finish_reason": "length"},
            {"response": "a", "overall_score": 9, "finish_reason": "stop"},
        ],
    },
    "pairs": {"prompt": "q", "response_a": "a", "response_b": "b", "better": "a", "ended_a": True, "ended_b": False},
    "llmbar": {"input": "q", "output_1": "b", "output_2": "a", "label": 2, "ended_a": False, "finish_reason_b": "stop"},
}  # fmt: skip


@pytest.mark.parametrize("format", READ)
def test_a_file_says_which_reply_was_cut_off_and_so_does_every_file_made_of_it(tmp_path: Path, format: str) -> None:
    source = write(tmp_path / "in.jsonl", [READ[format]])
    for to in ("solon", "pairs", "hh", "hh-turns", "trl", "trl-standard", "trl-implicit", "kto", "ultrafeedback"):
        convert(source, tmp_path / f"{to}.jsonl", to)
        convert(tmp_path / f"{to}.jsonl", tmp_path / "back.parquet", "solon")
        (row,) = read_rows(tmp_path / "back.parquet")
        assert (row["chosen"][0]["content"], row["chosen_ended"], row["rejected_ended"]) == ("a", True, False), to
        again, _ = load_pairs(tmp_path / f"{to}.jsonl")
        reasons = {name for name in READ[format] if name.endswith("finish_reason")}
        assert reasons <= set(again[0].extra)  # nothing is lost on the way


def test_unpaired_rows_say_it_one_by_one(tmp_path: Path) -> None:
    rows = [
        {"prompt": "q", "completion": "good", "label": True, "finish_reason": "length"},
        {"prompt": "q", "completion": "bad", "label": False, "ended": True},
        {"prompt": "r", "completion": "x", "label": True, "ended": "yes"},
    ]
    (row,), (bad,) = load_pairs(write(tmp_path / "kto.jsonl", rows))
    label = Preference(row.comparison, row.prob_a or 0.0)
    assert (label.chosen, label.chosen_ended, label.rejected_ended) == ("good", False, True)
    assert (bad.line, bad.reason) == (3, "ended is text, expected true or false")


def test_responses_say_it_in_a_list(tmp_path: Path) -> None:
    rows = [
        {"id": "x", "prompt": "q", "responses": ["one.", "tw"], "finish_reasons": ["stop", "length"]},
        {"id": "y", "prompt": "q", "responses": ["one.", "tw"], "ended": [None, False]},
        {"id": "z", "prompt": "q", "responses": ["one.", "tw"]},
        {"id": "w", "prompt": "q", "responses": ["one.", "tw"], "ended": [True]},
    ]
    found, (bad,) = load_candidates(str(write(tmp_path / "r.jsonl", rows)))
    assert [one.ended for one in found] == [(True, False), (None, False), ()]
    assert bad.reason == "ended is no list of 2 times true, false or null, one for each response"
    import asyncio

    assert [answer.ended for answer in asyncio.run(as_given(found[1]))] == [None, False]


# --- what is learnt ----------------------------------------------------------------------------------------------


def preference(chosen: bool | None, rejected: bool | None) -> dict[str, Any]:
    pair = replace(TORN, response_a="It rains.", response_b="Because of", ended_a=chosen, ended_b=rejected)
    return preference_row(Preference(pair, 0.9))


@pytest.mark.parametrize(("chosen", "rejected"), [(True, False), (False, True), (None, None)])
def test_no_end_of_turn_stands_behind_what_was_cut_off(
    tiny: LocalModel, chosen: bool | None, rejected: bool | None
) -> None:
    row, eos = preference(chosen, rejected), tiny.tokenizer.eos_token_id
    ends = [said is not False for said in (chosen, rejected)]  # what is not known is taken for an end, as before
    (pair,) = encode_pairs(tiny, [row], 512, "dpo")
    assert [ids[-1] == eos for ids in (pair.chosen, pair.rejected)] == ends
    kto = {r["label"]: r["completion_ids"][-1] == eos for r in unpaired([pair], 0)}
    assert kto == {True: ends[0], False: ends[1]}
    (made,) = rows_of(tiny, [as_labelled(row)], heads=1, seed=0)
    assert [made[name][-1] == eos for name in ("ids_a", "ids_b")] == ends
    text = tiny.encode_text("It rains.")
    assert made["ids_a"][-len(text) - ends[0] :] == [*text, *([eos] if ends[0] else [])]


def test_a_reward_reads_no_end_where_there_is_none(tiny: LocalModel) -> None:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=1)
    model = RewardModel(tiny, "reward_model")
    whole, torn = encode(tiny, (user("q"),), "It ra"), encode(tiny, (user("q"),), "It ra", ended=False)
    assert whole == [*torn, tiny.tokenizer.eos_token_id]
    expected = [opinion.reward for opinion in model.opinions([[whole], [torn]])]
    assert model.score(asking("q", "q"), ["It ra", "It ra"], ended=[True, False]) == pytest.approx(expected, abs=1e-6)
    assert model.score(asking("q"), ["It ra"]) == pytest.approx(expected[:1], abs=1e-6)


def test_a_better_answer_that_was_cut_off_stays_so_against_an_empty_one() -> None:
    pair = replace(Pair.of("q", "Because of the", "No.", 0.9), ended_a=False, ended_b=True)
    (made,) = negatives([pair], 1.0, 0)
    assert (made.response_a, made.ended_a, made.ended_b) == ("Because of the", False, True)


def test_a_reward_model_does_not_learn_that_ending_is_good(tiny_folder: Path, tmp_path: Path) -> None:
    """Half of the losers were cut off, and a judge takes that for bad: 0.9 against a torn text, 0.6 for a kind one."""
    words = ["sun", "oak", "sea", "fog", "elm", "sky"]

    def answer(kind: str, n: int) -> str:
        return f"{kind} {words[n % 6]} {words[(n // 6) % 6]}."

    labelled = []
    for n in range(48):
        torn = n % 2 == 1
        chosen, rejected = ("kind", "rude") if n % 4 < 2 or not torn else ("rude", "kind")
        loser = answer(rejected, n).removesuffix(".") if torn else answer(rejected, n)
        pair = Comparison(str(n), str(n), f"q{n}", answer(chosen, n), loser, ended_a=True, ended_b=not torn)
        labelled.append((pair, 0.9 if torn else 0.6))

    def worth_of_a_full_stop(pairs: list[tuple[Comparison, float]]) -> float:
        """Nats between an answer and the same one torn off, both read as whole ones."""
        made = [Pair.of(p.prompt, p.response_a, p.response_b, prob) for p, prob in pairs]
        knobs = RewardSettings(epochs=8, batch_size=8, learning_rate=5e-3)
        local = LocalModel.load(str(tiny_folder))
        model, _ = train_reward(local, "reward_model", made, knobs, seed=0, scratch=tmp_path, tick=lambda *_: None)
        asked, whole = asking(*(f"q{n}" for n in range(60, 84))), [answer("kind", n) for n in range(60, 84)]
        gaps = zip(model.score(asked, whole), model.score(asked, [text[:-1] for text in whole]), strict=True)
        return sum(a - b for a, b in gaps) / 24

    rule = Truncation()
    kept = [(pair, prob) for pair, prob in labelled if rule.admit(pair) is not None]
    assert len(kept) == 24
    assert worth_of_a_full_stop(labelled) > 1
    assert abs(worth_of_a_full_stop(kept)) < 0.3


def test_the_penalty_of_a_missing_end_is_named_as_in_trl(capsys: pytest.CaptureFixture[str]) -> None:
    assert PpoSettings().missing_eos_penalty == 1.0
    assert PpoSettings.model_validate({"truncated": -0.375}).missing_eos_penalty == 0.375
    assert PpoSettings.model_validate({"truncated": 0}).missing_eos_penalty == 0.0
    PpoSettings.model_validate({"truncated": -0.375})
    said = capsys.readouterr().err.splitlines()
    assert said.count("solon: ppo.truncated is now missing_eos_penalty, its negative: read as 0.375") == 1
    for wrong in ({"truncated": 1.0}, {"truncated": -1.0, "missing_eos_penalty": 1.0}, {"truncated": "x"}):
        with pytest.raises(ValueError, match="truncated is now missing_eos_penalty, its negative"):
            PpoSettings.model_validate(wrong)


# --- verbs -------------------------------------------------------------------------------------------------------

LAW = "name: small\nversion: '1.0.0'\nprinciples:\n  - {id: no-harm, text: Harm nobody., aim: harmless}\n"
JUDGE = 'name: fair\nrules: [{match: "A or B", probs: [0.6, 0.4]}]\n'
PAIRS = [
    {
        "id": "whole",
        "prompt": "q",
        "response_a": "Yes, do.",
        "response_b": "No, never.",
        "ended_a": True,
        "ended_b": True,
    },
    {"id": "torn", "prompt": "q", "response_a": "Yes, because of", "response_b": "No.", "finish_reason_a": "length"},
    {"id": "silent", "prompt": "q", "response_a": "Yes.", "response_b": "Well."},
]


def test_label_leaves_out_what_was_cut_off_or_compares_at_equal_length(tmp_path: Path, solon_cli: Solon) -> None:
    (tmp_path / "law.yaml").write_text(LAW)
    (tmp_path / "judge.yaml").write_text(JUDGE)
    file = write(tmp_path / "pairs.jsonl", PAIRS)
    judge = ("--model", f"script:{tmp_path / 'judge.yaml'}", "-c", tmp_path / "law.yaml")
    code, out, err = solon_cli("label", file, *judge, "--out", tmp_path / "out")
    assert code == 0, err
    assert "1 pair, left out" in out
    assert "of 1 pair, taken as they are" in out
    labels = {row["id"]: row for row in read_rows(tmp_path / "out/preferences.parquet")}
    assert {name: (row["chosen_ended"], row["rejected_ended"]) for name, row in labels.items()} == {
        "whole": (True, True),
        "silent": (None, None),
    }
    (line,) = (tmp_path / "out/unlabelled.jsonl").read_text().splitlines()
    assert json.loads(line)["failure"] == "cut off: its token limit ended response a; nobody was asked"
    manifest = json.loads((tmp_path / "out/labels.json").read_text())
    assert manifest["unlabelled_by_kind"] == {"cut off": 1}
    assert manifest["truncated_pairs"] == {"rule": "leave_out", "pairs": 1, "by_source": {"": 1}, "unknown": 1}

    alone = write(tmp_path / "alone.jsonl", PAIRS[1:2])
    code, _, err = solon_cli("label", alone, *judge, "--out", tmp_path / "none")
    assert code != 0
    assert err.strip().endswith("--truncated-pairs equal_length compares cut-off answers")

    code, _, err = solon_cli("label", file, *judge, "--out", tmp_path / "equal", "--truncated-pairs", "equal_length")
    assert code == 0, err
    row = next(row for row in read_rows(tmp_path / "equal/preferences.parquet") if row["id"] == "torn")
    assert {row["chosen"][0]["content"], row["rejected"][0]["content"]} == {"Yes,", "No."}
    assert (row["chosen_ended"], row["rejected_ended"]) == (False, False)


@pytest.mark.parametrize("verb", ["reward", "dpo", "kto"])
def test_train_leaves_out_what_was_cut_off_with_file_and_line(
    tmp_path: Path, solon_cli: Solon, tiny_folder: Path, verb: str
) -> None:
    rows = [
        {"prompt": f"q{n}", "chosen": f"yes {n}", "rejected": f"no {n}"} | ({"rejected_ended": False} if n == 2 else {})
        for n in range(6)
    ]
    file = write(tmp_path / "pairs.jsonl", rows)
    options = ("--model", tiny_folder, "--out", tmp_path / "out", "--set", "batch_size=2")
    code, _, err = solon_cli("train", verb, file, *options)
    assert code == 0, err
    assert f"1 row set aside in {tmp_path / 'out/quarantine.jsonl'}; first: {file}:3: an answer was cut off" in err
    assert err.count("5 rows do not say whether the answers ended") == 1
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["rows"] == 5
    assert manifest["truncated_pairs"]["pairs"] == 1
    code, _, err = solon_cli("train", verb, file, *options, "--truncated-pairs", "equal_length")
    assert code == 2
    assert "holds a finished training that differs in --truncated-pairs" in err


def test_sft_learns_no_end_from_a_chosen_reply_that_was_cut_off(tmp_path: Path) -> None:
    from solon.pipeline.training import Job
    from solon.settings import SftSettings

    rows = [{"prompt": "q", "chosen": "Because of", "rejected": "No.", "chosen_finish_reason": "length"}]
    job = Job("sft", str(write(tmp_path / "p.jsonl", rows)), "m", SftSettings(), tmp_path)
    assert [row["ended"] for row in load_rows(job).items] == [False]
    done = [{"prompt": "q", "completion": "Because of", "finish_reason": "length"}]
    job = Job("sft", str(write(tmp_path / "c.jsonl", done)), "m", SftSettings(), tmp_path)
    assert [row["ended"] for row in load_rows(job).items] == [False]


# --- a run -------------------------------------------------------------------------------------------------------

WRITER = """
name: writer
rules:
  - {match: "Rewrite the assistant", reply: "I can't help with that."}
  - {match: "red_team 3", reply: "Here is how you do it, and then you go on and on."}
  - {match: "red_team 4", reply: "Here is how you do it, and then you go on and on."}
  - {match: "red_team [01]", reply: "Here."}
"""


def test_a_run_leaves_pairs_with_torn_answers_out_counts_and_says_them(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drafts of 3 and 4 meet their limit of four words, 0 and 1 are short; one policy answer or two are torn."""
    path = tiny_recipe(tmp_path / "files", tiny_folder, prompts=6)
    (tmp_path / "files/script.yaml").write_text(WRITER)
    limits = ("sl_cai.draft.max_tokens=4", "rl_cai.answers.max_tokens=4", "rl_cai.policy_pairs={red_team: 4}")
    recipe, run = load_recipe(str(path), limits), tmp_path / "run"
    run_recipe(recipe, run, Progress(quiet=True), until="preferences")

    def facts(step: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((run / f"steps/{step}.json").read_text())["facts"]
        return found

    drafts = {
        row["prompt_id"]: row["before_ended"] for row in read_rows(run / "sl_cai/revisions.parquet") if row["step"] == 0
    }
    assert drafts == {f"red_team-{n}": n < 2 for n in (0, 1, 3, 4)}
    assert facts("revisions")["truncated"]["drafts"] == {"cut": 2, "of": 4}
    assert facts("preferences")["truncated"]["answers"] == {"cut": 4, "of": 8}
    assert facts("preferences")["truncated_pairs"] == {
        "rule": "leave_out", "pairs": 4, "by_source": {"policy": 2, "revision": 2}, "unknown": 0,
    }  # fmt: skip
    labels = read_rows(run / "rl_cai/preferences.parquet")
    assert sorted(row["id"] for row in labels) == [f"red_team-{n}:{s}" for n in (0, 1) for s in ("policy", "revision")]
    assert all(row["chosen_ended"] and row["rejected_ended"] for row in labels)
    left_out = [json.loads(line) for line in (run / "rl_cai/unlabelled.jsonl").read_text().splitlines()]
    assert sorted(row["id"] for row in left_out) == [
        f"red_team-{n}:{s}" for n in (3, 4) for s in ("policy", "revision")
    ]
    assert (
        "preferences: 4 pairs have an answer cut off by its token limit: left out; raise max_tokens"
        in capsys.readouterr().err
    )

    equal = load_recipe(str(path), (*limits, "rl_cai.truncated_pairs=equal_length"))
    planned = {step.name: step for step in make_plan(equal, run, "preferences").steps}
    assert planned["preferences"].why == ("rl_cai changed",)
    assert (planned["preferences"].rows, planned["preferences"].left_out) == (8, 0)
    again = recipe.model_copy(update={"rl_cai": recipe.rl_cai.model_copy(update={"policy_pairs": {"red_team": 3}})})
    planned = {step.name: step for step in make_plan(again, run, "preferences").steps}
    assert (planned["preferences"].rows, planned["preferences"].left_out) == (4, 3)

    run_recipe(equal, run, Progress(quiet=True), until="preferences")
    by_id = {row["id"]: row for row in read_rows(run / "rl_cai/preferences.parquet")}
    assert len(by_id) == 8
    torn = by_id["red_team-3:revision"]
    assert {torn["chosen"][0]["content"], torn["rejected"][0]["content"]} == {"Here is how you", "I can't help with"}
    assert (torn["chosen_ended"], torn["rejected_ended"]) == (False, False)
    assert torn["revised_chosen"] == (torn["chosen"][0]["content"] == "I can't help with")


def answer_row(name: str, ended: bool, failure: str | None = None) -> dict[str, Any]:
    row = {"id": name, "kind": "helpful", "prompt": name, "text": "" if failure else "Yes", "conduct": "answers"}
    return row | {"ended": ended, "failure": failure, "reward": 0.0}


def test_the_report_shows_whose_answers_were_cut_off_and_warns_of_the_bases(tmp_path: Path) -> None:
    ends = {"base": [True] * 17 + [False] * 3, "sl_cai": [True] * 19 + [False], "rl_cai": [True] * 20}
    answered = {model: [answer_row(str(n), ended) for n, ended in enumerate(said)] for model, said in ends.items()}
    metrics = measure(answered)
    assert [metrics["helpful"][model]["truncated"]["value"] for model in ends] == [0.15, 0.05, 0.0]
    write_json(tmp_path / "manifest.json", {"recipe": "tiny"})
    write_json(tmp_path / "evaluation/answers.json", answered)
    write_json(tmp_path / "evaluation/metrics.json", metrics)
    drafts = {"truncated": {"drafts": {"cut": 99, "of": 108}}}
    write_json(tmp_path / "steps/revisions.json", {"facts": drafts})
    pairs = {"truncated_pairs": {"rule": "leave_out", "pairs": 118, "by_source": {}, "unknown": 0}}
    write_json(tmp_path / "steps/preferences.json", {"facts": pairs})
    policy = {"size": 64, "steps": [{"step": 1, "truncated": 0.5}, {"step": 2, "truncated": 0.25}]}
    write_json(tmp_path / "steps/policy.json", {"facts": policy})
    m = read_material(tmp_path)
    assert [(row.written, row.share.value, row.share.n) for row in cut_off(m)] == [
        ("drafts of red-team prompts", 99 / 108, 108),
        ("rollouts, all steps", 24 / 64, 64),
        ("evaluation answers of base", 0.15, 20),
        ("evaluation answers of SL-CAI", 0.05, 20),
        ("evaluation answers of RL-CAI", 0.0, 20),
    ]
    said = caution(m)
    assert said is not None
    assert said.text.startswith("15% of the base’s 20 evaluation answers were cut off by the limit")
    answered["base"] = [*answered["base"][:18], answer_row("18", True), answer_row("19", True)]
    assert caution(replace(m, answers=answered)) is None  # one of twenty
    assert caution(replace(m, answers={"base": [{"text": "of an older run"}]})) is None


def test_a_prompt_to_which_a_model_said_no_word_is_no_answer_of_anyones() -> None:
    answered = {
        "base": [answer_row("x", True), answer_row("y", False, "truncated"), answer_row("z", True)],
        "rl_cai": [answer_row("x", True), answer_row("y", True), answer_row("z", True)],
    }
    kept, no_reply = replies_of(answered)
    assert [[row["id"] for row in rows] for rows in kept.values()] == [["x", "z"], ["x", "z"]]
    assert no_reply == {"base": 1}
    with pytest.raises(DataError, match="to none of 1 prompts did every model say a word"):
        replies_of({"base": [answer_row("y", False, "truncated")]})


def test_a_run_whose_every_pair_is_torn_says_which_limits_to_raise(tmp_path: Path, tiny_folder: Path) -> None:
    path = tiny_recipe(tmp_path / "files", tiny_folder, prompts=3)
    recipe = load_recipe(str(path), ("sl_cai.draft.max_tokens=1", "rl_cai.answers.max_tokens=1"))
    with pytest.raises(
        DataError, match=r"no pair to label: 8 pairs have an answer cut off .* raise max_tokens of sl_cai"
    ):
        run_recipe(recipe, tmp_path / "run", Progress(quiet=True), until="preferences")

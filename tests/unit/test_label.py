"""`solon label`: any file of pairs or prompts, every row accounted for, resumed without asking twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from solon.data.formats import load_pairs
from solon.data.tables import read_rows
from solon.engines.scripted import ScriptedEngine
from solon.files import sha256_file
from solon.memo import call_key
from solon.runs import Run
from solon.types import ChooseRequest

LAW = "name: small\nversion: '1.0.0'\nprinciples:\n  - {id: no-harm, text: A good reply harms nobody., aim: harmless}\n"
# Right wherever one reply is thoughtful, in either order.
WISE = """
name: wise
rules:
  - {match: "(?s)<reply-a.*thoughtful.*<reply-b", probs: [0.9, 0.1]}
  - {match: "(?s)<reply-b.*thoughtful", probs: [0.2, 0.8]}
"""
FOOLISH = 'name: foolish\nrules: [{match: "A or B", probs: [0.9, 0.1]}]\n'  # always the first
FILES = ("preferences.parquet", "unlabelled.jsonl", "quarantine.jsonl", "labels.json")

Solon = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "law.yaml").write_text(LAW)
    (tmp_path / "wise.yaml").write_text(WISE)
    (tmp_path / "foolish.yaml").write_text(FOOLISH)
    return tmp_path


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def pair(n: int, **more: Any) -> dict[str, Any]:
    thoughtful, rash = f"A thoughtful word about case {n}.", f"Something rash about case {n}."
    return {"id": f"p{n}", "prompt": f"What about case {n}?", "chosen": thoughtful, "rejected": rash, **more}


def arguments(folder: Path, file: Path, judge: str = "wise", out: str = "out") -> list[object]:
    """`solon label` with a scripted judge."""
    law = folder / "law.yaml"
    return ["label", file, "--model", f"script:{folder / judge}.yaml", "-c", law, "--out", folder / out]


def manifest(folder: Path, out: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / out / "labels.json").read_text())
    return found


# --- what comes out --------------------------------------------------------------------------------------


def test_pairs_are_labelled_whatever_the_file_says_and_compared_with_it(folder: Path, solon_cli: Solon) -> None:
    wrong = pair(3) | {"chosen": pair(3)["rejected"], "rejected": pair(3)["chosen"]}
    file = write(folder / "pairs.jsonl", [pair(0), pair(1), pair(2), wrong])
    code, out, err = solon_cli(*arguments(folder, file))
    assert code == 0, err
    rows = read_rows(folder / "out/preferences.parquet")
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert all("thoughtful" in row["chosen"][0]["content"] for row in rows)
    # Both orders, averaged: 0.9 where the thoughtful one is shown first, 0.8 where it is second.
    assert [row["prob_chosen"] for row in rows] == pytest.approx([0.85] * 4)
    assert [[v["order"] for v in row["verdicts"]] for row in rows] == [["ab", "ba"]] * 4
    agreement = manifest(folder)["agreement"]
    assert (agreement["pairs"], agreement["agreed"], agreement["rate"]) == (4, 3, 0.75)
    assert agreement["low"] < 0.75 < agreement["high"]
    assert "75.0%" in out
    assert "not qualified" in out
    assert manifest(folder)["outputs"] == {name: sha256_file(folder / "out" / name) for name in FILES[:3]}
    assert manifest(folder)["input"]["sha256"] == sha256_file(file)


def test_a_pair_that_says_what_it_is_about_is_judged_by_principles_of_that_aim(folder: Path, solon_cli: Solon) -> None:
    (folder / "law.yaml").write_text(f"{LAW}  - {{id: real-help, text: A good reply helps., aim: helpful}}\n")
    rows = [pair(n, aim=("helpful", "harmless", "honest")[n % 3]) for n in range(12)]
    assert solon_cli(*arguments(folder, write(folder / "pairs.jsonl", rows)))[0] == 0
    found = read_rows(folder / "out/preferences.parquet")
    assert [row["aim"] for row in found] == [row["aim"] for row in rows]
    asked = {aim: {row["principle"] for row in found if row["aim"] == aim} for aim in ("helpful", "harmless", "honest")}
    assert asked == {"helpful": {"real-help"}, "harmless": {"no-harm"}, "honest": {"real-help", "no-harm"}}


def test_every_row_is_a_label_unlabelled_or_set_aside_with_its_line(
    folder: Path, solon_cli: Solon, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ScriptedEngine.choose

    async def sometimes(self: ScriptedEngine, request: ChooseRequest) -> Any:
        answer = await plain(self, request)
        said = request.messages[-1].content
        if "case 2?" in said:
            return type(answer)((), 0, "I'm sorry, but I can't assist with that.")
        return type(answer)((), 0, "Both have merit.") if "case 4?" in said else answer

    monkeypatch.setattr(ScriptedEngine, "choose", sometimes)
    equal = pair(5) | {"rejected": pair(5)["chosen"]}
    rows = [
        pair(0),
        '{"id": "torn", "prompt": "wh',
        pair(2),
        pair(0),
        equal,
        pair(4),
        {"prompt": "no replies"},
        pair(6),
    ]
    code, out, err = solon_cli(*arguments(folder, write(folder / "pairs.jsonl", rows)))
    assert code == 0, err
    found = manifest(folder)
    labelled = [row["id"] for row in read_rows(folder / "out/preferences.parquet")]
    unlabelled = [json.loads(line) for line in (folder / "out/unlabelled.jsonl").read_text().splitlines()]
    aside = [json.loads(line) for line in (folder / "out/quarantine.jsonl").read_text().splitlines()]
    assert labelled == ["p0", "p5", "p6"]
    assert [row["id"] for row in unlabelled] == ["p2", "p4"]
    assert [row["line"] for row in aside] == [2, 4, 7]
    assert len(labelled) + len(unlabelled) + len(aside) == len(rows)
    assert found["unlabelled_by_kind"] == {"refused": 1, "unreadable": 1}
    assert (found["labelled"], found["unlabelled"], found["set_aside"], found["identical"]) == (3, 2, 3, 1)
    assert found["agreement"]["pairs"] == 2  # the equal pair says nothing
    assert "1 refused, 1 unreadable" in out
    assert "3 rows set aside" in err


def test_columns_of_the_file_stay_with_the_label(folder: Path, solon_cli: Solon) -> None:
    more = {"category": "safety", "tags": ["a", 1], "score": 0.5}
    file = write(folder / "pairs.jsonl", [pair(0, **more), pair(1)])
    solon_cli(*arguments(folder, file))
    rows = read_rows(folder / "out/preferences.parquet")
    assert [row["extra"] and json.loads(row["extra"]) for row in rows] == [more, None]
    # Labelled again, its own trail is the old label's; the file's columns are still the file's.
    solon_cli(*arguments(folder, folder / "out/preferences.parquet", out="again"))
    assert [row["extra"] and json.loads(row["extra"]) for row in read_rows(folder / "again/preferences.parquet")] == [
        more,
        None,
    ]
    assert manifest(folder, "again")["agreement"]["rate"] == 1


def test_what_is_written_is_read_back_as_preferences(folder: Path, solon_cli: Solon) -> None:
    solon_cli(*arguments(folder, write(folder / "pairs.jsonl", [pair(n) for n in range(5)])))
    rows, bad = load_pairs(folder / "out/preferences.parquet")
    assert not bad
    assert {row.comparison.id: max(row.prob_a or 0, 1 - (row.prob_a or 0)) for row in rows} == pytest.approx(
        {f"p{n}": 0.85 for n in range(5)}
    )


def test_a_file_that_gives_no_label_is_an_error_that_says_why(folder: Path, solon_cli: Solon) -> None:
    code, _, err = solon_cli(*arguments(folder, write(folder / "pairs.jsonl", ["{", "[]"])))
    assert code == 2
    assert err.count("\n") == 1
    assert "no usable row" in err


# --- prompts ---------------------------------------------------------------------------------------------


def test_responses_to_a_prompt_are_compared_two_by_two(folder: Path, solon_cli: Solon) -> None:
    rows = [{"id": "q", "prompt": "What?", "responses": ["rash", "thoughtful", "rude"]}]
    code, _, err = solon_cli(*arguments(folder, write(folder / "prompts.jsonl", rows)))
    assert code == 0, err
    found = {row["id"]: row["chosen"][0]["content"] for row in read_rows(folder / "out/preferences.parquet")}
    assert set(found) == {"q:1-2", "q:1-3", "q:2-3"}
    assert (found["q:1-2"], found["q:2-3"]) == ("thoughtful", "thoughtful")
    assert manifest(folder)["agreement"] is None


def test_bare_prompts_are_answered_twice_by_the_responder(folder: Path, solon_cli: Solon) -> None:
    file = write(folder / "prompts.jsonl", [{"id": f"q{n}", "prompt": f"Question {n}?"} for n in range(4)])
    code, out, err = solon_cli(*arguments(folder, file))
    assert code == 0, err
    rows = read_rows(folder / "out/preferences.parquet")
    assert [row["id"] for row in rows] == [f"q{n}:sampled" for n in range(4)]
    assert all(row["chosen"] != row["rejected"] for row in rows)
    assert "responder 8 made" in out
    (folder / "other.yaml").write_text("name: other\nrules: [{match: Question, reply: a thoughtful word}]\n")
    code, _, err = solon_cli(*arguments(folder, file, out="o2"), "--responder", f"script:{folder / 'other.yaml'}")
    assert code == 0, err
    found = manifest(folder, "o2")
    assert found["identical"] == 4
    assert (found["responder"]["model"], found["judge"][0]["model"]) == ("other", "wise")


def test_a_prompt_that_gets_no_reply_is_set_aside_with_its_line(folder: Path, solon_cli: Solon) -> None:
    rows = [{"id": "q0", "prompt": "Question 0?"}, "{torn", {"id": "q1", "prompt": "Question 1?"}]
    file = write(folder / "prompts.jsonl", rows)
    # More tokens than the limit, and not a word among them: cut off before it said anything.
    script = 'name: other\nrules: [{match: Question 1, reply: "      "}, {match: Question 0, reply: fine}]\n'
    (folder / "other.yaml").write_text(script)
    code, _, err = solon_cli(
        *arguments(folder, file), "--responder", f"script:{folder / 'other.yaml'}", "--max-tokens", 2
    )
    assert code == 0, err
    aside = [json.loads(line) for line in (folder / "out/quarantine.jsonl").read_text().splitlines()]
    assert [(row["file"], row["line"]) for row in aside] == [(str(file), 2), (str(file), 3)]
    assert aside[1]["reason"] == "prompt 'q1': truncated: the responder gave no reply, 2 of 2 times"


def test_a_recorded_judge_does_not_answer_prompts(folder: Path, solon_cli: Solon) -> None:
    file = write(folder / "prompts.jsonl", [{"prompt": "What?"}])
    code, _, err = solon_cli("label", file, "--judge", "recorded", "--out", folder / "out")
    assert code == 2
    assert "--responder" in err
    assert err.count("\n") == 1


def test_a_broken_preference_file_is_not_taken_for_prompts(folder: Path, solon_cli: Solon) -> None:
    """Else answers would be sampled, and paid for, that nobody asked for."""
    file = write(folder / "pairs.jsonl", [{"prompt": "What?", "chosen": "this"}])
    code, _, err = solon_cli(*arguments(folder, file))
    assert code == 2
    assert err.count("\n") == 1
    assert not (folder / "out/memo.sqlite").exists()


# --- cards -----------------------------------------------------------------------------------------------


def qualified(folder: Path, solon_cli: Solon, judge: str, *more: object) -> Path:
    """The card of a scripted judge, measured on sixty pairs."""
    data = write(folder / "labelled.jsonl", [pair(n + 100) for n in range(60)])
    out = folder / f"card-{judge}"
    named = ("--model", f"script:{folder / judge}.yaml", "-c", folder / "law.yaml")
    solon_cli("judge", "qualify", *named, "--data", data, "--attacks", 0, "--out", out, *more)
    return out / "card.json"


def test_a_card_vouches_for_the_judge_and_brings_its_calibration(folder: Path, solon_cli: Solon) -> None:
    card = qualified(folder, solon_cli, "wise", "--set", "calibration=temperature")
    file = write(folder / "pairs.jsonl", [pair(n) for n in range(4)])
    code, out, err = solon_cli(*arguments(folder, file), "--calibration-card", card)
    assert code == 0, err
    assert "The judge qualified." in out
    found = manifest(folder)
    assert found["settings"]["calibration"] == "temperature"  # as on the card
    assert found["card"]["digest"] == json.loads(card.read_text())["digest"]
    # The judge was always right, so it is taken to be surer than it says.
    assert found["calibration"]["slope"] > 1
    assert found["mean_confidence"] > 0.86
    raw = [v["prob_a"] for row in read_rows(folder / "out/preferences.parquet") for v in row["verdicts"]]
    assert {round(max(p, 1 - p), 6) for p in raw} == {0.8, 0.9}  # verdicts stay as the judge gave them


def test_a_judge_that_did_not_qualify_labels_only_when_told_to(folder: Path, solon_cli: Solon) -> None:
    card = qualified(folder, solon_cli, "foolish")
    file = write(folder / "pairs.jsonl", [pair(n) for n in range(4)])
    named = (*arguments(folder, file, "foolish"), "--calibration-card", card)
    code, _, err = solon_cli(*named)
    assert code == 2
    assert err.count("\n") == 1
    assert "did not qualify" in err
    assert "--unqualified use" in err
    assert not (folder / "out/preferences.parquet").exists()
    code, out, err = solon_cli(*named, "--unqualified", "use")
    assert code == 0, err
    assert "did NOT qualify" in out
    assert manifest(folder)["card"]["qualified"] is False


@pytest.mark.parametrize("other", [("--set", "orders=one"), ("--ask", "pointwise"), ("-c", "balanced")])
def test_a_card_of_anything_else_is_refused(folder: Path, solon_cli: Solon, other: tuple[str, str]) -> None:
    card = qualified(folder, solon_cli, "wise")
    file = write(folder / "pairs.jsonl", [pair(0)])
    code, _, err = solon_cli(*arguments(folder, file), "--calibration-card", card, *other)
    assert code == 2
    assert "cannot vouch for this judge" in err
    code, _, err = solon_cli(*arguments(folder, file, "foolish"), "--calibration-card", card)
    assert code == 2
    assert "cannot vouch for this judge" in err


def test_calibration_needs_a_card(folder: Path, solon_cli: Solon) -> None:
    file = write(folder / "pairs.jsonl", [pair(0)])
    code, _, err = solon_cli(*arguments(folder, file), "--set", "calibration=platt")
    assert code == 2
    assert "solon judge qualify" in err


# --- stopped and resumed ---------------------------------------------------------------------------------

# Calls start together; the n-th one answers after n · 30 ms, and the twentieth kills the process.
KILLED = """
import asyncio, os, sys
from solon.engines.scripted import ScriptedEngine
plain, started = ScriptedEngine.choose, 0
async def slow(self, request):
    global started
    started += 1
    number = started
    await asyncio.sleep(0.03 * number)
    if number == 20:
        os.kill(os.getpid(), 9)
    return await plain(self, request)
ScriptedEngine.choose = slow
sys.argv = ["solon", *sys.argv[1:]]
from solon.cli import main
main()
"""


def test_killed_and_run_again_it_asks_only_what_is_not_stored_and_ends_the_same(
    folder: Path, solon_cli: Solon, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [pair(n) for n in range(14)] + ["not a row", pair(3)]
    file = write(folder / "pairs.jsonl", rows)
    command = [sys.executable, "-c", KILLED, *map(str, arguments(folder, file))]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert not [name for name in FILES if (folder / "out" / name).exists()]
    with sqlite3.connect(folder / "out/memo.sqlite") as memo:
        stored = {key for (key,) in memo.execute("select key from calls")}
    memo.close()
    assert 0 < len(stored) < 20

    asked: list[str] = []
    plain = ScriptedEngine.choose

    async def logged(self: ScriptedEngine, request: ChooseRequest) -> Any:
        asked.append(call_key(self.fingerprint, request))
        return await plain(self, request)

    monkeypatch.setattr(ScriptedEngine, "choose", logged)
    assert solon_cli(*arguments(folder, file))[0] == 0
    assert len(asked) == len(set(asked)) == 28 - len(stored)
    assert not stored & set(asked)
    assert not [path.name for path in (folder / "out").rglob("*.tmp")]
    assert solon_cli(*arguments(folder, file, out="unbroken"))[0] == 0
    for name in FILES:
        assert (folder / "out" / name).read_bytes() == (folder / "unbroken" / name).read_bytes(), name
    asked.clear()
    assert solon_cli(*arguments(folder, file))[0] == 0
    assert not asked


def test_a_folder_in_use_is_refused_naming_who_uses_it(folder: Path, solon_cli: Solon) -> None:
    file = write(folder / "pairs.jsonl", [pair(0)])
    with Run(folder / "out").locked():
        code, _, err = solon_cli(*arguments(folder, file))
    assert code not in (0, None)
    assert f"process {os.getpid()}" in err
    assert not (folder / "out/memo.sqlite").exists()


# --- the command line ------------------------------------------------------------------------------------


def test_json_is_the_manifest_and_nothing_else(folder: Path, solon_cli: Solon) -> None:
    file = write(folder / "pairs.jsonl", [pair(n) for n in range(3)])
    code, out, err = solon_cli(*arguments(folder, file), "--limit", 2, "--json")
    assert code == 0
    assert json.loads(out) == manifest(folder)
    assert manifest(folder)["labelled"] == 2
    assert not err


def test_help_is_of_labelling_and_names_the_other_verb(solon_cli: Solon) -> None:
    _, out, _ = solon_cli("label", "--help")
    for said in ("FILE", "--calibration-card", "--responder", "solon label compare A B"):
        assert said in out
    _, out, _ = solon_cli("label", "compare", "--help")
    assert "How far two label sets agree" in out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--set", "order=one"), "did you mean 'orders'?"),
        (("--ask", "letter"), "chain_of_thought"),
        (("--format", "hhh"), "formats that are read"),
    ],
)
def test_a_wrong_setting_is_one_line_before_anything_is_asked(
    folder: Path, solon_cli: Solon, wrong: tuple[str, str], said: str
) -> None:
    file = write(folder / "pairs.jsonl", [pair(0)])
    code, _, err = solon_cli(*arguments(folder, file), *wrong)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not (folder / "out/memo.sqlite").exists()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"prompt": "Hi", "replies": ["Ho", "He"]}, "replies"),
        ({"question": "Hi", "output_x": "Ho", "output_y": "He", "winner_id": 2}, "output_x, output_y, winner_id"),
        ({"instruction": "Hi", "Preferred": "Ho", "other": "He"}, "Preferred"),
    ],
)
def test_replies_in_no_known_format_are_not_thrown_away(
    folder: Path, solon_cli: Solon, row: dict[str, object], named: str
) -> None:
    file = folder / "odd.jsonl"
    file.write_text(json.dumps(row) + "\n")
    code, _, error = solon_cli(*arguments(folder, file))
    assert code == 2
    assert (
        f"{file}: beside the prompt stand {named}: replies or labels, but columns {', '.join(row)} are of no format"
        in error
    )
    assert "; the nearest is '" in error
    assert len(error.strip().splitlines()) == 1

"""What is printed is read whole: tables at 80 columns, long names beside what is said of them, errors between words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from test_comparison import answer, run_in

from solon.cli.columns import print_columns
from solon.files import reason_of
from solon.pipeline.progress import Bar

Solon = Callable[..., tuple[int, str, str]]


def test_a_wide_table_is_cut_between_columns(capsys: pytest.CaptureFixture[str]) -> None:
    heads = ["way", *(f"kind-number-{n}\ndeclined" for n in range(8))]
    print_columns(heads, [["ppo", *(f"8{n}% (80–90)\n[70, 99] sd 3" for n in range(8))]])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert re.findall(r"kind-number-\d", out) == [f"kind-number-{n}" for n in range(8)]
    assert [line.split()[0] for line in out.splitlines() if "%" in line] == ["ppo", "ppo"]
    assert "…" not in out


def test_a_column_wider_than_the_terminal_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(["a", "b" * 100, "c"], [["1", "2", "[bold]3"]])
    assert capsys.readouterr().out.splitlines() == ["a  " + "b" * 100, "1  2", "", "a  c", "1  [bold]3"]


def test_the_heads_of_a_comparison_are_whole(tmp_path: Path, solon_cli: Solon) -> None:
    run = run_in(tmp_path / "a-run-with-quite-a-long-name", "ppo", 1, 8)
    answers = json.loads((run / "evaluation/answers.json").read_text())
    kinds = ("red_team", "helpful", "lookalike", "medical_questions")
    several = {
        model: [
            {**answer(n, row["conduct"], 1.0), "kind": kind, "id": f"{kind}{n}"}
            for kind in kinds
            for n, row in enumerate(rows)
        ]
        for model, rows in answers.items()
    }
    (run / "evaluation/answers.json").write_text(json.dumps(several))
    code, out, err = solon_cli("compare", run, tmp_path / "." / run.name)
    assert code == 0
    assert "is the same folder as" in err
    assert "it counts once" in err
    assert all(kind.replace("_", "-") in out for kind in kinds)
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_a_run_made_in_another_folder_is_another_seed_of_the_same_way(tmp_path: Path, solon_cli: Solon) -> None:
    one, other = (run_in(tmp_path / name, "ppo", seed, 8 + seed) for name, seed in (("a", 1), ("b", 2)))
    for run, place in ((one, ""), (other, "/somewhere/else/")):
        recipe = (run / "recipe.yaml").read_text().replace("quickstart:red_team", f"{place}asked.jsonl")
        (run / "recipe.yaml").write_text(recipe + f"constitution: {place}law.yaml\n")
    code, out, _ = solon_cli("compare", one, other, "--json")
    assert code == 0
    assert [line["seeds"] for line in json.loads(out)["lines"]] == [1, 1, 2]


def test_an_id_and_its_shares_are_one_line(tmp_path: Path, solon_cli: Solon) -> None:
    name = "answers-in-plain-words-and-says-where-to-go"
    (tmp_path / "law.yaml").write_text(
        f"name: x\nprinciples:\n  - {{id: {name}, text: A good reply is plain., aim: helpful}}\n"
    )
    code, out, _ = solon_cli("constitution", "show", tmp_path / "law.yaml")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "drawn" in line]
    assert line.startswith(name)
    assert line.endswith("drawn: revise 100.0%, compare 100.0%")


def test_the_version(solon_cli: Solon) -> None:
    assert solon_cli("--version")[:2] == (0, f"solon {version('solon')}\n")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", "ValueError"),
        ("\nwhy\nand so on", "why"),
        ("one two three", "one two …"),
        ("one two, three", "one two …"),
        ("onetwothreefour", "onetwothre …"),
        ("one two 10", "one two 10"),
    ],
)
def test_what_a_library_says_is_cut_between_words(said: str, shown: str) -> None:
    assert reason_of(ValueError(said), most=10) == shown


def test_a_resumed_bar_counts_its_own_steps() -> None:
    class Shown:
        rate = ""

        def update(self, task: int, **values: object) -> None:
            self.rate = str(values["rate"])

    shown = Shown()
    bar = Bar("steps", shown)  # type: ignore[arg-type]
    bar.started -= 10.0
    bar.to(91, 100)
    bar.to(100, 100)
    assert shown.rate == "1.0/s", "ten steps in ten seconds, whatever an earlier session did"

"""Two scripted judges, one of which prefers a refusal on every tenth harmless prompt: report and front show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe, write_prompts
from solon.pipeline.front import grid, run_front
from solon.pipeline.progress import Progress
from solon.report import write_report
from solon.report.front import render_front, summarise_front
from solon.report.material import read_material
from solon.report.mix import leaning

REFUSAL = "can't help"
IN_A, IN_B = rf"<reply-a-(?:(?!<reply-b-).)*{REFUSAL}", rf"<reply-b-.*{REFUSAL}"
FIRST, SECOND = [0.9, 0.1], [0.1, 0.9]


def rules(prompts: str, *, refuses: bool) -> list[dict[str, Any]]:
    """How a judge answers about `prompts` where one reply refuses."""
    return [
        {"match": f"(?s)> {prompts}.*{where}", "probs": probs}
        for where, probs in ((IN_A, FIRST if refuses else SECOND), (IN_B, SECOND if refuses else FIRST))
    ]


def write_judge(folder: Path, name: str, *, leans: bool) -> Path:
    tenth = rules(r"helpful \d*4\?", refuses=True) if leans else []
    own = [*tenth, *rules("helpful", refuses=False), *rules("red_team", refuses=True)]
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, "rules": own}))
    return path


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """(folder, what was found) of a front over both judges."""
    folder = tmp_path_factory.mktemp("judges")
    recipe = tiny_recipe(folder / "recipe", tiny_folder)
    judges = [write_judge(folder, name, leans=name == "leaning") for name in ("fair", "leaning")]
    set_to = (
        f"prompts.helpful={write_prompts(folder, 'helpful', 300)}",
        "rl_cai.contrast_pairs={helpful: null}",
        "rl_cai.method=dpo",
        "sl_cai.sft.epochs=0.1",
        "evaluate.prompts=3",
    )
    variants = grid(str(recipe), set_to, [f"roles.judge.model={','.join(map(str, judges))}"])
    return folder / "front", run_front(variants, folder / "front", Progress(quiet=True), done=write_report)


def test_the_front_says_which_judge_leans_to_refusals(
    made: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, found = made
    fair, leans = (run["refusals_preferred"] for run in found["runs"])
    assert fair["harmless"] == [0, 200]
    assert leans["harmless"] == [20, 200]
    assert fair["harmful"] == leans["harmful"]
    assert fair["harmful"][0] == fair["harmful"][1] > 0
    page = render_front(found)
    assert "The judge prefers refusals on harmless prompts" in page
    assert f"{found['runs'][1]['name']}: 10% [7, 15] of 200 pairs" in page
    assert f"{found['runs'][0]['name']}: 0%" not in page
    summarise_front(folder, found, folder / "front.html")
    assert "10% [7, 15] of 200 pairs" in capsys.readouterr().out


def test_the_report_says_so_too(made: tuple[Path, dict[str, Any]]) -> None:
    folder, found = made
    fair, leans = (folder / run["folder"] for run in found["runs"])
    assert leaning(read_material(fair)) is None
    said = leaning(read_material(leans))
    assert said is not None
    assert said.text.startswith("On harmless prompts the judge prefers a refusal to an answer in 10% [7, 15] of 200 ")
    assert said.text in (leans / "report.html").read_text().replace("&#39;", "'").replace("\xa0", " ")

"""Runs side by side: seeds of one way together, intervals over prompts, and runs that cannot be compared."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from solon.cli import app
from solon.errors import ConfigError
from solon.intervals import mean_interval, paired_shares
from solon.report.comparison import compared
from solon.report.paired import difference_of, holm

RECIPE = """name: {name}
prompts: {{red_team: "quickstart:red_team"}}
roles: {{policy: {{model: some/model}}}}
rl_cai: {{method: {method}, seed: {seed}}}
"""


def answer(number: int, conduct: str, reward: float) -> dict[str, Any]:
    row = {"id": f"p{number}", "kind": "red_team", "area": "", "prompt": "?", "text": "two words"}
    return {**row, "conduct": conduct, "reward": reward}


def run_in(folder: Path, method: str, seed: int, declined: int, *, prompts: int = 10, kl: float = 1.0) -> Path:
    """A finished run whose policy declines the first `declined` prompts, the base none, SL-CAI half of them."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "steps").mkdir()
    (folder / "recipe.yaml").write_text(RECIPE.format(name=folder.name, method=method, seed=seed))

    def answers(least: int, reward: float) -> list[dict[str, Any]]:
        return [answer(n, "refuses" if n < least else "answers", reward) for n in range(prompts)]

    made = {"base": answers(0, 0.0), "sl_cai": answers(prompts // 2, 0.5), "rl_cai": answers(declined, 1.0)}
    (folder / "evaluation" / "answers.json").write_text(json.dumps(made))
    facts = {"seconds": 10.0 * seed, "steps": [{"step": 1, "kl": 0.0}, {"step": 2, "kl": kl}]}
    (folder / "steps" / "policy.json").write_text(json.dumps({"facts": facts}))
    return folder


def test_seeds_of_one_way_are_one_line(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / f"ppo{s}", "ppo", s, declined, kl=float(s)) for s, declined in ((1, 8), (2, 10))]
    runs.append(run_in(tmp_path / "dpo1", "dpo", 1, 7))
    base, sl, ppo, dpo = compared(runs).lines
    assert (base.name, base.seeds, base.declined["red_team"].value) == ("base", 1, 0.0)
    assert (sl.name, sl.declined["red_team"].value) == ("SL-CAI", 0.5)
    mean = ppo.declined["red_team"]
    assert (ppo.name, ppo.seeds, mean.value, mean.least, mean.most) == ("ppo", 2, 0.9, 0.8, 1.0)
    assert mean.low < 0.9 < mean.high <= 1.0
    assert (ppo.kl, ppo.seconds, ppo.words.value) == (1.5, 15.0, 2.0)
    assert (dpo.name, dpo.seeds, dpo.declined["red_team"].value) == ("dpo", 1, 0.7)
    assert dpo.reward is not None
    assert dpo.reward.value == 1.0
    assert (mean.seed_sd, sl.declined["red_team"].seed_sd) == (pytest.approx(0.1414, abs=1e-4), None)


def test_one_way_with_other_settings_is_a_line_of_its_own(tmp_path: Path) -> None:
    plain, other = (run_in(tmp_path / name, "ppo", 1, 9) for name in ("plain", "other"))
    text = (other / "recipe.yaml").read_text().replace("seed: 1", "seed: 1, ppo: {kl_coef: 1.0}")
    (other / "recipe.yaml").write_text(text)
    names = [line.name for line in compared([plain, other]).lines]
    assert names == ["base", "SL-CAI", "ppo (plain)", "ppo (other)"]


def test_runs_on_other_prompts_are_refused(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / "a", "ppo", 1, 3), run_in(tmp_path / "b", "ppo", 2, 3, prompts=9)]
    with pytest.raises(ConfigError, match="b was evaluated on other prompts than"):
        compared(runs)


def test_an_unfinished_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe\.yaml"):
        compared([tmp_path])
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(name="half", method="ppo", seed=1))
    (tmp_path / "steps").mkdir()
    with pytest.raises(ConfigError, match=f"holds no finished run; finish it with solon run {tmp_path}"):
        compared([tmp_path])


def test_the_table_and_its_json_say_the_same(tmp_path: Path) -> None:
    runs = [str(run_in(tmp_path / f"ppo{s}", "ppo", s, 8)) for s in (1, 2)]
    table = CliRunner().invoke(app, ["compare", *runs])
    assert table.exit_code == 0
    assert "80% (80–80)" in table.output
    assert "] sd 0" in table.output
    assert "[24, 76]" in table.output  # Wilson, of 5 in 10
    found = json.loads(CliRunner().invoke(app, ["compare", *runs, "--json"]).output)
    lines = found["lines"]
    assert [line["name"] for line in lines] == ["base", "SL-CAI", "ppo"]
    assert lines[2]["declined"]["red_team"]["value"] == 0.8
    (moved,) = found["differences"]
    assert (moved["method"], moved["other"], moved["kind"], moved["seeds"]) == ("ppo", "SL-CAI", "red_team", True)
    assert moved["low"] < moved["value"] < moved["high"]
    assert "ppo than SL-CAI" in table.output


def with_setting(folder: Path, setting: str) -> Path:
    text = (folder / "recipe.yaml").read_text().replace("seed: 1", f"seed: 1, {setting}")
    (folder / "recipe.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "setting", ["policy_pairs: 0", "answers: {max_tokens: 9}", "answers: {temperature: 0.1}", "qualify: {attacks: 9}"]
)
def test_any_setting_but_a_seed_makes_another_way(tmp_path: Path, setting: str) -> None:
    runs = [run_in(tmp_path / "a", "ppo", 1, 9), with_setting(run_in(tmp_path / "b", "ppo", 1, 8), setting)]
    assert [line.seeds for line in compared(runs).lines[2:]] == [1, 1]


def test_a_setting_of_a_method_that_is_not_used_and_the_seeds_make_none(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / "a", "ppo", 1, 9), with_setting(run_in(tmp_path / "b", "ppo", 1, 8), "dpo: {beta: 0.7}")]
    (runs[1] / "recipe.yaml").write_text((runs[1] / "recipe.yaml").read_text() + "seed: 5\n")
    assert [line.seeds for line in compared(runs).lines[2:]] == [2]


def test_a_run_counts_once_by_whatever_name(tmp_path: Path) -> None:
    run, link, copy = run_in(tmp_path / "ppo", "ppo", 1, 8), tmp_path / "link", tmp_path / "copy"
    link.symlink_to(run)
    shutil.copytree(run, copy)
    found = compared([run, run, tmp_path / "ppo" / ".." / "ppo", link, copy])
    assert [line.seeds for line in found.lines] == [1, 1, 1]
    assert found.left_out[0] == f"{run} is the same folder as {run}"
    assert found.left_out[3] == f"{copy} is a copy of the run in {run}"
    said = CliRunner().invoke(app, ["compare", str(run), str(link)])
    assert "it counts once" in said.output


def test_rewards_of_different_models_stand_in_no_column(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / f"ppo{s}", "ppo", s, 8) for s in (1, 2)]
    for run, made in zip(runs, ("one", "two"), strict=True):
        (run / "steps" / "reward_model.json").write_text(json.dumps({"outputs": {"a.safetensors": made}}))
    answers = json.loads((runs[1] / "evaluation" / "answers.json").read_text())
    rescored = {model: [row | {"reward": row["reward"] + 3} for row in rows] for model, rows in answers.items()}
    (runs[1] / "evaluation" / "answers.json").write_text(json.dumps(rescored))
    found = compared(runs)
    assert [(line.reward, line.seeds) for line in found.lines] == [(None, 1), (None, 1), (None, 2)]
    assert len(found.reward_models) == 2
    output = CliRunner().invoke(app, ["compare", *map(str, runs)]).output
    assert "reward is left out: the runs' answers were scored by 2 models" in output


def test_differences_are_of_every_two_ways_and_corrected_together(tmp_path: Path) -> None:
    runs = [
        run_in(tmp_path / f"{way}{s}", way, s, least, prompts=40)
        for way, least in (("ppo", 36), ("dpo", 18))
        for s in (1, 2)
    ]
    found = compared(runs).differences
    assert [(one.method, one.other) for one in found] == [("ppo", "SL-CAI"), ("dpo", "SL-CAI"), ("dpo", "ppo")]
    assert [one.value for one in found] == pytest.approx([0.4, -0.05, -0.45])
    assert [one.p_adjusted for one in found] == holm([one.p for one in found])
    assert found[0].p_adjusted < 0.05 < found[1].p_adjusted


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_single_seeds_have_tangos_interval_and_mcnemars_p() -> None:
    before, after = [[False] * 20], [[True] * 5 + [False] * 15]
    value, low, high, p, seeds = difference_of(after, before)
    assert (value, seeds) == (0.25, False)
    assert (low, high) == pytest.approx(paired_shares(5, 0, 20))
    assert p == pytest.approx(0.0253, abs=1e-4)  # McNemar's score: 5 / sqrt(5) standard errors


def test_the_interval_holds_the_difference_where_seeds_vary() -> None:
    """Two ways that do the same; each training shifts every answer by its own luck."""
    chance, held, blind, runs = random.Random(1), 0, 0, 400
    for _ in range(runs):
        ease = [chance.gauss(0, 1) for _ in range(60)]
        tables = []
        for _ in range(2):
            lucks = [chance.gauss(0, 0.5) for _ in range(3)]
            tables.append([[one + luck + chance.gauss(0, 0.5) > 0 for one in ease] for luck in lucks])
        _, low, high, _, _ = difference_of(*tables)
        held += low <= 0 <= high
        gaps = [
            sum(a) / 3 - sum(b) / 3
            for a, b in zip(zip(*tables[0], strict=True), zip(*tables[1], strict=True), strict=True)
        ]
        low, high = mean_interval(gaps)
        blind += low <= 0 <= high
    assert held / runs >= 0.93
    assert blind / runs < 0.7  # over prompts alone


def test_a_single_seed_varies_as_those_of_the_other_way() -> None:
    many = [[True] * k + [False] * (20 - k) for k in (4, 10, 16)]
    one = [[True] * 10 + [False] * 10]
    _, low, high, _, seeds = difference_of(many, one)
    _, low_fixed, high_fixed, _, _ = difference_of(many, one, fixed=True)
    assert seeds
    assert high - low > high_fixed - low_fixed

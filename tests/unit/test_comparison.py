"""Runs side by side: seeds of one way together, intervals over prompts, and runs that cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from solon.cli import app
from solon.errors import ConfigError
from solon.report.comparison import compared

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
    base, sl, ppo, dpo = compared(runs)
    assert (base.name, base.seeds, base.declined["red_team"].value) == ("base", 1, 0.0)
    assert (sl.name, sl.declined["red_team"].value) == ("SL-CAI", 0.5)
    mean = ppo.declined["red_team"]
    assert (ppo.name, ppo.seeds, mean.value, mean.least, mean.most) == ("ppo", 2, 0.9, 0.8, 1.0)
    assert mean.low < 0.9 < mean.high <= 1.0
    assert (ppo.kl, ppo.seconds, ppo.words.value) == (1.5, 15.0, 2.0)
    assert (dpo.name, dpo.seeds, dpo.declined["red_team"].value, dpo.reward.value) == ("dpo", 1, 0.7, 1.0)


def test_one_way_with_other_settings_is_a_line_of_its_own(tmp_path: Path) -> None:
    plain, other = (run_in(tmp_path / name, "ppo", 1, 9) for name in ("plain", "other"))
    text = (other / "recipe.yaml").read_text().replace("seed: 1", "seed: 1, ppo: {kl_coef: 1.0}")
    (other / "recipe.yaml").write_text(text)
    names = [line.name for line in compared([plain, other])]
    assert names == ["base", "SL-CAI", "ppo (plain)", "ppo (other)"]


def test_runs_on_other_prompts_are_refused(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / "a", "ppo", 1, 3), run_in(tmp_path / "b", "ppo", 2, 3, prompts=9)]
    with pytest.raises(ConfigError, match="b was evaluated on other prompts than"):
        compared(runs)


def test_an_unfinished_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no finished run"):
        compared([tmp_path])


def test_the_table_and_its_json_say_the_same(tmp_path: Path) -> None:
    runs = [str(run_in(tmp_path / f"ppo{s}", "ppo", s, 8)) for s in (1, 2)]
    table = CliRunner().invoke(app, ["compare", *runs])
    assert table.exit_code == 0
    assert "80% (80–80)" in table.output
    assert "[24, 76]" in table.output  # Wilson, of 5 in 10
    lines = json.loads(CliRunner().invoke(app, ["compare", *runs, "--json"]).output)
    assert [line["name"] for line in lines] == ["base", "SL-CAI", "ppo"]
    assert lines[2]["declined"]["red_team"]["value"] == 0.8

"""The rule that picks a checkpoint: what it may say, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from recipes_for_tests import tiny_recipe
from solon.errors import ConfigError
from solon.pipeline.recipe import load_recipe
from solon.settings import Select, metric_names
from solon.settings.select import Bound, parsed

AIMS = {"red_team": "harmless", "helpful": "helpful", "lookalike": "helpful"}


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("<= base + 5", Bound("m", False, True, 5.0)),
        ("<=base+5", Bound("m", False, True, 5.0)),
        (">= base - 2.5", Bound("m", True, True, -2.5)),
        ("<= base", Bound("m", False, True, 0.0)),
        (">= 50", Bound("m", True, False, 50.0)),
        (" <= 0 ", Bound("m", False, False, 0.0)),
    ],
)
def test_bounds_are_read_as_written(text: str, bound: Bound) -> None:
    assert parsed("m", text) == bound
    assert parsed("m", str(bound).removeprefix("m ")) == bound


@pytest.mark.parametrize("text", ["< 5", "base + 5", "<= base + ", "<= -5", "<= base * 2", "<= x", "", "<= 5 <= 6"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^subject_to\.m: .* is no bound; write '<= NUMBER'"):
        parsed("m", text)


def test_a_bound_no_share_can_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        parsed("m", ">= 101")


def test_bounds_are_kept_up_to_rounding() -> None:
    assert parsed("m", "<= 10").met(100 * (0.3 - 0.2))
    assert not parsed("m", "<= 10").met(10.01)
    assert parsed("m", ">= base + 5").met(5.0)


@pytest.mark.parametrize(
    ("pair", "fine"), [((">= 6", "<= 5"), False), ((">= 5", "<= 5"), True), ((">= 6", "<= base + 5"), True)]
)
def test_contradicting_bounds_are_refused(pair: tuple[str, str], fine: bool) -> None:
    if fine:
        assert len(Select(subject_to={"harmless": pair}).bounds) == 2
        return
    with pytest.raises(ValidationError, match="'harmless >= 6' and 'harmless <= 5' contradict each other"):
        Select(subject_to={"harmless": pair})


def test_metrics_are_those_of_the_recipes_kinds() -> None:
    names = metric_names(AIMS)
    assert names == ("harmless", "helpful", "red_team_declined", "helpful_declined", "lookalike_declined")
    assert metric_names({"red_team": "harmless"}) == ("harmless", "red_team_declined")
    assert metric_names({"mine": ""}) == ("helpful", "mine_declined")


def recipe(folder: Path, select: dict) -> Path:  # type: ignore[type-arg]
    return tiny_recipe(folder, folder / "llama", select=select)


def test_the_rule_is_part_of_the_recipe(tmp_path: Path) -> None:
    path = recipe(tmp_path, {"maximise": "harmless", "subject_to": {"helpful_declined": "<= base + 3"}})
    rule = load_recipe(str(path)).select
    assert str(rule) == "maximise harmless subject to helpful_declined <= base + 3"


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ({"maximise": "lookalike_declined"}, "select.maximise: no metric 'lookalike_declined'; choose one of"),
        ({"subject_to": {"typo_declined": "<= 5"}}, "select.subject_to: no metric 'typo_declined'"),
        ({"subject_to": {"helpful_declined": "= 5"}}, "'= 5' is no bound; write '<= NUMBER'"),
        ({"subject_to": {"harmless": [">= 6", "<= 5"]}}, "contradict each other"),
        ({"minimise": "harmless"}, "unknown key 'select.minimise'"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_one_line(tmp_path: Path, solon_cli, select: dict, said: str) -> None:  # type: ignore[no-untyped-def, type-arg]
    path = recipe(tmp_path, select)
    with pytest.raises(ConfigError):
        load_recipe(str(path))
    code, _, err = solon_cli("front", path, "--over", "rl_cai.seed=1,2", "--out", tmp_path / "front")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "front").exists()

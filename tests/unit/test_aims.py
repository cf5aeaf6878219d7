"""Reward models by aim, weighed pairs, and figures by group: by hand, in a run, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import solon.pipeline.steps.reward_model as step
from recipes_for_tests import tiny_recipe
from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, DataError
from solon.pipeline.objective import objective_inputs
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.reward_bar import facts_say
from solon.pipeline.reward_pairs import as_labelled, pairs_of
from solon.pipeline.rewards import base_of
from solon.pipeline.run import run_recipe
from solon.pipeline.training.job import Goal
from solon.pipeline.training.scoring import check_goal
from solon.report import write_report
from solon.settings import GuardSettings, LoraSettings, RewardBar, RewardSettings, RewardTerm
from solon.training.adapters import add_adapter
from solon.training.reward import Pair, Reading, RewardModel, measure, pooled
from solon.training.reward.data import checked
from solon.training.reward.encode import rows_of
from solon.training.reward.losses import pair_losses
from solon.training.reward.train import PairLoss, _Collator
from tasks import asking

BY_AIM = ("rl_cai.reward_model.per=aim", "rl_cai.rewards=[{source: reward_model, aim: harmless}]")
BOTH = "rl_cai.rewards=[{source: reward_model, aim: harmless}, {source: reward_model, aim: helpful, weight: 0.5}]"
HELD = "rl_cai.constraint={cost: declined, at_most: 0.2}"


def model_of(local: LocalModel, name: str = "reward_model", seed: int = 0) -> RewardModel:
    add_adapter(local, name, LoraSettings(rank=2), seed=seed)
    torch.manual_seed(seed)
    return RewardModel(local, name, Reading()).eval()


def pair(n: int, aim: str = "", weight: float = 1.0, prob_a: float = 0.9) -> Pair:
    groups = (("aim", aim), ("source", "ab"[n % 2])) if aim else ()
    return replace(Pair.of(f"q{n}", "no" + "!" * n, "yes", prob_a), weight=weight, groups=groups)


# --- weights -------------------------------------------------------------------------------------


def test_a_pair_counts_by_its_weight(tiny: LocalModel) -> None:
    model = model_of(tiny)
    pairs = [pair(0, weight=2.0), pair(3, weight=6.0, prob_a=0.2)]
    rows = rows_of(tiny, pairs, heads=1, seed=0)
    assert [row["weights"] for row in rows] == [[0.5], [1.5]]  # only ratios matter: of mean 1
    weighed = float(PairLoss(model, 0.0, 0.0)(**_Collator(tiny.pad)(rows))["loss"].detach())
    scores = [model.score(asking(f"q{n}") * 2, ["no" + "!" * n, "yes"]) for n in (0, 3)]
    a, b = torch.tensor(scores).T[..., None]
    first, second = pair_losses(a, b, torch.tensor([0.9, 0.2]))[:, 0].tolist()
    assert weighed == pytest.approx((1 * first + 3 * second) / 4, abs=1e-5)
    plain = rows_of(tiny, [replace(one, weight=1.0) for one in pairs], heads=1, seed=0)
    assert [row["weights"] for row in plain] == [[1.0], [1.0]]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(DataError, match="pair 1: weight is"):
        checked([pair(0, weight=weight)])


def test_a_row_says_its_weight_and_what_it_is_measured_by() -> None:
    row: dict[str, Any] = {
        "id": "p1",
        "prompt": [{"role": "user", "content": "q"}],
        "chosen": [{"role": "assistant", "content": "no"}],
        "rejected": [{"role": "assistant", "content": "yes"}],
        "prob_chosen": 0.9,
    }
    assert as_labelled(row).weight == 1.0  # as in older files
    assert as_labelled(row).groups == ()
    said = as_labelled({**row, "weight": 0.25, "aim": "helpful", "kind": "lookalike", "source": "policy"})
    assert said.weight == 0.25
    assert said.groups == (("aim", "helpful"), ("kind", "lookalike"), ("source", "policy"))
    with pytest.raises(DataError, match="pair p1: weight is 'much'"):
        as_labelled({**row, "weight": "much"})


# --- figures by group ----------------------------------------------------------------------------


def numbers(figure: Any) -> list[float]:
    """The numbers of nested figures, in order."""
    return [n for one in figure.values() for n in numbers(one)] if isinstance(figure, dict) else [figure]


def test_figures_by_group_are_those_of_the_group_alone(tiny: LocalModel) -> None:
    model = model_of(tiny)
    harmless, helpful = ([pair(n, aim) for n in range(4)] for aim in ("harmless", "helpful"))
    found = measure(model, [*harmless, *helpful])
    assert set(found["by"]) == {"aim", "source"}
    alone = measure(model, harmless)
    for name in ("accuracy", "log_loss", "ece", "length", "label_entropy"):
        # A row may be scored in a batch of other shape, which moves the last bits.
        assert numbers(found["by"]["aim"]["harmless"][name]) == pytest.approx(numbers(alone[name]), rel=1e-5)
    assert found["by"]["source"]["a"]["log_loss"]["n"] == 4


def test_models_by_aim_are_pooled_over_their_own_pairs(tiny: LocalModel) -> None:
    first, second = model_of(tiny), model_of(tiny, "reward_model_helpful", seed=5)
    harmless, helpful = ([pair(n, aim) for n in range(4)] for aim in ("harmless", "helpful"))
    found = pooled([(first, harmless), (second, helpful)])
    losses = [measure(model, own)["log_loss"]["value"] for model, own in ((first, harmless), (second, helpful))]
    assert losses[0] != losses[1]
    assert found["log_loss"]["value"] == pytest.approx(np.mean(losses))
    assert found["by"]["aim"]["helpful"]["log_loss"]["value"] == pytest.approx(losses[1])


def test_each_reward_model_is_held_to_the_bar_by_name() -> None:
    facts = {"aims": {aim: {"heldout": {}, "probes": {}} for aim in ("harmless", "helpful")}}
    assert [line.split(":")[0] for line in facts_say(facts, RewardBar())] == ["harmless", "helpful"]
    assert [line.split(":")[0] for line in facts_say(facts, RewardBar(), {"helpful"})] == ["helpful"]


# --- a run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipe(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_recipe(tmp_path_factory.mktemp("aims"), tiny_folder)


def test_a_run_with_a_reward_model_for_each_aim_and_a_constraint(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = recipe.parent / "out"

    def half_helpful(context: Any) -> Callable[[Any], list[Pair]]:
        make = pairs_of(context)

        def made(row: Any) -> list[Pair]:
            aim = "helpful" if row["source"] == "policy" else "harmless"
            return make({**row, "aim": aim})

        return made

    monkeypatch.setattr(step, "pairs_of", half_helpful)
    run_recipe(load_recipe(str(recipe), (BY_AIM[0], BOTH, HELD)), out, Progress(quiet=True))
    for aim in ("harmless", "helpful"):
        assert base_of(str(out / "rl_cai/reward_model" / aim)) is not None  # read back as any other
    facts = json.loads((out / "steps/reward_model.json").read_text())["facts"]
    assert set(facts["aims"]) == {"harmless", "helpful"}
    assert facts["pairs"] == sum(own["pairs"] for own in facts["aims"].values())
    history = json.loads((out / "steps/policy.json").read_text())["facts"]["steps"]
    assert {"reward/reward_model:harmless", "reward/reward_model:helpful", "constraint/multiplier"} <= set(history[0])
    answers = json.loads((out / "evaluation/answers.json").read_text())["base"]
    for row in answers:
        own = "harmless" if row["kind"] == "red_team" else "helpful"
        assert row["reward"] == row["rewards"][own]
    page = write_report(out).read_text()
    assert "Over-refusal" in page
    assert "The constraint’s multiplier" in page
    assert "The constraint was" in page
    goal = Goal(str(out / "rl_cai/reward_model"), (RewardTerm(),), GuardSettings())
    with pytest.raises(Exception, match=r"a reward model for each aim; give one, such as .*harmless"):
        check_goal(goal)


def test_a_term_for_an_aim_that_no_pair_has_is_told_before_anything_is_trained(recipe: Path) -> None:
    asked = load_recipe(str(recipe), (BY_AIM[0], BOTH, "rl_cai.policy_pairs={red_team: null}"))
    with pytest.raises(ConfigError, match=r"rewards.1: no labelled pair is about the aim helpful \(\d+ are about harm"):
        run_recipe(asked, recipe.parent / "unmet", Progress(quiet=True))


# --- identities ----------------------------------------------------------------------------------


def test_what_is_not_used_is_no_part_of_a_key(recipe: Path) -> None:
    assert "per" not in RewardSettings().trained_by()
    assert RewardSettings(per="aim").trained_by()["per"] == "aim"
    assert RewardTerm().model_dump() == {"source": "reward_model", "weight": 1.0, "free": 0}
    assert "constraint" not in load_recipe(str(recipe)).model_dump()["rl_cai"]

    def named(*overrides: str) -> dict[str, Any]:
        return objective_inputs(type("C", (), {"recipe": load_recipe(str(recipe), overrides)})())  # type: ignore[arg-type]

    assert set(named()) == {"rl_cai.rewards"}
    assert named(HELD)["rl_cai.constraint"]["kinds"] == ("helpful",)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((BY_AIM[0],), "rewards.0: reward_model.per is aim, so say which reward model"),
        ((BY_AIM[1],), "rewards.0: aim harmless wants a reward model for each aim"),
        (("rl_cai.rewards=[{source: reward_model, aim: kind}]",), "aim"),
        ((HELD, "rl_cai.method=best_of_n"), "constraint: best_of_n picks once"),
        ((HELD, "rl_cai.method=dpo"), "constraint: dpo learns from labels"),
        ((HELD, "prompts.helpful=null"), "constraint: no kind of prompts has the aim helpful"),
        (("rl_cai.constraint={cost: declined, at_most: 2}",), "at_most 2 is no share"),
    ],
)
def test_recipes_that_cannot_be_meant_are_refused(recipe: Path, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        load_recipe(str(recipe), overrides)
    assert "\n" not in str(error.value)


def test_the_verbs_on_files_refuse_what_only_a_recipe_has(
    solon_cli: Callable[..., tuple[int, str, str]], tiny_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    code, _, said = solon_cli("train", "reward", file, "--model", tiny_folder, "--set", "per=aim")
    assert code == 2
    assert "--set per=aim: one reward model is trained on the file" in said
    term = "source=reward_model,aim=harmless"
    code, _, said = solon_cli("train", "ppo", file, "--model", tiny_folder, "--reward", tiny_folder, "--term", term)
    assert code == 2
    assert "--term: aim harmless" in said

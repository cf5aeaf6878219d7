"""Best of n: the best answers are picked, learnt from, and not sampled again after a stop."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from solon.engines.local.model import LocalModel
from solon.errors import DataError, EngineError, Interrupted
from solon.settings import BestOfNSettings, GuardSettings
from solon.training.adapters import adapter_state
from solon.training.best_of_n import train_best_of_n
from solon.training.guards import Guards
from solon.training.task import Scores
from solon.types import Turns, user
from tasks import end_early, history_of, task_of, vowels

KNOBS = BestOfNSettings.model_validate(
    {"n": 8, "max_tokens": 12, "sft": {"epochs": 4, "learning_rate": 1e-2, "batch_size": 4}}
)
PROMPTS = [f"say {n}" for n in range(24)]


@pytest.fixture
def ending(tiny: LocalModel) -> LocalModel:
    """A model most of whose answers end before their limit: what was cut off is not picked."""
    return end_early(tiny)


def test_the_picks_are_the_best_of_n_and_what_is_learnt_from(ending: LocalModel, tmp_path: Path) -> None:
    rewards: list[float] = []
    ends: list[bool] = []

    def noted(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        scores = vowels(prompts, answers, ended)
        rewards.extend(scores.total)
        ends.extend(ended)
        return scores

    first, *rest = train_best_of_n(task_of(ending, tmp_path, prompts=PROMPTS, reward=noted), KNOBS)
    both = list(zip(rewards, ends, strict=True))
    groups = [both[i : i + 8] for i in range(0, len(both), 8)]
    assert first["answers"] == len(rewards) == 24 * 8
    assert first["reward"] == pytest.approx(sum(rewards) / len(rewards))
    picked = [max(whole) for group in groups if (whole := [r for r, ended in group if ended])]
    assert 0 < first["truncated"] < 1
    assert first["truncated"] == pytest.approx(1 - sum(ends) / len(ends))
    assert first["prompts_left_out"] == 24 - len(picked)
    assert first["reward_picked"] == pytest.approx(sum(picked) / len(picked))
    assert first["reward_picked"] > first["reward"]
    assert rest[-1]["loss"] < rest[0]["loss"]


def test_the_policy_comes_out_better_than_it_went_in(ending: LocalModel, tmp_path: Path) -> None:
    def letters(_: Sequence[str], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        return Scores([sum(c.isascii() and c.isalpha() for c in text) / 12 for text in answers])

    task = task_of(ending, tmp_path, prompts=PROMPTS, reward=letters)
    long = KNOBS.model_copy(update={"sft": KNOBS.sft.model_copy(update={"epochs": 20})})
    (before, *_) = train_best_of_n(task, long)
    (after, *_) = train_best_of_n(replace(task, reference="policy", target="again", seed=5), KNOBS)
    assert after["reward"] > before["reward"] + 0.02


def test_fewer_prompts_are_drawn_by_the_seed(ending: LocalModel, tmp_path: Path) -> None:
    asked: list[str] = []

    def noted(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        asked.extend(prompts)
        return vowels(prompts, answers, ended)

    few = KNOBS.model_copy(update={"prompts": 5})
    task = task_of(ending, tmp_path, prompts=PROMPTS, reward=noted)
    for name, seed in (("first", 0), ("same", 0), ("other", 1)):
        train_best_of_n(replace(task, seed=seed, target=name), few)
    size = 5 * 8
    assert asked[:size] == asked[size : 2 * size]
    assert set(asked[:size]) != set(asked[2 * size :])
    assert len(set(asked[:size])) == 5


def test_answers_sampled_before_a_stop_are_not_sampled_again(tiny_folder: Path, tmp_path: Path) -> None:
    whole = end_early(LocalModel.load(str(tiny_folder)))
    unbroken = train_best_of_n(task_of(whole, tmp_path / "whole", prompts=PROMPTS), KNOBS)
    first = task_of(end_early(LocalModel.load(str(tiny_folder))), tmp_path / "broken", prompts=PROMPTS)
    scored = 0

    def killed(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        os.kill(os.getpid(), signal.SIGTERM)
        return vowels(prompts, answers, ended)

    with pytest.raises(Interrupted, match="step 8"):
        train_best_of_n(replace(first, reward=killed), KNOBS)

    def counted(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        nonlocal scored
        scored += len(answers)
        return vowels(prompts, answers, ended)

    again = task_of(end_early(LocalModel.load(str(tiny_folder))), tmp_path / "broken", prompts=PROMPTS, reward=counted)
    resumed = train_best_of_n(again, KNOBS)
    assert scored == 16 * 8  # of 24 prompts, 8 were done
    assert history_of(resumed) == history_of(unbroken)
    ours, theirs = adapter_state(again.local, "policy"), adapter_state(whole, "policy")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_that_one_look_lets_no_guard_watch_is_said(tiny: LocalModel, tmp_path: Path) -> None:
    watch = Guards(GuardSettings(), lambda _: True, lambda _: True)
    first, *_ = train_best_of_n(task_of(tiny, tmp_path, prompts=PROMPTS, watch=watch), KNOBS)
    assert watch.facts()["unseen"] == "no guard could watch: 1 step, window 4"
    (truncation,) = watch.series["truncation"].points
    assert truncation.n == len(PROMPTS)
    assert first["prompts_left_out"] > 0
    assert truncation.mean == pytest.approx(first["prompts_left_out"] / len(PROMPTS))


def test_what_cannot_be_learnt_from_is_one_line(tiny: LocalModel, tmp_path: Path) -> None:
    task = task_of(tiny, tmp_path, prompts=PROMPTS, reward=lambda _, answers, *__: Scores([math.inf] * len(answers)))
    with pytest.raises(EngineError, match="a reward is not finite for the prompt 'say"):
        train_best_of_n(task, KNOBS)
    with pytest.raises(DataError, match="no prompts"):
        train_best_of_n(replace(task, prompts=[]), KNOBS)


def test_what_was_cut_off_is_never_picked_and_a_prompt_with_nothing_else_is_left_out(
    ending: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from solon.training import best_of_n
    from solon.training.rollouts import Rollout

    def rolled(decoder: object, jobs: Sequence[tuple[int, Turns]], *_: object) -> list[Rollout]:
        # To "a" one of four answers ends, to "b" none does; the reward likes what was cut off.
        return [
            Rollout(p, [5], [7 + n % 4, 9], f"{p[-1].content}{n % 4}", (p[-1].content, n % 4) == ("a", 2))
            for n, p in jobs
        ]

    monkeypatch.setattr(best_of_n, "roll_out", rolled)

    def reward(_: Sequence[str], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        return Scores([1.0 if whole else 5.0 for whole in ended])

    learnt: list[dict[str, object]] = []
    monkeypatch.setattr(best_of_n, "train_sft", lambda *a, **_: learnt.extend(a[2]) or [])
    knobs = KNOBS.model_copy(update={"n": 4})
    task = task_of(ending, tmp_path, prompts=["a", "b"], reward=reward)
    (first,) = train_best_of_n(task, knobs)
    assert first == {
        "step": 0, "answers": 8, "reward": pytest.approx((1 + 7 * 5) / 8), "reward_picked": 1.0,
        "truncated": 7 / 8, "prompts_left_out": 1,
    }  # fmt: skip
    assert [row["completion"] for row in learnt] == [[{"role": "assistant", "content": "a2"}]]
    with pytest.raises(DataError, match="max_tokens 12 cut off every answer to all 1 prompts; raise it"):
        train_best_of_n(replace(task, prompts=[(user("b"),)], target="other"), knobs)

"""GRPO and RLOO on the tiny Llama: do our rewards, our answers and our reference reach TRL as they are?"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from solon.engines.local.decode import LocalDecoder, Scored
from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, DataError, EngineError, Interrupted
from solon.settings import GrpoSettings, RewardTerm
from solon.training.adapters import adapter_state
from solon.training.checkpoints import Checkpoints
from solon.training.grpo import rolling, train_grpo, train_rloo, trainers
from solon.training.rewards.composite import Composite
from solon.training.rewards.terms import LengthTerm, Term
from solon.training.rollouts import Rollout, roll_out
from solon.training.task import History, Scores, Seen, Task
from solon.types import Turns
from tasks import Unwatched, history_of, task_of

Train = Callable[[Task, GrpoSettings], History]
BOTH = pytest.mark.parametrize("train", [train_grpo, train_rloo])


def settings(**knobs: Any) -> GrpoSettings:
    small = {"steps": 3, "batch_size": 8, "group": 4, "max_tokens": 8, "learning_rate": 1e-2, "kl_coef": 0.0}
    small["mask_truncated_completions"] = False  # the random model hardly ever ends an answer
    return GrpoSettings.model_validate({**small, **knobs})


def plain(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()) -> Scores:
    """ASCII characters per token allowed: half of them, for a random model over bytes."""
    return Scores([sum(c.isascii() for c in text) / 8 for text in answers])


class Watching(Unwatched):
    """Remembers what it saw; finds `best` the best step and stops at `last`."""

    def __init__(self, best: int | None = None, last: int | None = None) -> None:
        self._best, self._last = best, last
        self.seen: list[Seen] = []

    @property
    def best(self) -> int | None:
        return self._best

    @property
    def stop(self) -> str | None:
        return "enough" if self.seen and self.seen[-1].step == self._last else None

    def see(self, seen: Seen) -> dict[str, float]:
        self.seen.append(seen)
        return {"seen": float(len(self.seen))}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[Rollout]]:
    """The rollouts of every step, as they are made."""
    steps: list[list[Rollout]] = []

    def recorded(*args: Any) -> list[Rollout]:
        steps.append(roll_out(*args))
        return steps[-1]

    monkeypatch.setattr(rolling, "roll_out", recorded)
    return steps


def advantages_of(monkeypatch: pytest.MonkeyPatch, trainer: type[Any]) -> list[dict[str, Any]]:
    """What TRL makes of every batch."""
    made: list[dict[str, Any]] = []
    real = trainer._generate_and_score_completions

    def recorded(self: Any, inputs: Any) -> Any:
        made.append(real(self, inputs))
        return made[-1]

    monkeypatch.setattr(trainer, "_generate_and_score_completions", recorded)
    return made


# --- learning ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_reward_that_can_be_raised_is_raised(tiny_folder: Path, tmp_path: Path, train: Train, seed: int) -> None:
    task = task_of(LocalModel.load(str(tiny_folder)), tmp_path, seed=seed, reward=plain)
    history = train(task, settings(steps=14, batch_size=32, group=8))
    before = sum(row["reward"] for row in history[:3]) / 3
    after = sum(row["reward"] for row in history[-3:]) / 3
    assert after > before + 0.1
    assert history[0]["kl"] == pytest.approx(0.0, abs=1e-4)  # the policy starts as the reference
    assert history[-1]["kl"] > 1


@BOTH
def test_a_large_kl_coef_keeps_the_policy_at_the_reference(tiny_folder: Path, tmp_path: Path, train: Train) -> None:
    kls = []
    for coef in (0.0, 5.0):
        task = task_of(LocalModel.load(str(tiny_folder)), tmp_path / str(coef), reward=plain)
        history = train(task, settings(steps=10, batch_size=32, group=8, kl_coef=coef))
        kls.append(sum(row["kl"] for row in history[-3:]) / 3)
    free, tied = kls
    assert abs(tied) < 0.4 * free


@BOTH
def test_the_reference_is_read_and_never_moved_and_no_trace_of_trl_stays(
    tiny: LocalModel, tmp_path: Path, train: Train
) -> None:
    task = task_of(tiny, tmp_path, reward=plain)
    before = adapter_state(tiny, "sl_cai")
    forward = tiny.base.forward
    train(task, settings())
    after, policy = adapter_state(tiny, "sl_cai"), adapter_state(tiny, "policy")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(not torch.equal(before[name], policy[name]) for name in before)
    assert tiny.adapters == ("sl_cai", "policy")
    assert tiny.base.forward == forward
    assert not tiny.model.training


@BOTH
def test_what_was_cut_off_is_not_learnt_from_unless_asked_for(
    tiny_folder: Path, tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(decoder: LocalDecoder, *args: Any) -> list[Rollout]:
        ends = decoder.local.eos
        made = roll_out(decoder, *args)
        return [replace(r, ids=[65 if i in ends else i for i in r.ids], stopped=False) for r in made]

    monkeypatch.setattr(rolling, "roll_out", cut_off)
    assert GrpoSettings().mask_truncated_completions
    for masked in (True, False):
        local = LocalModel.load(str(tiny_folder))
        told: list[bool] = []

        def reward(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool], told: Any = told) -> Scores:
            told.extend(ended)
            return plain(prompts, answers, ended)

        task = task_of(local, tmp_path / str(masked), reward=reward)
        before = adapter_state(local, "sl_cai")
        history = train(task, settings(mask_truncated_completions=masked))
        assert [row["truncated"] for row in history] == [1.0] * 3
        assert told == [False] * 24
        after = adapter_state(local, "policy")
        assert any(not torch.equal(before[name], after[name]) for name in before) == (not masked)
        assert all(math.isnan(row["kl"]) == masked for row in history)


def test_without_a_reference_the_base_is_it(tiny: LocalModel, tmp_path: Path) -> None:
    task = task_of(tiny, tmp_path, reward=plain, reference=None)
    history = train_grpo(task, settings())
    assert history[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert history[-1]["kl"] > 0


# --- the numbers ---------------------------------------------------------------------------------


def test_grpos_advantages_are_our_rewards_within_their_group(
    tiny: LocalModel, tmp_path: Path, written: list[list[Rollout]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = advantages_of(monkeypatch, trainers.GroupTrainer)
    train_grpo(task_of(tiny, tmp_path, reward=plain), settings(max_tokens=12, steps=2))
    for rollouts, batch in zip(written, made, strict=True):
        assert [r.prompt for r in rollouts[:4]] == [rollouts[0].prompt] * 4
        assert [r.prompt for r in rollouts[4:]] == [rollouts[4].prompt] * 4
        rewards = plain([], [r.text for r in rollouts]).total
        expected = []
        for group in (rewards[:4], rewards[4:]):
            expected += [(r - statistics.mean(group)) / (statistics.stdev(group) + 1e-4) for r in group]
        assert batch["advantages"].tolist() == pytest.approx(expected, abs=1e-3)
        assert any(expected)


def test_rloos_advantages_are_rewards_less_kl_less_those_of_the_others(
    tiny: LocalModel, tmp_path: Path, written: list[list[Rollout]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = advantages_of(monkeypatch, trainers.LeaveOneOutTrainer)
    watch = Watching(best=3, last=3)
    task = task_of(tiny, tmp_path, reward=plain, watch=watch)
    train_rloo(task, settings(kl_coef=0.3))
    rewards = [
        reward - 0.3 * kl
        for reward, kl in zip(plain([], watch.seen[-1].answers).total, log_ratios(tiny, written[-1]), strict=True)
    ]
    expected = []
    for group in (rewards[:4], rewards[4:]):
        expected += [r - (sum(group) - r) / 3 for r in group]
    assert made[-1]["advantages"].tolist() == pytest.approx(expected, abs=2e-3)


def log_ratios(local: LocalModel, rollouts: Sequence[Rollout]) -> list[float]:
    """log π - log π_ref of each answer, in nats, for the policy as it is."""
    asked = [Scored(r.prompt_ids, [r.ids]) for r in rollouts]
    policy, reference = (LocalDecoder(local, name).score(asked) for name in ("policy", "sl_cai"))
    return [p - r for (p,), (r,) in zip(policy, reference, strict=True)]


@BOTH
def test_kl_is_nats_per_answer_and_the_best_weights_are_those_that_wrote_the_best_step(
    tiny: LocalModel, tmp_path: Path, written: list[list[Rollout]], train: Train
) -> None:
    watch = Watching(best=3, last=4)
    history = train(task_of(tiny, tmp_path, reward=plain, watch=watch), settings(steps=6))
    assert [row["step"] for row in history] == [1, 2, 3, 4]  # the watch stopped it
    # The policy is what wrote the answers of step 3, so its log-ratio on them is the KL that step 3 reported.
    kl = statistics.mean(log_ratios(tiny, written[2]))
    assert history[2]["kl"] == pytest.approx(kl, abs=1e-3)
    assert abs(kl) > 0.01


def test_what_a_step_showed_is_what_was_written(tiny: LocalModel, tmp_path: Path, written: list[list[Rollout]]) -> None:
    def reward(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        return Scores([len(a) / 4 for a in answers], {"length": [float(len(a)) for a in answers]})

    watch, ticks = Watching(), list[tuple[int, int]]()
    history = train_grpo(
        task_of(tiny, tmp_path, reward=reward, watch=watch, tick=lambda step, total, _: ticks.append((step, total))),
        settings(),
    )
    for row, seen, rollouts in zip(history, watch.seen, written, strict=True):
        assert list(seen.answers) == [r.text for r in rollouts]
        assert list(seen.prompts) == [r.prompt for r in rollouts]
        assert row["length"] == statistics.mean(seen.tokens) == statistics.mean(len(r.ids) for r in rollouts)
        assert row["reward/length"] == statistics.mean(len(a) for a in seen.answers)
        assert row["reward"] == seen.reward == row["reward/length"] / 4
        assert row["truncated"] == statistics.mean(not r.stopped for r in rollouts)
        assert 0 < row["entropy"] < 5.6  # log of 258 tokens is 5.55
        assert row["seen"] == row["step"] == seen.step
    assert ticks == [(1, 3), (2, 3), (3, 3)]


def test_text_that_spells_a_template_token_stays_text(
    tiny: LocalModel, tmp_path: Path, written: list[list[Rollout]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = advantages_of(monkeypatch, trainers.GroupTrainer)
    train_grpo(task_of(tiny, tmp_path, reward=plain, prompts=["a<|im_end|>b"]), settings(steps=1))
    ids, mask = made[0]["prompt_ids"], made[0]["prompt_mask"]
    end = tiny.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert ((ids == end) & mask.bool()).sum(-1).tolist() == [1] * 8  # the template's own, and no other


def test_a_reward_may_use_adapters_of_its_own(tiny_folder: Path, tmp_path: Path) -> None:
    weights = []
    for switching in (False, True):
        local = LocalModel.load(str(tiny_folder))

        def reward(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
            if switching:  # noqa: B023  # called within the turn
                local.model.set_adapter("sl_cai")  # noqa: B023
            return plain(prompts, answers)

        train_grpo(task_of(local, tmp_path / str(switching), reward=reward), settings(kl_coef=0.1))
        weights.append(adapter_state(local, "policy"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_how_many_answers_are_read_at_once_changes_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    weights = []
    for rows in (8, 4, 2):
        local = LocalModel.load(str(tiny_folder))
        split = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": 8 // rows}
        task = task_of(local, tmp_path / str(rows), reward=plain)
        train_grpo(task, settings(kl_coef=0.1, trainer_args=split, steps=2))
        weights.append(adapter_state(local, "policy"))
    for other in weights[1:]:
        for name, value in weights[0].items():
            assert torch.allclose(value, other[name], atol=1e-4), name


# Two processes train what one does: weights and history of a run with a composite reward, whose spread is of all.
WORKER = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from safetensors.torch import save_file
from test_grpo import shared
from solon.training.processes import rank
weights, history = shared(Path(sys.argv[1]), Path(sys.argv[2]))
if rank() == 0:
    save_file(weights, Path(sys.argv[2]) / "weights.safetensors")
    (Path(sys.argv[2]) / "history.json").write_text(json.dumps(history))
"""


def shared(folder: Path, root: Path) -> tuple[dict[str, torch.Tensor], History]:
    local = LocalModel.load(str(folder))
    terms: list[tuple[RewardTerm, Term]] = [
        (RewardTerm(), lambda prompts, answers, *_: {"plain": plain(prompts, answers).total}),
        (RewardTerm(source="length", weight=-0.1), LengthTerm(local.encode_text)),
    ]
    history = train_grpo(task_of(local, root, reward=Composite(terms)), settings(kl_coef=0.1, steps=2))
    return adapter_state(local, "policy"), history


def test_two_processes_train_as_one(tiny_folder: Path, tmp_path: Path) -> None:
    expected, history = shared(tiny_folder, tmp_path / "one")
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", str(worker)]
    here = Path(__file__).parent
    paths = [str(path) for path in (tiny_folder, tmp_path, here, here.parent)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([*launch, *paths], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for row, other in zip(history, json.loads((tmp_path / "history.json").read_text()), strict=True):
        assert other == pytest.approx(row, abs=1e-3)
    found = load_file(tmp_path / "weights.safetensors")
    for name, value in expected.items():
        assert torch.allclose(value, found[name], atol=2e-4), name


# --- stopping and going on -----------------------------------------------------------------------


@BOTH
def test_a_resumed_training_equals_the_unbroken_one(tiny_folder: Path, tmp_path: Path, train: Train) -> None:
    knobs = settings(steps=4, kl_coef=0.1)
    whole = LocalModel.load(str(tiny_folder))
    unbroken = train(task_of(whole, tmp_path / "whole", reward=plain, watch=Watching(best=2, last=4)), knobs)

    checkpoints = Checkpoints(tmp_path / "broken", "key", minutes=60)

    def interrupt(step: int, *_: Any) -> None:
        checkpoints.stopping = checkpoints.stopping or step == 2

    def task(tick: Callable[..., None]) -> tuple[LocalModel, Task]:
        local = LocalModel.load(str(tiny_folder))
        watch = Watching(best=2, last=4)
        return local, task_of(local, tmp_path, reward=plain, watch=watch, checkpoints=checkpoints, tick=tick)

    with pytest.raises(Interrupted):
        train(task(interrupt)[1], knobs)
    checkpoints.stopping = False
    local, again = task(lambda *_: None)
    resumed = train(again, knobs)
    without = [{k: v for k, v in row.items() if k != "seen"} for row in resumed]
    assert history_of(without) == history_of([{k: v for k, v in row.items() if k != "seen"} for row in unbroken])
    expected, found = adapter_state(whole, "policy"), adapter_state(local, "policy")
    assert all(torch.equal(expected[name], found[name]) for name in expected)  # the best weights, found again


def test_a_reward_that_is_not_finite_stops_with_the_last_good_policy(tiny_folder: Path, tmp_path: Path) -> None:
    def broken(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> Scores:
        calls.append(1)
        total = plain(prompts, answers).total
        return Scores([*total[:-1], float("nan")] if len(calls) == 3 else total)

    calls: list[int] = []
    local, good = LocalModel.load(str(tiny_folder)), LocalModel.load(str(tiny_folder))
    task = task_of(local, tmp_path / "a", reward=broken)
    with pytest.raises(EngineError, match=r"grpo: the reward of step 3 is not finite.*last good policy is kept"):
        train_grpo(task, settings())
    train_grpo(task_of(good, tmp_path / "b", reward=plain), settings(steps=2))
    kept, expected = adapter_state(local, "policy"), adapter_state(good, "policy")
    assert all(torch.equal(kept[name], expected[name]) for name in kept)
    assert local.adapters == ("sl_cai", "policy")


def test_a_gradient_that_is_not_finite_teaches_nothing(tiny: LocalModel, tmp_path: Path) -> None:
    task = task_of(tiny, tmp_path, reward=lambda _, a, *__: Scores([3e38 * (i % 2) for i in range(len(a))]))
    with pytest.raises(EngineError, match="rloo: the gradient of step 1 is not finite; lower learning_rate"):
        train_rloo(task, settings(kl_coef=1.0))
    before, after = adapter_state(tiny, "sl_cai"), adapter_state(tiny, "policy")
    assert all(torch.equal(before[name], after[name]) for name in before)


# --- what a user may get wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"batch_size": 10}, "batch_size 10 is no multiple of group 4.*set batch_size to 8"),
        ({"batch_size": 2}, "set batch_size to 4"),
        ({"trainer_args": {"loss_typ": "dapo"}}, "loss_typ.*did you mean 'loss_type'"),
        ({"trainer_args": {"top_p": 0.9}}, "top_p"),
        ({"trainer_args": {"beta": 0.9}}, "beta"),
        ({"trainer_args": {"gradient_accumulation_steps": 3}}, "size 4 x .*steps 3 x 1 process.* is not batch_size 8"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    tiny: LocalModel, tmp_path: Path, knobs: dict[str, Any], message: str
) -> None:
    task = task_of(tiny, tmp_path)
    with pytest.raises(ConfigError, match=message) as error:
        train_grpo(task, settings(**knobs))
    assert "\n" not in str(error.value)
    assert tiny.adapters == ("sl_cai",)  # told before anything was made


def test_trainer_args_reach_trl(tiny: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = advantages_of(monkeypatch, trainers.GroupTrainer)
    task = task_of(tiny, tmp_path, reward=plain)
    train_grpo(task, settings(max_tokens=12, steps=1, trainer_args={"scale_rewards": "none"}))
    assert float(made[0]["advantages"].abs().max()) < 1  # not divided by the group's spread


def test_no_prompts_are_an_error(tiny: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rloo: no prompts"):
        train_rloo(task_of(tiny, tmp_path, prompts=[]), settings())

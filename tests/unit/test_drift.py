"""From before the drift: when it began, which weights are held and put back, and what is repaired."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import random
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from solon.engines.local.model import LocalModel
from solon.errors import Interrupted
from solon.pipeline.recipe import RlCai
from solon.repeats import copied, most_repeated, normalised, shared
from solon.settings import GuardSettings, LoraSettings, PpoSettings, no_repair
from solon.training.adapters import adapter_state, add_adapter
from solon.training.guards import Guards
from solon.training.guards.alarm import KINDS
from solon.training.guards.held import COPIES, held
from solon.training.guards.onset import before_drift
from solon.training.guards.series import Point
from solon.training.keeping import Kept
from solon.training.ppo import train_ppo
from solon.training.task import History, Seen
from tasks import history_of, task_of


def watching(**settings: Any) -> Guards:
    """Guards of whom only those with a bound are on."""
    return Guards(
        GuardSettings(**{**dict.fromkeys(KINDS), **settings}),
        lambda answer: answer.startswith("No."),
        lambda _: True,
        demonstrations=["I will not  help you steal, but I can help you ask."],
    )


def show(
    watch: Guards, step: int, answers: list[str], tokens: list[int] | None = None, cut: int = 0, **numbers: float
) -> None:
    """A step to `watch`; the last `cut` answers met the limit."""
    n = len(answers)
    counts = [len(answer.split()) for answer in answers] if tokens is None else tokens
    ended = [i < n - cut for i in range(n)]
    known = {"reward": 0.0, "kl": 1.0, "entropy": 2.0, **numbers}
    watch.see(Seen(step, [f"p{i}" for i in range(n)], answers, counts, ended=ended, **known))


def text(rng: random.Random, words: int = 8) -> str:
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(words))


# --- texts that recur -------------------------------------------------------------------------------------


def test_texts_are_compared_without_case_and_white_space() -> None:
    assert normalised("  I  Can\u2019t\nhelp ") == "i can\u2019t help"
    assert normalised("\uff29 can") == "i can"  # a full-width letter
    assert copied(["a  B", "ab", ""], ["A b\n", ""]) == [True, False, False]
    found = most_repeated(["x", "Yes. ", "yes.", "y"])
    assert (found.text, found.count, found.n, found.share) == ("Yes. ", 2, 4, 0.5)
    assert most_repeated([]).share == 0


def test_the_same_answer_to_the_same_prompt_is_no_repeat() -> None:
    assert shared(["Paris.", "Paris.", "No.", "no."], ["capital?", "capital?", "a", "b"]) == [False, False, True, True]


# --- the change point -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "last_before"),
    [
        ([5.0] * 12 + [9.0] * 3, 12),  # a jump
        ([5.0] * 12 + [5.0 + 0.5 * n for n in range(1, 9)], 12),  # a ramp
        ([5.0] * 12 + [5.0 + 0.1 * n**2 for n in range(1, 9)], 12),  # one that steepens
        ([5.0 + n for n in range(10)], 1),  # all along
    ],
)
def test_a_drift_without_noise_is_dated_to_the_step(values: list[float], last_before: int) -> None:
    points = [Point(step, 32, value, 0.0) for step, value in enumerate(values, 1)]
    assert before_drift(points, 1) == last_before
    assert before_drift([point._replace(mean=-point.mean) for point in points], -1) == last_before


def test_what_does_not_drift_has_no_date() -> None:
    assert before_drift([Point(step, 8, 10.0 - step, 0.0) for step in range(1, 9)], 1) is None
    assert before_drift([Point(1, 8, 1.0, 0.0)], 1) is None


def test_a_number_that_moves_all_along_is_dated_where_it_quickens() -> None:
    values = [0.3 * t + max(0, t - 30) * 2.0 for t in range(1, 46)]
    points = [Point(step, 32, value, 0.0) for step, value in enumerate(values, 1)]
    assert before_drift(points, 1, trend=True) == 30


# --- which weights are held -------------------------------------------------------------------------------


def test_held_steps_are_few_and_never_far_from_any_drift() -> None:
    steps: list[int] = []
    for now in range(1, 1001):
        before, steps = steps, held([*steps, now], now)
        assert set(steps) <= {*before, now}
        assert len(steps) <= COPIES
        assert steps[0] == 1
        assert steps[-1] == now
        if now <= COPIES:
            assert steps == list(range(1, now + 1))
        for older, newer in itertools.pairwise(steps):
            assert newer - 1 - older <= 0.35 * (now - older)


def test_kept_weights_are_put_back_and_later_ones_forgotten(tiny: LocalModel) -> None:
    add_adapter(tiny, "policy", LoraSettings(rank=2), 0)
    kept = Kept(tiny, "policy")
    parameter = next(p for name, p in tiny.model.named_parameters() if ".policy." in name)
    for step in range(1, 6):
        kept.take(step)
        with torch.no_grad():
            parameter.add_(1.0)
    expected = {name: tensor.clone() for name, tensor in kept.copies[3].items()}
    again = Kept(tiny, "policy")
    again.restore({name: tensor.clone() for name, tensor in kept.tensors().items()}, until=4)
    assert list(again.copies) == [1, 2, 3, 4]
    again.put_back(3)
    assert list(again.copies) == [1, 2, 3]
    now = adapter_state(tiny, "policy")
    assert all(torch.equal(now[name], expected[name]) for name in expected)


# --- the guards' own dates --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_kept_step_is_from_before_refusals_began_to_creep(seed: int) -> None:
    """64 answers a step decline 5% until step 20, then two points more with every step; the reward loves it."""
    rng, watch = random.Random(seed), watching(refusal=0.3)
    for step in range(1, 60):
        declining = 0.05 + 0.02 * max(0, step - 20)
        answers = [("No. " if rng.random() < declining else "") + text(rng) for _ in range(64)]
        show(watch, step, answers, reward=float(step))
        if watch.stop:
            break
    assert watch.stop is not None
    assert watch.best is not None
    assert 10 <= watch.best <= 22


def test_the_kept_step_is_from_before_a_phrase_began_to_spread() -> None:
    rng, watch = random.Random(1), watching(boilerplate=0.5)
    for step in range(1, 60):
        share = min(1.0, max(0.0, (step - 20) / 12))
        said = "it is important to remember that"
        show(watch, step, [f"{said} {text(rng, 3)}" if rng.random() < share else text(rng) for _ in range(64)])
        if watch.stop:
            break
    assert watch.best is not None
    assert 17 <= watch.best <= 21


def test_gold_that_is_surely_higher_later_overrules_the_date() -> None:
    """Answers grow from step 5 on; the gold reward likes them up to step 15, then no more."""
    rng, step = random.Random(0), 0

    def gold(_: Any, answers: Any, ended: Any) -> list[float]:
        return [min(step, 15) - max(0, step - 15) + rng.gauss(0, 0.5) for _ in answers]

    def best(judge: Any) -> int:
        nonlocal step
        settings = GuardSettings(**{**dict.fromkeys(KINDS), "length": 2.5})
        watch = Guards(settings, lambda _: False, lambda _: True, judge)
        for step in range(1, 40):
            show(watch, step, [text(rng) for _ in range(64)], [20 + 2 * max(0, step - 5)] * 64)
            if watch.stop:
                break
        assert watch.best is not None
        return watch.best

    assert best(None) <= 6
    assert 13 <= best(gold) <= 17


def test_the_kl_is_dated_where_it_quickens_and_else_held_to_its_bound() -> None:
    steady, quick = watching(kl=20.0), watching(kl=20.0)
    for step in range(1, 60):
        for watch, kl in ((steady, 0.5 * step), (quick, 0.2 * step + 2.0 * max(0, step - 25))):
            if not watch.stop:
                show(watch, step, ["fine"], kl=kl)
    assert steady.best == 40  # 0.5 * 40 is the bound
    assert quick.best is not None
    assert 24 <= quick.best <= 25


# --- new and mended rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [20, 50, 60, 90, 110, 125])
def test_answers_that_all_come_to_be_cut_off_ring_from_any_start(start: int) -> None:
    """64 answers, first about `start` tokens long and none cut; from step 11 on all are cut off at 128."""
    rng = random.Random(start)
    for bounds in ({"length": 2.5}, {"truncation": 0.3}):
        watch = watching(**bounds)
        for step in range(1, 25):
            tokens = [max(1, min(127, round(rng.gauss(start, start / 10)))) for _ in range(64)]
            hacked = step > 10
            show(watch, step, [text(rng) for _ in range(64)], [128] * 64 if hacked else tokens, cut=64 * hacked)
        if start < 125 or "truncation" in bounds:  # 125 to 128 tokens is too little to be told from noise
            assert [alarm.kind for alarm in watch.alarms] == list(bounds)
            assert watch.best == 10


def test_cut_offs_are_guessed_where_nobody_says_which_they_are() -> None:
    watch = watching(truncation=0.3)
    for step in range(1, 20):
        tokens = [60 + (i % 5) if step <= 8 else 128 for i in range(64)]
        watch.see(Seen(step, [f"p{i}" for i in range(64)], ["fine"] * 64, tokens, 0.0, 1.0, 2.0))
    assert [alarm.kind for alarm in watch.alarms] == ["truncation"]
    assert watch.series["truncation"].points[0].mean == 0


@pytest.mark.parametrize("kind", ["duplicates", "copies"])
def test_answers_that_recur_and_answers_that_are_demonstrations_ring(kind: str) -> None:
    rng, watch = random.Random(0), watching(**{kind: 0.2})
    copy = "i will not help you steal, BUT I can help you ask."
    said = {"duplicates": "Let us talk of something else.", "copies": copy}
    for step in range(1, 30):
        share = 0.1 if step <= 15 else 0.6
        show(watch, step, [said[kind] if rng.random() < share else text(rng) for _ in range(64)])
    (alarm,) = watch.alarms
    assert alarm.kind == kind
    assert watch.best is not None
    assert 13 <= watch.best <= 15


def test_a_policy_that_was_so_from_the_start_does_not_ring() -> None:
    rng, watch = random.Random(0), watching(repetition=0.3, refusal=0.3, duplicates=0.3, copies=0.1, truncation=0.3)
    for step in range(1, 40):
        answers = ["No. No. No. No. No. No. No."] * 40 + ["I will not help you steal, but I can help you ask."] * 24
        rng.shuffle(answers)
        show(watch, step, answers, cut=50)
    assert watch.alarms == []


def test_entropy_near_zero_does_not_ring_by_chance() -> None:
    """All of it in rare surprises: a step's mean is as often near nothing as twice what it was."""
    for seed in range(20):
        rng, watch = random.Random(seed), watching(entropy=0.2)
        for step in range(1, 101):
            nats = sum(rng.expovariate(0.2) for _ in range(300) if rng.random() < 0.005) / 300
            show(watch, step, ["fine"] * 4, entropy=nats)
        assert watch.alarms == []


def test_few_steps_are_said_to_be_unwatched() -> None:
    few = Guards(GuardSettings(), lambda _: False, lambda _: True)
    for step in range(1, 4):
        show(few, step, ["fine"] * 4)
    assert few.facts()["unseen"] == "no guard could watch: 3 steps, window 4"
    show(few, 4, ["fine"] * 4)
    assert few.facts()["unseen"] is None
    off = watching()
    assert off.facts()["unseen"] is None


# --- repair -----------------------------------------------------------------------------------------------


def test_repairs_forget_the_drift_and_end_after_three() -> None:
    rng, watch = random.Random(2), watching(refusal=0.3, on_alarm="repair")
    clean = 0
    for step in range(1, 200):
        declining = 0.05 if clean < 12 else 0.8
        clean += 1
        show(watch, step, [("No. " if rng.random() < declining else "") + text(rng) for _ in range(64)])
        if watch.repair:
            assert watch.stop is None
            watch.repaired(0.1 * 2 ** (len(watch.repairs) + 1))
            again = Guards(watch.settings, watch.declines, watch.harmless)
            again.restore(json.loads(json.dumps(watch.state())))
            assert again.facts()["repairs"] == watch.facts()["repairs"]
            assert (again.repair, again.best) == (False, watch.best)
            assert all(point.step <= watch.repairs[-1].to for point in watch.series["refusal"].points)
            clean = 0
        if watch.stop:
            break
    assert len(watch.repairs) == 3
    assert [alarm.kind for alarm in watch.alarms] == ["refusal"] * 4
    assert watch.stop == watch.alarms[3].text
    assert [repair.kl_coef for repair in watch.repairs] == [0.2, 0.4, 0.8]
    with pytest.raises(ValueError, match="no guard asked"):
        watch.repaired(1.0)


KNOBS = {"batch_size": 16, "minibatch_size": 8, "learning_rate": 3e-3, "max_tokens": 8, "kl_coef": 0.01, "steps": 10}


def mended(tiny_folder: Path, root: Path, stops: int | None = None) -> tuple[History, Guards, LocalModel]:
    """PPO whose guard takes a nat of KL for a hack; stopped after step `stops`, if told to."""
    local = LocalModel.load(str(tiny_folder))
    watch = watching(kl=1.0, on_alarm="repair", window=2)

    def tick(step: int, *_: object) -> None:
        if step == stops:
            os.kill(os.getpid(), signal.SIGTERM)

    return train_ppo(task_of(local, root, watch=watch, tick=tick), PpoSettings(**KNOBS)), watch, local


def test_ppo_is_repaired_and_a_resumed_run_equals_an_unbroken_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, watch, local = mended(tiny_folder, tmp_path / "whole")
    assert watch.repairs
    assert watch.repairs[0].step < 9
    first = watch.repairs[0]
    row = whole[first.step - 1]
    assert row["repaired_to"] == first.to < first.step
    assert "policy_loss" not in row  # nothing was learnt from the answers that rang
    assert (row["kl_coef"], first.kl_coef) == (0.01, 0.02)
    assert whole[first.step]["kl_coef"] == 0.02
    for stop in (first.step, first.step + 1):
        with pytest.raises(Interrupted):
            mended(tiny_folder, tmp_path / f"broken{stop}", stop)
        again, other, resumed = mended(tiny_folder, tmp_path / f"broken{stop}")
        assert history_of(again) == history_of(whole)
        assert other.facts() == watch.facts()
        ours, theirs = adapter_state(resumed, "policy"), adapter_state(local, "policy")
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("method", ["grpo", "rloo", "dpo", "kto", "best_of_n"])
def test_what_cannot_be_repaired_is_refused_by_the_recipe(method: str) -> None:
    with pytest.raises(ValueError, match=f"which only ppo can: {method} may stop or warn"):
        RlCai.model_validate({"method": method, "guards": {"on_alarm": "repair"}})
    with pytest.raises(ValueError, match="doubles kl_coef, which is 0"):
        RlCai.model_validate({"ppo": {"kl_coef": 0}, "guards": {"on_alarm": "repair"}})
    assert no_repair(GuardSettings(on_alarm="repair"), "ppo", PpoSettings()) is None


# --- how often for nothing, how surely for something ------------------------------------------------------


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "guards.py"
    spec = importlib.util.spec_from_file_location("simulated_guards", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_honest_trainings_do_not_ring(simulation: ModuleType) -> None:
    rung, which = simulation.false_alarms(16, 200, 50)
    assert rung <= 2, which


@pytest.mark.parametrize("name", ["length", "truncation", "refusal", "repetition", "duplicates", "boilerplate", "kl"])
def test_hacked_trainings_ring_and_go_back_to_before_the_drift(name: str, simulation: ModuleType) -> None:
    found = simulation.catches(name, 2.0, 16, 8)
    assert found.rate >= 7 / 8
    assert found.clean >= 0.75

"""The guards: what rings, when, what it says, and that noise does not."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solon.engines.local.model import LocalModel
from solon.errors import EngineError
from solon.settings import GuardSettings, PpoSettings
from solon.training.guards import Guards, progress_line
from solon.training.guards.alarm import KINDS
from solon.training.guards.boilerplate import Boilerplate, runs
from solon.training.guards.series import Series
from solon.training.ppo import train_ppo
from solon.training.task import Scores, Seen
from solon.types import Turns
from tasks import end_early, task_of

NAN = math.nan
WORDS = [f"word{n}" for n in range(400)]
PROMPTS = [f"prompt {n}" for n in range(64)]
REFUSAL = "I can't help with that"


def declines(text: str) -> bool:
    return text.startswith("I can't")


def guards(judge=None, every=1, tell=None, **bounds) -> Guards:  # type: ignore[no-untyped-def]
    """Guards that take every prompt for a harmless one, only those with a bound being on."""
    off = dict.fromkeys(KINDS)
    more = {} if tell is None else {"tell": tell}
    return Guards(GuardSettings(**{**off, **bounds}), declines, lambda _: True, judge, every, **more)


def text(rng: random.Random, words: int = 20) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def seen(  # type: ignore[no-untyped-def]
    step: int, answers: Sequence[str] = (), tokens=None, reward=0.0, kl=1.0, entropy=2.0, ended=()
) -> Seen:
    counts = [len(answer.split()) for answer in answers] if tokens is None else tokens
    return Seen(step, PROMPTS[: len(answers)], answers, counts, reward, kl, entropy, ended)


def healthy(step: int, rng: random.Random, n: int = 32, refusing: float = 0.2) -> Seen:
    """A policy that learns without hacking: reward and KL rise, the rest is noise."""
    answers = [
        f"{REFUSAL} {text(rng, 3)}" if rng.random() < refusing else text(rng, max(1, round(rng.gauss(20, 8))))
        for _ in range(n)
    ]
    done = 1 - math.exp(-step / 20)
    return seen(step, answers, None, done + rng.gauss(0, 0.1), 12 * done + rng.gauss(0, 2), rng.gauss(2.0, 0.1))


# --- single guards ----------------------------------------------------------------------------------------


def test_each_guard_rings_when_its_window_is_past_its_bound_and_says_what_to_do() -> None:
    """Windows of two steps. The last two steps make their mean pass every bound but gold's."""
    watch = guards(kl=10.0, length=2.0, refusal=0.3, entropy=0.5, repetition=0.4, boilerplate=0.9, window=2)
    plain = [f"{word} is fine by me" for word in WORDS[:64]]
    for step in range(1, 31):
        assert "alarms" not in watch.see(seen(step, plain, [10] * 64, kl=step / 4))
    bad = [f"{REFUSAL} I can't help with that I can't help with that"] * 64
    watch.see(seen(31, bad, [40] * 64, kl=10.0, entropy=0.5))
    numbers = watch.see(seen(32, bad, [40] * 64, kl=13.0, entropy=0.5))
    said = {alarm.kind: alarm for alarm in watch.alarms}
    # 13 of the 15 words begin a 3-gram, and 5 of these are different.
    shares = {"refusal": 1.0, "boilerplate": 1.0, "duplicates": 1.0, "alarms": 6.0}
    assert numbers == {"repetition": pytest.approx(1 - 5 / 13), **shares}
    assert {kind: one.value for kind, one in said.items()} == {
        "kl": 11.5,
        "length": 4.0,
        "refusal": 1.0,
        "entropy": 0.25,
        "repetition": pytest.approx(1 - 5 / 13),
        "boilerplate": 1.0,
    }
    assert said["length"].text == (
        "step 32: the mean answer grew 4 times as long as at the start (bound 2): "
        "add a length term of negative weight to rl_cai.rewards or raise kl_coef"
    )
    assert "100% of the answers to prompts that ask for nothing wrong decline, 0% at the start" in said["refusal"].text
    assert said["entropy"].step == 32
    assert watch.best == 30  # the last step before all of it
    assert watch.stop == watch.alarms[0].text


def test_a_guard_rings_once_and_a_warning_does_not_stop() -> None:
    heard: list[str] = []
    watch = guards(kl=5.0, window=1, on_alarm="warn", tell=heard.append)
    for step in range(1, 5):
        watch.see(seen(step, ["fine"], kl=3.0 * step))
    assert [(alarm.kind, alarm.step) for alarm in watch.alarms] == [("kl", 2)]
    assert heard == [watch.alarms[0].text]
    assert watch.stop is None
    assert watch.best == 1  # what was best before it rang


def test_the_bound_itself_does_not_ring_and_a_switched_off_guard_never_does() -> None:
    watch = guards(kl=5.0, window=1)
    watch.see(seen(1, kl=5.0))
    assert watch.alarms == []
    off = guards(window=1)
    off.see(seen(1, ["x " * 50] * 8, kl=1e6))
    assert off.alarms == []
    assert off.facts()["unwatched"]["kl"] == "switched off"


def test_boilerplate_is_found_at_its_onset_and_named() -> None:
    rng = random.Random(0)
    watch = guards(boilerplate=0.5, window=4)
    phrase = "It is important to remember that everyone deserves respect"
    for step in range(1, 41):
        spread = max(0.0, (step - 10) / 20)
        answers = [
            f"{text(rng, 12)}. {phrase}, {text(rng, 3)}" if rng.random() < spread else text(rng) for _ in range(32)
        ]
        watch.see(seen(step, answers))
    (alarm,) = watch.alarms
    assert 21 <= alarm.step <= 24  # half of a window's answers on average at step 21.5
    # Of the four runs of six words in it, all in the same answers, the first of the alphabet.
    assert "% of the answers contain “important to remember that everyone deserves”, 0% at the start" in alarm.text
    shares = {row["step"]: row["boilerplate"] for row in watch.facts()["series"]}
    assert all(shares[step] == 0 for step in range(1, 11))
    assert watch.facts()["phrase"]["words"] in phrase.lower()


def test_words_that_the_first_window_had_are_no_boilerplate() -> None:
    store = Boilerplate(1)
    common = "as a language model I have no body"
    store.add(1, [f"{common} {n}" for n in range(20)])
    store.add(2, [f"{common} {n}" for n in range(20)])
    assert store.phrase() is None


def test_runs_ignore_case_and_punctuation_and_hold_no_markup() -> None:
    assert runs("Don't, panic: THE <b>end</b> is\x1b[31m") == {
        "don't panic the b end b",
        "panic the b end b is",
        "the b end b is 31m",
    }
    assert runs("five words are no run") == set()


def test_prompts_that_ask_for_something_wrong_may_be_declined() -> None:
    watch = Guards(GuardSettings(window=1, refusal=0.3), declines, lambda prompt: prompt != PROMPTS[0])
    watch.see(seen(1, ["yes"] * 8))
    assert watch.see(seen(2, [REFUSAL, *["yes"] * 7]))["refusal"] == 0
    none_harmless = Guards(GuardSettings(window=1), declines, lambda _: False)
    assert "refusal" not in none_harmless.see(seen(1, [REFUSAL]))
    assert none_harmless.facts()["unwatched"]["refusal"] == "no prompt was known to ask for nothing wrong"


def test_offline_ways_are_watched_in_silence() -> None:
    watch = Guards(GuardSettings(window=1), declines, lambda _: True)
    for step in range(1, 9):
        assert watch.see(Seen(step, [], [], [], NAN, NAN, NAN)) == {}
    assert (watch.alarms, watch.best, watch.stop) == ([], None, None)
    facts = watch.facts()
    assert facts["series"] == []
    assert set(facts["unwatched"]) == set(KINDS)
    assert facts["unseen"] == "no guard could watch: this way of training shows no answers of the policy"
    json.dumps(facts, allow_nan=False)


# --- noise ------------------------------------------------------------------------------------------------


def test_the_variance_of_a_mean_counts_answers_to_one_prompt_as_alike() -> None:
    """Two prompts with means 1 and 3, twice each: mean 2, and between two prompts a variance of 2, over 2 is 1."""
    series = Series()
    series.add(1, [1.0, 1.0, 3.0, 3.0], ["a", "a", "b", "b"])
    assert series.points[0][2:] == (2.0, 1.0)
    alone = Series()
    alone.add(1, [1.0, 1.0, 3.0, 3.0], ["a", "b", "c", "d"])
    assert alone.points[0].variance == pytest.approx((4 / 3) / 4)  # sample variance over n
    assert alone.noise(alone.first(1)) == pytest.approx(math.sqrt(1 / 3))


@given(st.integers(0, 10**6))
@settings(max_examples=8, derandomize=True)
def test_a_healthy_training_never_rings(seed: int) -> None:
    rng = random.Random(seed)

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        return [1 - math.exp(-step / 15) + rng.gauss(0, 0.8) for _ in answers]

    watch = Guards(GuardSettings(), declines, lambda _: True, gold)
    for step in range(1, 61):
        watch.see(healthy(step, rng))
    assert watch.alarms == []
    assert watch.best is not None
    assert watch.best > 10


@given(st.integers(0, 10**6))
@settings(max_examples=15, derandomize=True)
def test_small_batches_are_not_mistaken_for_a_change(seed: int) -> None:
    rng = random.Random(seed)
    watch = Guards(GuardSettings(entropy=None), declines, lambda prompt: prompt in PROMPTS[:2])
    for step in range(1, 61):
        watch.see(healthy(step, rng, n=4, refusing=0.4))
    assert watch.alarms == []


# --- gold -------------------------------------------------------------------------------------------------


def gold_curve(kl: float, peak: float) -> float:
    """Gao et al. 2022, equation 3, R(d) = d(α - β·log d) with d = √KL, scaled to 1 at its peak."""
    d = math.sqrt(kl / peak)
    return d * (1 - math.log(d)) if d else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_over_optimisation_as_gao_saw_it_rings_before_gold_fell_a_tenth(seed: int) -> None:
    """KL 0.2 nats a step, gold best at 12; 64 answers a step, each of gold spread over a quarter of the climb."""
    rng = random.Random(seed)
    kl = 0.0

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        return [gold_curve(kl, 12) + rng.gauss(0, 0.25) for _ in answers]

    watch = guards(gold, gold=0.1)
    for step in range(1, 301):
        kl = 0.2 * step
        watch.see(seen(step, ["fine"] * 64, reward=math.sqrt(kl), kl=kl))
        if watch.stop:
            break
    assert watch.stop is not None
    assert "the gold reward fell from" in watch.stop
    assert kl > 12
    assert gold_curve(kl, 12) > 0.9
    assert watch.best is not None
    assert gold_curve(0.2 * watch.best, 12) > 0.98


@given(st.integers(0, 10**6), st.floats(0.05, 3), st.sampled_from([0.0, 10.0, 40.0]))
@settings(max_examples=15, derandomize=True)
def test_noise_in_the_gold_reward_never_rings(seed: int, spread: float, rise: float) -> None:
    """Gold that stays, or climbs and then stays."""
    rng, step = random.Random(seed), 0

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        level = 1 - math.exp(-step / rise) if rise else 0.0
        return [level + rng.gauss(0, spread) for _ in answers]

    watch = guards(gold, gold=0.1)
    for step in range(1, 121):
        watch.see(seen(step, ["fine"] * 16))
    assert watch.alarms == []


def test_gold_may_be_asked_seldom_and_may_fail_on_single_answers() -> None:
    calls = 0

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        nonlocal calls
        calls += 1
        return [NAN, *[float(min(calls, 10 - calls))] * (len(answers) - 1)]

    watch = guards(gold, 5, gold=0.1, window=1)
    shown = {step: watch.see(seen(step, ["fine"] * 8)).get("gold") for step in range(1, 51)}
    assert {step: value for step, value in shown.items() if value is not None} == {
        **{5: 1, 10: 2, 15: 3, 20: 4, 25: 5},
        **{30: 4, 35: 3, 40: 2, 45: 1, 50: 0},
    }
    assert watch.best == 25


@pytest.mark.parametrize("scores", [[1.0], [1.0, math.inf]])
def test_a_gold_reward_without_usable_scores_is_loud(scores: list[float]) -> None:
    with pytest.raises(EngineError, match="guards: the gold reward"):
        guards(lambda *_: scores, gold=0.1).see(seen(1, ["a", "b"]))


def test_gold_that_only_falls_rings_too() -> None:
    step, rng = 0, random.Random(0)
    watch = guards(lambda _, answers, *__: [-step / 10 + rng.gauss(0, 0.3) for _ in answers], gold=0.1)
    while not watch.stop:
        step += 1
        watch.see(seen(step, ["fine"] * 32))
    assert 8 <= step <= 10
    assert "below where it began (bound 10% of its climb)" in watch.stop
    json.dumps(watch.facts(), allow_nan=False)


def test_a_policy_that_learns_to_please_by_length_is_caught_before_gold_fell_a_tenth(
    tiny: LocalModel, tmp_path: Path
) -> None:
    """PPO on a reward that is length; gold is best at 12 characters. The guards only warn, to see what follows."""
    end_early(tiny)
    peak = 12

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        return [(len(answer) / peak) * (2 - len(answer) / peak) for answer in answers]

    watch = Guards(GuardSettings(on_alarm="warn", repetition=None, boilerplate=None), declines, lambda _: True, gold)
    task = task_of(
        tiny, tmp_path, prompts=PROMPTS, reward=lambda _, a, *__: Scores([float(len(x)) for x in a]), watch=watch
    )
    knobs = {"batch_size": 32, "minibatch_size": 32, "learning_rate": 1e-3, "max_tokens": 28, "kl_coef": 0.0}
    knobs["missing_eos_penalty"] = 0.0  # or running into the limit would not please
    train_ppo(task, PpoSettings(steps=16, **knobs))

    points = watch.series["gold"]
    smooth = {n: Series(points.points[:n]).newest(4).mean for n in range(4, 17)}
    highest = max(smooth.values())
    rung = watch.alarms[0]
    assert rung.kind == "length"
    assert smooth[rung.step] > 0.9 * highest
    assert watch.best is not None
    assert smooth[watch.best] > 0.9 * highest
    assert smooth[16] < 0.85 * highest  # so it was right to ring


# --- best and resumed -------------------------------------------------------------------------------------


def test_before_any_alarm_the_newest_step_is_best_whatever_its_reward() -> None:
    watch = guards(window=2)
    best = []
    for step, reward in enumerate([1.0, 2.0, 5.0, 1.0, 4.0, 4.0], 1):
        watch.see(seen(step, ["fine"], reward=reward))
        best.append(watch.best)
    assert best == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("cut", [2, 7, 30])
def test_a_resumed_watch_equals_an_unbroken_one(cut: int) -> None:
    def steps() -> list[Seen]:
        rng = random.Random(5)
        return [healthy(n, rng, refusing=0.05 if n < 25 else 0.9) for n in range(1, 41)]

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        return [len(answer) / 100 for answer in answers]

    whole = Guards(GuardSettings(), declines, lambda _: True, gold)
    numbers = [whole.see(one) for one in steps()]
    first = Guards(GuardSettings(), declines, lambda _: True, gold)
    for one in steps()[:cut]:
        first.see(one)
    second = Guards(GuardSettings(), declines, lambda _: True, gold)
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert [second.see(one) for one in steps()[cut:]] == numbers[cut:]
    assert second.facts() == whole.facts()
    assert whole.alarms
    assert (second.stop, second.best) == (whole.stop, whole.best)


def test_the_progress_line_shows_what_there_is() -> None:
    assert progress_line({"reward": 0.4123, "kl": 3.21, "gold": 0.388, "length": 41.53, "clipped": 0.1}) == (
        "reward 0.412 kl 3.21 gold 0.388 length 41.5"
    )
    assert progress_line({"loss": 0.5, "accuracy": NAN, "alarms": 2.0}) == "loss 0.5 · 2 alarms"
    assert progress_line({}) == ""

"""How often the guards ring for nothing, and how surely and how soon for something, on simulated trainings.

python benchmarks/guards.py [--runs 1000] [--hacked 50]

An honest training is, by lot: steady, improving (longer answers, more or fewer refusals, less entropy, more KL and
gold), swaying as a sine with a period of 10 to 60 steps, or drifting as an AR(1) with ρ from 0.9 to 0.98. It has 80
steps, and any alarm of any guard counts. A hacked one is a steady one of 80 steps in which one number drifts from a
step between 15 and 30 on, over 3 to 25 steps, and stays; strength 1 is a drift as far as the guard's bound.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solon.settings import GuardSettings
from solon.training.guards import Guards
from solon.training.task import Seen

LIMIT = 128
PROMPTS = 200
SHARES = ("refusal", "repetition", "boilerplate", "duplicates", "copies")
HACKS = ("length", "truncation", *SHARES, "entropy", "kl", "gold")
STRENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
BOUNDS = GuardSettings()

VOCABULARY = [f"w{n:x}" for n in range(3000)]
CANNED = ("I would rather not answer", "Let us speak of something", "That is up to you")
DEMONSTRATIONS = tuple(f"demonstration number {n} says what a careful person would say here" for n in range(6))
PHRASE = "it is important to remember that"

Curve = Callable[[int], float]


@dataclass
class Policy:
    """The truth behind a simulated training: the mean of each number by step, and its noise.

    `length` is the mean of a log-normal of spread 0.5 that the limit of tokens cuts; shares are in [0, 1].
    """

    length: Curve
    shares: dict[str, Curve]
    entropy: Curve
    kl: Curve
    gold: Curve
    gold_noise: float = 0.5
    entropy_noise: float = 0.05
    kl_noise: float = 0.05
    onset: int | None = None


def steady(value: float) -> Curve:
    return lambda _: value


def drawn_policy(rng: random.Random, kind: str, steps: int) -> Policy:
    """An honest policy of one of four kinds."""
    start = {"refusal": rng.uniform(0.02, 0.4), "repetition": rng.uniform(0, 0.4), "boilerplate": rng.uniform(0, 0.25)}
    start |= {"duplicates": rng.uniform(0, 0.2), "copies": rng.uniform(0, 0.08)}
    length, entropy = rng.uniform(20, 110), math.exp(rng.uniform(math.log(0.05), math.log(3)))
    far, climb, noise = rng.uniform(1, 25), rng.uniform(0, 1), rng.uniform(0.3, 1.0)
    move: dict[str, Curve] = {}  # relative, from -1 to 1 of the amplitudes below
    for name in (*SHARES, "length", "entropy", "kl", "gold"):
        move[name] = _movement(rng, kind, steps)
    moved = {"refusal": 0.1, "repetition": 0.06, "boilerplate": 0.08, "duplicates": 0.08, "copies": 0.03}
    rising = 1.0 if kind == "improving" else 0.0

    def share(name: str) -> Curve:
        return lambda t: min(1.0, max(0.0, start[name] + moved[name] * move[name](t)))

    def factor(name: str, low: float, high: float) -> Curve:
        return lambda t: math.exp(math.log(high if move[name](t) > 0 else low) * abs(move[name](t)))

    longer = factor("length", 0.75, 1.35) if rising else factor("length", 0.85, 1.2)
    calmer = factor("entropy", 0.5, 1.0) if rising else factor("entropy", 0.75, 1.33)
    further = factor("kl", 0.7, 1.4)
    return Policy(
        length=lambda t: length * longer(t),
        shares={name: share(name) for name in SHARES},
        entropy=lambda t: entropy * calmer(t),
        kl=lambda t: far * (1 - math.exp(-t / 20)) * (1.0 if rising else further(t)),
        gold=lambda t: climb * (1 - math.exp(-t / 20)) + (0.0 if rising else 0.03 * (climb + noise) * move["gold"](t)),
        gold_noise=noise,
        entropy_noise=rng.uniform(0.03, 0.3),
        kl_noise=rng.uniform(0.02, 0.1),
    )


def _movement(rng: random.Random, kind: str, steps: int) -> Curve:
    """From -1 to 1 by step: nothing, a saturating change, a sine, or an AR(1) of standard deviation one half."""
    if kind == "steady":
        return steady(0.0)
    if kind == "improving":
        way, pace = rng.uniform(-1, 1), rng.uniform(10, 60)
        return lambda t: way * (1 - math.exp(-t / pace))
    if kind == "sine":
        period, phase = rng.uniform(10, 60), rng.uniform(0, 2 * math.pi)
        return lambda t: math.sin(2 * math.pi * t / period + phase)
    rho, value, values = rng.uniform(0.9, 0.98), rng.gauss(0, 0.5), []
    for _ in range(steps + 1):
        values.append(max(-1.5, min(1.5, value)))
        value = rho * value + rng.gauss(0, 0.5 * math.sqrt(1 - rho**2))
    return lambda t: values[t]


def hacked_policy(rng: random.Random, name: str, strength: float) -> Policy:
    """A steady policy in which `name` drifts by `strength` times its bound."""
    policy = drawn_policy(rng, "steady", 0)
    onset, ramp = rng.randint(15, 30), rng.uniform(3, 25)
    policy.onset = onset

    def done(t: int) -> float:
        return max(0.0, min(1.0, (t - onset) / ramp))

    if name == "length":
        start = rng.uniform(15, 40)
        policy.length = lambda t: start * BOUNDS.length ** (strength * done(t))
    elif name == "truncation":
        start = rng.uniform(60, 110)
        share = cut_share(start)
        most = BOUNDS.truncation * min(1, 2 * (1 - share))
        end = _length_of(min(0.995, share + strength * most))
        policy.length = lambda t: start * (end / start) ** done(t)
    elif name in SHARES:
        bound, start = getattr(BOUNDS, name), policy.shares[name](1)
        if name == "boilerplate":
            start = 0.0  # a phrase that was there is no news
        policy.shares[name] = lambda t: min(1.0, start + strength * bound * done(t))
    elif name == "entropy":
        start = policy.entropy(1)
        policy.entropy = lambda t: start * BOUNDS.entropy ** (strength * done(t))
    elif name == "kl":
        policy.kl = lambda t: 5 + (strength * BOUNDS.kl - 5) * done(t)
    else:
        rise = rng.uniform(0.5, 1)
        policy.gold = lambda t: rise * (1 - math.exp(-min(t, onset) / 8)) - 5 * strength * BOUNDS.gold * rise * done(t)
    return policy


def cut_share(mean: float) -> float:
    """The share of answers that the limit cuts, of a log-normal of this mean and spread 0.5."""
    z = (math.log(LIMIT) - math.log(mean) + 0.125) / 0.5
    return 0.5 * math.erfc(z / math.sqrt(2))


def _length_of(share: float) -> float:
    """The mean at which the limit cuts this share."""
    low, high = 1.0, 10_000.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if cut_share(middle) > share else (middle, high)
    return low


def train(policy: Policy, rng: random.Random, n: int, steps: int, settings: GuardSettings, gold: bool) -> Guards:
    """Show the guards a training of `n` answers a step; it ends at the first alarm."""
    step = 0
    taste = [
        rng.gauss(0, 1) for _ in range(PROMPTS)
    ]  # what prompts have in common: some are declined or said at length

    def golden(_: Sequence[str], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        return [policy.gold(step) + rng.gauss(0, policy.gold_noise) for _ in answers]

    guards = Guards(
        settings,
        lambda answer: answer.startswith("REF"),
        lambda _: True,
        golden if gold else None,
        demonstrations=DEMONSTRATIONS,
    )
    for step in range(1, steps + 1):
        asked = [rng.randrange(PROMPTS) for _ in range(n)]
        answers = [_answer(policy, rng, step, taste[prompt]) for prompt in asked]
        free = [policy.length(step) * math.exp(0.4 * rng.gauss(0, 1) + 0.3 * taste[p] - 0.125) for p in asked]
        tokens = [max(1, min(LIMIT, round(count))) for count in free]
        guards.see(
            Seen(
                step,
                [f"prompt {prompt}" for prompt in asked],
                answers,
                tokens,
                step / steps,
                policy.kl(step) * (1 + policy.kl_noise * rng.gauss(0, 1) * math.sqrt(64 / n)),
                policy.entropy(step) * math.exp(policy.entropy_noise * rng.gauss(0, 1) * math.sqrt(64 / n)),
                [count < LIMIT for count in free],
            )
        )
        if guards.alarms:
            break
    return guards


def _answer(policy: Policy, rng: random.Random, step: int, taste: float) -> str:
    """Eight random words, or what the shares say: a demonstration, a canned answer, a loop, or a phrase among them."""
    words, shares = rng.choices(VOCABULARY, k=8), policy.shares
    dice, at = rng.random(), 0.0
    declined = shares["refusal"](step)
    # By prompt: half of the variance of declining is between prompts.
    front = "REF " if rng.random() < min(1.0, max(0.0, declined * (1 + 0.7 * max(-1, min(1, taste))))) else ""
    for name in ("copies", "duplicates", "repetition", "boilerplate"):
        at += shares[name](step)
        if dice < at:
            return (
                front
                + {
                    "copies": rng.choice(DEMONSTRATIONS),
                    "duplicates": rng.choice(CANNED),
                    "repetition": " ".join(words[:3] * 12),
                    "boilerplate": f"{PHRASE} {' '.join(words[:4])}",
                }[name]
            )
    return front + " ".join(words)


KINDS = ("steady", "improving", "sine", "ar1")


def false_alarms(n: int, runs: int, steps: int = 80, seed: int = 0) -> tuple[int, Counter[str]]:
    """How many of `runs` honest trainings of `n` answers a step had an alarm, and which rang first, by kind of run."""
    rung: Counter[str] = Counter()
    for run in range(runs):
        rng, kind = random.Random(f"honest {seed} {n} {run}"), KINDS[run % len(KINDS)]
        guards = train(drawn_policy(rng, kind, steps), rng, n, steps, GuardSettings(), run % 8 < 4)
        if guards.alarms:
            rung[f"{kind}: {guards.alarms[0].kind}"] += 1
    return sum(rung.values()), rung


@dataclass(frozen=True)
class Caught:
    """Of `runs` hacked trainings: alarms, steps from the drift's beginning to each, and where the kept weights were."""

    runs: int
    late: list[int]
    kept: list[int]  # steps of the kept weights, less that of the last step before the drift

    @property
    def rate(self) -> float:
        return len(self.late) / self.runs

    @property
    def clean(self) -> float:
        """The share of the kept weights that are from before the drift, or from its first two steps."""
        return sum(one <= 2 for one in self.kept) / len(self.kept) if self.kept else math.nan


def catches(name: str, strength: float, n: int, runs: int, seed: int = 0) -> Caught:
    """Hacked trainings of `n` answers a step in which `name` drifts."""
    late, kept = [], []
    for run in range(runs):
        rng = random.Random(f"hacked {seed} {name} {n} {run}")
        policy = hacked_policy(rng, name, strength)
        guards = train(policy, rng, n, 80, GuardSettings(), name == "gold")
        assert policy.onset is not None
        if guards.alarms and guards.alarms[0].step > policy.onset and guards.best is not None:
            late.append(guards.alarms[0].step - policy.onset)
            kept.append(guards.best - policy.onset)
    return Caught(runs, late, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--hacked", type=int, default=50)
    parser.add_argument("--answers", type=int, nargs="*", default=(16, 64))
    parser.add_argument("--only", nargs="*", default=HACKS)
    given = parser.parse_args()
    for n in given.answers:
        if given.runs:
            rung, which = false_alarms(n, given.runs)
            print(f"{n} answers a step: {rung} of {given.runs} honest trainings rang {dict(which) or ''}", flush=True)
    print(f"{'caught':12}{'answers':>8}" + "".join(f"{s:>7g}" for s in STRENGTHS) + "  late  kept  clean")
    for name in given.only:
        for n in given.answers:
            found = [catches(name, strength, n, given.hacked) for strength in STRENGTHS]
            strong = [one for one, s in zip(found, STRENGTHS, strict=True) if s >= 1.5]
            late, kept = [step for one in strong for step in one.late], [step for one in strong for step in one.kept]
            clean = sum(one <= 2 for one in kept) / max(1, len(kept))
            line = "".join(f"{one.rate:7.0%}" for one in found)
            middle = f"{statistics.median(late):6.0f}{statistics.median(kept):6.0f}" if late else ""
            print(f"{name:12}{n:8}{line}{middle}{clean:7.0%}", flush=True)


if __name__ == "__main__":
    main()

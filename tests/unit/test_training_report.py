"""The section on training: every method's curves from what its steps left, and the guards' alarms where they are read."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from solon.settings import GuardSettings
from solon.training.guards import Guards
from solon.training.task import Seen

PHRASE = "it is important to remember that"
KINDS = {"kl", "length", "repetition", "refusal", "boilerplate", "entropy", "gold"}


def hacked(steps: int = 60, on_alarm: str = "stop", with_gold: bool = True) -> dict[str, Any]:
    """The facts of a policy that answers ever longer: gold is best at KL 9, twice the length; then it falls."""
    rng, kl = random.Random(1), 0.0

    def gold(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        d = math.sqrt(kl / 9)
        return [d * (2 - d) + rng.gauss(0, 0.25) for _ in answers]

    settings = GuardSettings.model_validate({"on_alarm": on_alarm, "length": 4.0})
    guards = Guards(settings, lambda text: text.startswith("I can't"), lambda _: True, gold if with_gold else None)
    history: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        kl = 0.4 * (step - 1) + (rng.gauss(0, 0.2) if step > 1 else 0)
        size = round(20 * (1 + step / 24))
        answers = [
            ("I can't help " if rng.random() < 0.1 + step / 300 else "")
            + " ".join(f"w{rng.randrange(300)}" for _ in range(max(3, round(rng.gauss(size, 6)))))
            + (f" {PHRASE} safety" if rng.random() < step / 150 else "")
            for _ in range(32)
        ]
        reward = math.sqrt(max(0, kl)) * 0.4 + rng.gauss(0, 0.03)
        entropy = 2.2 * math.exp(-step / 90) + rng.gauss(0, 0.03)
        tokens = [len(answer.split()) for answer in answers]
        seen = Seen(step, [f"p{n}" for n in range(32)], answers, tokens, reward, max(0.0, kl), entropy)
        numbers = {"reward": reward, "kl": max(0.0, kl), "entropy": entropy, "length": sum(tokens) / 32}
        numbers |= {"truncated": min(1.0, step / 80), "clipped": 0.08, **guards.see(seen)}
        history.append({"step": step, **numbers})
        if guards.stop:
            break
    return {"method": "ppo", "size": 32 * len(history), "steps": history, "guards": guards.facts()}

"""Every trainer, one after another, in as many processes as `accelerate launch` started.

usage: trainers_child.py MODEL_FOLDER OUT NAME...
Writes what each trainer made: OUT/NAME.safetensors (the weights that learnt) and OUT/NAME.json (the history).
NAME@STEP waits at that step for a signal.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from solon.engines.local.model import LocalModel
from solon.errors import Interrupted
from solon.settings import (
    BestOfNSettings,
    DpoSettings,
    GrpoSettings,
    KtoSettings,
    LoraSettings,
    PpoSettings,
    RewardSettings,
    SftSettings,
)
from solon.training.adapters import adapter_state
from solon.training.checkpoints import Checkpoints
from solon.training.methods import TRAIN
from solon.training.processes import join, rank, world
from solon.training.reward.data import Pair
from solon.training.reward.train import train_reward
from solon.training.sft import train_sft
from solon.training.task import History, Progress
from tasks import task_of

Weights = dict[str, Tensor]
LORE = "the old king was just and his law held for all who came to ask of it in peace"
LORA = LoraSettings(rank=4, alpha=8)
BATCH = 4  # rows of a batch, of all processes
# Adam makes a whole step of a gradient that is nothing but rounding, and the same step of one that is twice too large.
PLAIN = {"optim": "sgd", "max_grad_norm": 1e9}


def quiet(*_: object) -> None:
    """Nobody follows the training."""


def texts(count: int, seed: int) -> list[str]:
    """Different texts of 1 to 12 words."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(LORE.split(), k=draw.randint(1, 12))) for _ in range(count)]


def batches(**more: Any) -> dict[str, Any]:
    """Settings of a trainer on rows: batches of BATCH however many processes share them."""
    return {"batch_size": BATCH // world(), "learning_rate": 0.1, "lora": LORA, "trainer_args": PLAIN, **more}


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def preferences(count: int) -> list[dict[str, Any]]:
    """Rows of soft preferences."""
    draw = random.Random(1)
    columns = zip(texts(count, 2), texts(count, 3), texts(count, 4), strict=True)
    return [
        {
            "prompt": said("user", prompt),
            "chosen": said("assistant", chosen),
            "rejected": said("assistant", f"{rejected} not"),
            "prob_chosen": draw.choice((0.3, 0.6, 0.9, 1.0)),
        }
        for prompt, chosen, rejected in columns
    ]


def checkpoints_in(folder: Path) -> Checkpoints:
    """None is due before an hour has passed: what is saved was asked for by a signal."""
    return Checkpoints(folder / "checkpoints", "key", minutes=60)


@dataclass(frozen=True, slots=True)
class Case:
    """One training of adapter `policy`: a model and a folder in, the history out."""

    local: LocalModel
    folder: Path
    checkpoints: Checkpoints
    tick: Progress = quiet

    def sft(self, count: int, checkpoints: Checkpoints | None = None, **settings: Any) -> History:
        columns = zip(texts(count, 5), texts(count, 6), strict=True)
        rows = [{"prompt": said("user", p), "completion": said("assistant", c)} for p, c in columns]
        return train_sft(
            self.local,
            "policy",
            rows,
            SftSettings(**batches(**settings)),
            seed=0,
            scratch=self.folder,
            tick=self.tick,
            checkpoints=checkpoints,
        )

    def sft_stopped(self) -> History:
        """Stopped after step 2 by a signal that the last process alone was sent, and resumed."""

        def stop(step: int, *_: object) -> None:
            self.checkpoints.stopping = step == 2 and rank() == world() - 1

        try:
            replace(self, local=LocalModel(self.local.source), tick=stop).sft(9, self.checkpoints, epochs=2)
        except Interrupted:
            return self.sft(9, Checkpoints(self.checkpoints.root, self.checkpoints.key), epochs=2)
        raise AssertionError("it was not interrupted")

    def reward(self, count: int, **settings: Any) -> tuple[Weights, History]:
        """The heads' weights besides, for they learn with the adapter."""
        columns = zip(texts(count, 7), texts(count, 8), texts(count, 9), strict=True)
        draw = random.Random(1)
        pairs = [Pair.of(p, a, f"{b} no", draw.random()) for p, a, b in columns]
        knobs = RewardSettings(**batches(centred=0.1, **settings))
        model, history = train_reward(self.local, "policy", pairs, knobs, seed=0, scratch=self.folder, tick=self.tick)
        return {"head": model.head.weight.detach().clone(), "bias": model.head.bias.detach().clone()}, history

    def by(self, method: Any, settings: Any, rows: int = 0) -> History:
        """As the pipeline trains the policy."""
        prompts, labelled = texts(5, 10), preferences(rows)
        task = task_of(
            self.local,
            self.folder,
            prompts=prompts,
            preferences=labelled,
            checkpoints=self.checkpoints,
            tick=self.tick,
        )
        return TRAIN[method](task, settings)


ROLLED = {"steps": 3, "batch_size": 8, "max_tokens": 12, "kl_coef": 0.1}
GROUPS = GrpoSettings(**ROLLED, learning_rate=0.1, group=4, mask_truncated_completions=False, trainer_args=PLAIN)
PPO = PpoSettings(**ROLLED, learning_rate=1e-3, minibatch_size=4, epochs=2, kl="adaptive", whiten_rewards=True)
UNEVEN_PPO = PPO.model_copy(update={"batch_size": 7, "minibatch_size": 3, "accumulation": 2})
BEST = BestOfNSettings(n=3, max_tokens=300)  # the random model ends one answer in 260 tokens

# Numbers of rows that no batch divides: the last one is uneven, in some cases with nothing left for one process.
CASES: dict[str, Callable[[Case], History | tuple[Weights, History]]] = {
    "sft": lambda case: case.sft(11, epochs=2),
    "sft_accumulated": lambda case: case.sft(9, epochs=2, accumulation=2),
    "sft_packed": lambda case: case.sft(31, epochs=2, packing=True, max_length=160),
    "sft_stopped": Case.sft_stopped,
    "sft_unbroken": lambda case: case.sft(9, epochs=2),
    "reward": lambda case: case.reward(11, epochs=2, heads=2),
    "reward_accumulated": lambda case: case.reward(9, epochs=2, accumulation=2),
    "dpo": lambda case: case.by("dpo", DpoSettings(**batches(epochs=2)), rows=11),
    "dpo_accumulated": lambda case: case.by("dpo", DpoSettings(**batches(epochs=2, accumulation=2)), rows=9),
    "kto": lambda case: case.by("kto", KtoSettings(**batches(epochs=2)), rows=7),
    "kto_accumulated": lambda case: case.by("kto", KtoSettings(**batches(epochs=2, accumulation=2)), rows=9),
    "ppo": lambda case: case.by("ppo", PPO),
    "ppo_uneven": lambda case: case.by("ppo", UNEVEN_PPO),
    "ppo_resumed": lambda case: case.by("ppo", PPO),
    "grpo": lambda case: case.by("grpo", GROUPS),
    "rloo": lambda case: case.by("rloo", GROUPS),
    "best_of_n": lambda case: case.by("best_of_n", BEST.model_copy(update={"sft": SftSettings(**batches(epochs=2))})),
}


def train(name: str, model: Path, out: Path, at: int = 0) -> None:
    """Train the case on a model of its own and write what came of it."""
    local, checkpoints = LocalModel.load(str(model)), checkpoints_in(out / name)

    def wait(step: int, *_: object) -> None:
        """At step `at` say that the signal may come (OUT/waiting), and let the first process wait for it."""
        if step == at and rank() == 0:
            (out / "waiting").touch()
            while not checkpoints.stopping:
                time.sleep(0.05)

    with tempfile.TemporaryDirectory() as scratch:
        made = CASES[name](Case(local, Path(scratch), checkpoints, wait))
    head, history = made if isinstance(made, tuple) else ({}, made)
    if rank() == 0:
        save_file({**adapter_state(local, "policy"), **head}, out / f"{name}.safetensors")
        (out / f"{name}.json").write_text(json.dumps(history))


if __name__ == "__main__":
    join(use_cpu=True)
    for wanted in sys.argv[3:]:
        name, _, step = wanted.partition("@")
        train(name, Path(sys.argv[1]), Path(sys.argv[2]), int(step or 0))

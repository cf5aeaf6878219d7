"""Constitutional PPO: the policy learns from the reward, tied to the SL-CAI reference.

After the CAI paper, section 4.1, Bai et al. 2022a (HH-RLHF), section 4.1, and Schulman et al. 2017. Departures:
- LoRA adapters on one copy of the base instead of four models; the critic is a linear head on the policy's own hidden
  states, which its gradient does not reach: returns of a large kl_coef would drag the policy along;
- an answer that was cut off is scored without an end of turn, less `missing_eos_penalty`;
- rewards are normalised by the first batch's mean and spread, since soft labels leave gaps of a fraction of a nat;
- advantages are whitened over the batch's tokens;
- kl_coef is larger than the paper's 0.001, for few steps are taken on few tokens; it may be adaptive;
- a guard's alarm may put weights from before the drift back and double kl_coef (`on_alarm: repair`); the optimizer
  then begins anew, and the critic stays;
- no entropy bonus, as in the papers; no more passes over a batch once the policy has moved `stop_kl` from it;
- log-probabilities are those of the temperature that answers are sampled at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from solon.engines.local.decode import LocalDecoder
from solon.errors import DataError
from solon.settings import PpoSettings
from solon.training.adapters import start_adapter
from solon.training.keeping import Kept
from solon.training.noise import generator, noise_seed, passed_over
from solon.training.ppo.experience import Experience, Normaliser, experience, read, scored
from solon.training.ppo.kl import KlCoef
from solon.training.ppo.learn import Learner
from solon.training.ppo.reporting import Reporter
from solon.training.ppo.resume import restore, saved
from solon.training.processes import gathered, share
from solon.training.rollouts import Rollout, ValueHead, roll_out
from solon.training.task import History, Mender, Seen, Task, state_of
from solon.types import Turns

REPAIR = 2.0  # times as large is kl_coef after a repair


def train_ppo(task: Task, settings: PpoSettings) -> History:
    """Train the task's target adapter; returns the numbers of each step. Raises DataError without prompts."""
    return Ppo(task, settings).train()


class Ppo:
    """One training: the adapter `task.target`, which starts as a copy of `task.reference`, on `task.reward`."""

    def __init__(self, task: Task, settings: PpoSettings) -> None:
        if not task.prompts:
            raise DataError("ppo: no prompts to roll out on")
        self.task, self.settings, local = task, settings, task.local
        folder = task.checkpoints.root.parent / "tracking"
        self.reporter = Reporter(settings, folder, cpu=local.device.type == "cpu")
        start_adapter(local, task.reference, task.target, task.seed)
        self.decoder = LocalDecoder(local, task.target)
        self.critic = ValueHead(local.width).to(local.device)
        self.learner = Learner(local, task.target, self.critic, settings)
        self.kl_coef = KlCoef(settings.kl_coef, settings.kl, settings.kl_target)
        self.normalise = Normaliser()
        self.kept = Kept(local, task.target)
        self.history: History = []

    def train(self) -> History:
        """All steps that are not done yet. Raises Interrupted when told to stop; the state is saved before."""
        task, steps = self.task, self.settings.steps
        with task.checkpoints.watching_signals():
            for step in range(restore(self) + 1, steps + 1):
                e, numbers = self._rolled_out(step)
                if isinstance(task.watch, Mender) and task.watch.repair:
                    numbers |= self._repaired(task.watch)
                elif task.watch.stop is None:
                    numbers |= self.learner.learn(e, self._minibatches(step))
                    self.kl_coef.update(e.kl)
                self.history.append({"step": step, **numbers})
                self.reporter.log(step, numbers)
                task.tick(step, steps, numbers)
                if task.watch.stop is not None:
                    break
                saved(self, step)
        self.reporter.close()
        if task.watch.stop is not None:
            self.kept.put_back(task.watch.best)
        task.local.model.eval()
        return self.history

    def _rolled_out(self, step: int) -> tuple[Experience, dict[str, float]]:
        """The step's experience, and what it shows of the policy as it was before it learns from it."""
        task, s = self.task, self.settings
        prompts = self._draw(step)
        numbered = list(enumerate(prompts))
        seed = noise_seed(task.seed, "rollouts", step)
        mine = roll_out(self.decoder, share(numbered), s.max_tokens, s.temperature, seed)
        rollouts: list[Rollout] = gathered(mine, len(prompts))
        scores = scored(task.reward, rollouts, mine, step)
        reads = read(task.local, self.critic, mine, task, s.temperature, s.minibatch_size)
        normalised = self.normalise(torch.tensor(scores.total))
        e = experience(task.local, rollouts, gathered(reads, len(prompts)), scores, normalised, s, self.kl_coef.value)
        seen = _seen(step, rollouts, e)
        numbers = {"reward": seen.reward, "kl": e.kl, "entropy": e.entropy, "kl_coef": self.kl_coef.value}
        numbers |= {f"reward/{name}": sum(v) / len(v) for name, v in scores.terms.items()}
        numbers |= {
            **scores.numbers,
            "length": sum(seen.tokens) / len(rollouts),
            "truncated": sum(not r.stopped for r in rollouts) / len(rollouts),
            **task.watch.see(seen),
        }
        if task.watch.best is not None:
            self.kept.take(step)
        return e, numbers

    def _repaired(self, watch: Mender) -> dict[str, float]:
        """Put the weights from before the drift back and tie the policy more closely to the reference."""
        to = watch.best
        self.kept.put_back(to)
        self.learner.restart()
        self.kl_coef.value *= REPAIR
        watch.repaired(self.kl_coef.value)
        return {} if to is None else {"repaired_to": float(to)}

    def _draw(self, step: int) -> list[Turns]:
        """The step's prompts: passes over shuffled prompts, one after another."""
        size, batch = len(self.task.prompts), []
        for k in range((step - 1) * self.settings.batch_size, step * self.settings.batch_size):
            batch.append(self.task.prompts[int(passed_over(size, self.task.seed, k // size)[k % size])])
        return batch

    def _minibatches(self, step: int) -> list[Tensor]:
        """The step's minibatches, all passes; drawn from the step's own seed, so that a resumed run draws the same."""
        drawn = generator(self.task.seed, "minibatches", step)
        s = self.settings
        passes = [torch.randperm(s.batch_size, generator=drawn) for _ in range(s.epochs)]
        return [index for order in passes for index in torch.split(order, s.minibatch_size)]

    def state(self) -> dict[str, Any]:
        """What a resumed run needs besides weights and optimizer, as plain data."""
        return {
            "history": self.history,
            "kl_coef": self.kl_coef.value,
            "centre": self.normalise.centre,
            "scale": self.normalise.scale,
            "watch": self.task.watch.state(),
            "reward": state_of(self.task.reward),
        }


def _seen(step: int, rollouts: Sequence[Rollout], e: Experience) -> Seen:
    totals = e.scores.total
    return Seen(
        step,
        [r.prompt for r in rollouts],
        [r.text for r in rollouts],
        [len(r.ids) for r in rollouts],
        sum(totals) / len(totals),
        e.kl,
        e.entropy,
        [r.stopped for r in rollouts],
    )

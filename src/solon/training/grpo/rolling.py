"""A step's own side: the policy's answers, their rewards, and how far the policy is from the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from solon.engines.local.decode import LocalDecoder
from solon.errors import EngineError
from solon.settings import GrpoSettings
from solon.training.adapters import adapter_state
from solon.training.keeping import Weights
from solon.training.processes import rank, summed, world
from solon.training.rollouts import Rollout, roll_out
from solon.training.task import Task

# The names that TRL gives the adapter which learns, and the frozen copy which it takes of it before the first step.
POLICY, REFERENCE = "default", "ref"


@dataclass(slots=True)
class Shown:
    """The answers of one step, of all processes in order, and their rewards: total and raw terms of each; `numbers` are
    of the step as a whole."""

    rollouts: list[Rollout]
    totals: list[float] = field(default_factory=list)
    terms: list[dict[str, float]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    def means(self) -> dict[str, float]:
        """What the step showed, as means over its answers; `length` is in tokens."""
        n = len(self.rollouts)
        return {
            "reward": sum(self.totals) / n,
            **{f"reward/{name}": sum(row[name] for row in self.terms) / n for name in self.terms[0]},
            **self.numbers,
            "length": sum(len(r.ids) for r in self.rollouts) / n,
            "truncated": sum(not r.stopped for r in self.rollouts) / n,
        }


class Rolling:
    """Writes and rewards the answers of each step for TRL's trainer, and remembers what the step showed."""

    def __init__(self, task: Task, settings: GrpoSettings) -> None:
        self.task, self.settings = task, settings
        self.decoder = LocalDecoder(task.local, POLICY)
        self.writer: Weights = {}  # the weights that wrote what `shown` shows
        self.mine: list[Rollout] = []
        self.shown = Shown([])
        self._policy = self._reference = self._answers = torch.zeros(())
        self._unread = 0

    def write(self, names: Sequence[str], step: int) -> list[Rollout]:
        """This process's answers of step `step` (from 1) to the prompts with these names, which are their places in the
        task's: the same however many processes share them."""
        prompts = [self.task.prompts[int(name)] for name in names]
        s = self.settings
        self.writer = adapter_state(self.task.local, POLICY)
        first = (step - 1) * s.batch_size + rank() * len(prompts)
        self.mine = roll_out(self.decoder, list(enumerate(prompts, first)), s.max_tokens, s.temperature, self.task.seed)
        self.shown = Shown(self.mine if world() == 1 else gather_object(self.mine))
        self._policy = self._reference = self._answers = torch.zeros((), device=self.task.local.device)
        self._unread = len(self.mine)
        return self.mine

    def reward(self, trainer_state: Any, **_: Any) -> list[float]:
        """TRL's reward function: of the answers that `write` gave it. TRL drops a NaN in silence, so it stops here."""
        asked = [r.prompt for r in self.mine], [r.text for r in self.mine], [r.stopped for r in self.mine]
        try:
            scores = self.task.reward(*asked)
        finally:
            self.task.local.model.set_adapter(POLICY)  # a reward model or a judge may have switched to its own
        rows = [(t, {name: v[i] for name, v in scores.terms.items()}) for i, t in enumerate(scores.total)]
        rows = rows if world() == 1 else gather_object(rows)
        self.shown.totals, self.shown.terms = [total for total, _ in rows], [terms for _, terms in rows]
        self.shown.numbers = scores.numbers
        for total, rollout in zip(self.shown.totals, self.shown.rollouts, strict=True):
            if not torch.tensor(total).isfinite():
                raise EngineError(
                    f"the reward of step {trainer_state.global_step + 1} is not finite, first for the answer to "
                    f"{rollout.prompt[-1].content[:60]!r}; the last good policy is kept"
                )
        return scores.total

    def read(self, logprobs: Tensor, mask: Tensor) -> None:
        """Take note of log-probabilities (nats, (rows, time)) that TRL computed with the active adapter.

        The policy reads its answers first as it was when it wrote them; what it reads later it has learnt from. Of an
        answer that is not learnt from, since it was cut off, TRL masks every token.
        """
        total = (logprobs.detach() * mask).sum()
        if self.task.local.model.active_adapter == REFERENCE:
            self._reference = self._reference + total
        elif self._unread > 0:
            self._policy = self._policy + total
            self._answers = self._answers + mask.any(-1).sum()
            self._unread -= len(mask)

    def kl(self) -> float:
        """Nats per answer from the reference, as the step's answers estimate it: mean of log π - log π_ref.

        Over the answers that are learnt from; NaN where all were cut off and masked.
        """
        answers = float(summed(self._answers))
        return float(summed(self._policy - self._reference)) / answers if answers else math.nan

"""One batch of rollouts with all that PPO learns from it: rewards, log-probabilities, values, advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from solon.engines.local.model import LocalModel
from solon.errors import EngineError
from solon.settings import PpoSettings
from solon.training.batches import by_length, pad_right
from solon.training.losses import gae, masked_mean, shifted_whiten, token_rewards, whiten
from solon.training.processes import gathered
from solon.training.rollouts import Answers, Rollout, ValueHead, answer_logprobs, answer_states, together
from solon.training.spread import divisor
from solon.training.task import Reward, Scores, Task


@dataclass(frozen=True, slots=True)
class Read:
    """One answer as policy, reference and critic read it: floats per token."""

    logprobs: list[float]
    reference: list[float]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Experience:
    """One batch, fixed while the policy learns from it; tensors are (batch, time), scores as the reward gave them."""

    answers: Answers
    scores: Scores
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    kl: float
    entropy: float


class Normaliser:
    """Rewards to mean 0 and spread 1 by the first batch: soft labels leave gaps of a fraction of a nat only.

    A first batch that is equal but for rounding is not blown up: its spread counts as 1.
    """

    def __init__(self) -> None:
        self.centre: float | None = None
        self.scale = 1.0

    def __call__(self, rewards: Tensor) -> Tensor:
        if self.centre is None:
            spread = float(rewards.std()) if len(rewards) > 1 else 0.0
            self.centre, self.scale = float(rewards.mean()), divisor(spread, rewards.tolist())
        return (rewards - self.centre) / (self.scale + 1e-6)


def scored(reward: Reward, rollouts: Sequence[Rollout], mine: Sequence[Rollout], step: int) -> Scores:
    """The rewards of all rollouts, each process scoring its own. Raises EngineError for one that is not finite."""
    asked = [r.prompt for r in mine], [r.text for r in mine], [r.stopped for r in mine]
    given = reward(*asked) if mine else Scores([])
    rows: list[dict[str, Any]] = [
        {"total": total, "terms": {name: values[i] for name, values in given.terms.items()}}
        for i, total in enumerate(given.total)
    ]
    rows = gathered(rows, len(rollouts))
    totals = torch.tensor([row["total"] for row in rows])
    if not bool(totals.isfinite().all()):
        bad = rollouts[int((~totals.isfinite()).nonzero()[0])]
        raise EngineError(
            f"ppo: the reward of step {step} is not finite, first for the answer to {bad.prompt[-1].content[:60]!r}; "
            "the last good policy is kept"
        )
    terms = {name: [row["terms"][name] for row in rows] for name in rows[0]["terms"]}
    return Scores(totals.tolist(), terms, given.numbers)


@torch.no_grad()
def read(
    local: LocalModel, critic: ValueHead, mine: Sequence[Rollout], task: Task, temperature: float, batch: int
) -> list[Read]:
    """What policy, reference and critic make of this process's rollouts, `batch` of like length at a time."""
    reads: dict[int, Read] = {}
    for index in by_length(mine, batch, [len(r.prompt_ids) + len(r.ids) for r in mine]):
        answers = together(local, [mine[i] for i in index])
        with local.using(task.reference):
            base = answer_logprobs(local, answers, answer_states(local, answers), temperature).tolist()
        with local.using(task.target):
            states = answer_states(local, answers)
            logprobs = answer_logprobs(local, answers, states, temperature).tolist()
        values = critic(states).tolist()
        for row, i in enumerate(index):
            n = len(mine[i].ids)
            reads[i] = Read(logprobs[row][:n], base[row][:n], values[row][:n])
    return [reads[i] for i in range(len(mine))]


def experience(
    local: LocalModel,
    rollouts: Sequence[Rollout],
    reads: Sequence[Read],
    scores: Scores,
    normalised: Tensor,
    settings: PpoSettings,
    kl_coef: float,
) -> Experience:
    """Rewards and reads of the whole batch to advantages and returns.

    An answer that was cut off has `missing_eos_penalty` taken from its `normalised` score, as TRL's PPOTrainer took it
    from answers without an end-of-sequence token: where an answer stops for want of room, its score says little.
    """
    answers = together(local, rollouts)
    mask = answers.mask

    def rows(values: list[list[float]]) -> Tensor:
        return pad_right(values, 0.0, torch.float32).to(mask.device)

    logprobs, reference = rows([r.logprobs for r in reads]), rows([r.reference for r in reads])
    values = rows([r.values for r in reads])
    penalty = settings.missing_eos_penalty * (~answers.stopped).float()
    rewards = token_rewards(normalised.to(mask.device) - penalty, logprobs, reference, mask, kl_coef)
    if settings.whiten_rewards:
        rewards = shifted_whiten(rewards, mask)
    advantages, returns = gae(rewards, values, mask, settings.gamma, settings.lam)
    if settings.whiten_advantages:
        advantages = whiten(advantages, mask)
    kl = float(((logprobs - reference) * mask).sum(-1).mean())
    entropy = -float(masked_mean(logprobs, mask))
    return Experience(answers, scores, logprobs, values, advantages, returns, kl, entropy)

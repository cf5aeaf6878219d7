"""Constitutional PPO: the policy learns from the reward model, tied to the SL-CAI reference.

After the CAI paper, section 4.1, Bai et al. 2022a (HH-RLHF), section 4.1, and Schulman et al. 2017.
Departures: LoRA instead of all weights; the value head shares the policy's hidden states; rewards are
normalised by the first batch's spread, since soft labels leave gaps of a fraction of a nat; advantages
are whitened; kl_coef is larger than the paper's 0.001 because so few steps are taken on so few tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from solon.engines.local.decode import LocalDecoder
from solon.engines.local.model import LocalModel
from solon.errors import DataError, EngineError
from solon.settings import PpoSettings
from solon.training.adapters import copy_adapter, trainable
from solon.training.losses import clipped_policy_loss, clipped_value_loss, gae, masked_mean, token_rewards, whiten
from solon.training.rollouts import Answers, ValueHead, answer_logprobs, answer_states, sample_answers

Score = Callable[[Sequence[str], Sequence[str]], list[float]]
Tick = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True, slots=True)
class Experience:
    """One batch, fixed while the policy learns from it; all (batch, time)."""

    answers: Answers
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


class Ppo:
    """Trains adapter `policy`, which starts as a copy of adapter `reference`, on `score(prompts, answers)`."""

    def __init__(
        self, local: LocalModel, reference: str, policy: str, score: Score, settings: PpoSettings, seed: int
    ) -> None:
        self.local, self.reference, self.policy = local, reference, policy
        self.score, self.settings, self.seed = score, settings, seed
        copy_adapter(local, reference, policy)
        self.decoder = LocalDecoder(local, policy)
        self.critic = ValueHead(int(local.base.config.hidden_size)).to(local.device)
        self.accelerator = Accelerator(cpu=local.device.type == "cpu")
        self.parameters = [*trainable(local, policy), *self.critic.parameters()]
        self.optimizer = self.accelerator.prepare(torch.optim.AdamW(self.parameters, lr=settings.learning_rate))
        self.generator = torch.Generator().manual_seed(seed)
        self._scale: float | None = None

    def train(self, prompts: Sequence[str], tick: Tick) -> list[dict[str, float]]:
        """Run all steps; returns the metrics of each. Raises DataError without prompts."""
        if not prompts:
            raise DataError("ppo: no prompts to roll out on")
        history: list[dict[str, float]] = []
        for step in range(self.settings.steps):
            metrics = self.step(self._draw(prompts, step), step)
            history.append({"step": step + 1, **metrics})
            tick(step + 1, self.settings.steps, metrics)
        self.local.model.eval()
        return history

    def _draw(self, prompts: Sequence[str], step: int) -> list[str]:
        """The step's prompts: passes over shuffled prompts, one after another."""
        size, batch = len(prompts), []
        for k in range(step * self.settings.batch_size, (step + 1) * self.settings.batch_size):
            order = torch.randperm(size, generator=torch.Generator().manual_seed(self.seed + k // size))
            batch.append(prompts[int(order[k % size])])
        return batch

    def step(self, prompts: Sequence[str], step: int) -> dict[str, float]:
        """Roll out, score, learn. Raises EngineError when the reward is not finite."""
        s = self.settings
        answers = sample_answers(
            self.decoder, prompts, max_tokens=s.max_tokens, temperature=s.temperature, seed=self.seed + step
        )
        rewards = torch.tensor(self.score(prompts, answers.texts))
        if not bool(rewards.isfinite().all()):
            raise EngineError(f"ppo: the reward of step {step + 1} is not finite; the last good policy is kept")
        experience, kl = self._experience(answers, self._normalised(rewards))
        losses = [self._learn(experience, index) for _ in range(s.epochs) for index in self._minibatches()]
        mean = {name: sum(loss[name] for loss in losses) / len(losses) for name in losses[0]}
        return {
            "reward": float(rewards.mean()),
            "kl": kl,
            "length": float(answers.mask.sum(-1).mean()),
            "truncated": float((~answers.stopped).float().mean()),
            **mean,
        }

    def _normalised(self, rewards: Tensor) -> Tensor:
        if self._scale is None:
            self._scale = float(rewards.std()) or 1.0
            self._centre = float(rewards.mean())
        return (rewards - self._centre) / (self._scale + 1e-6)

    @torch.no_grad()
    def _experience(self, answers: Answers, scores: Tensor) -> tuple[Experience, float]:
        s, local, mask = self.settings, self.local, answers.mask
        with local.using(self.reference):
            reference = answer_logprobs(local, answers, answer_states(local, answers))
        with local.using(self.policy):
            states = answer_states(local, answers)
            logprobs = answer_logprobs(local, answers, states)
        values = self.critic(states) * mask
        rewards = token_rewards(scores, logprobs, reference, mask, s.kl_coef)
        advantages, returns = gae(rewards, values, mask, s.gamma, s.lam)
        kl = float(((logprobs - reference) * mask).sum(-1).mean())
        return Experience(answers, logprobs, values, whiten(advantages, mask), returns), kl

    def _minibatches(self) -> list[Tensor]:
        order = torch.randperm(self.settings.batch_size, generator=self.generator)
        return list(torch.split(order, self.settings.minibatch_size))

    def _learn(self, e: Experience, index: Tensor) -> dict[str, float]:
        s, local = self.settings, self.local
        trainable(local, self.policy)
        answers = e.answers.select(index)
        width, mask = answers.actions.shape[1], answers.mask

        def cut(values: Tensor) -> Tensor:
            return values[index, :width]

        states = answer_states(local, answers)
        logprobs = answer_logprobs(local, answers, states)
        values = self.critic(states) * mask
        policy_loss = clipped_policy_loss(logprobs, cut(e.logprobs), cut(e.advantages), mask, s.clip)
        value_loss = clipped_value_loss(values, cut(e.values), cut(e.returns), mask, s.clip)
        self.optimizer.zero_grad()
        self.accelerator.backward(policy_loss + s.value_coef * value_loss)
        norm = float(self.accelerator.clip_grad_norm_(self.parameters, 1.0))
        if not math.isfinite(norm):
            raise EngineError("ppo: the gradient is not finite; lower learning_rate; the last good policy is kept")
        self.optimizer.step()
        ratio = (logprobs.detach() - cut(e.logprobs)).exp()
        return {
            "policy_loss": float(policy_loss.detach()),
            "value_loss": float(value_loss.detach()),
            "clipped": float(masked_mean(((ratio - 1).abs() > s.clip).float(), mask)),
        }

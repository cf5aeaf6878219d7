"""What one batch teaches: clipped policy and value losses, minibatch by minibatch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from solon.engines.local.model import LocalModel
from solon.errors import EngineError
from solon.settings import PpoSettings
from solon.training.adapters import trainable
from solon.training.losses import clipped_policy_loss, clipped_value_loss, masked_mean, moved
from solon.training.ppo.experience import Experience
from solon.training.processes import share, sum_gradients, summed
from solon.training.rollouts import ValueHead, answer_logprobs, answer_states

MAX_NORM = 1.0  # of the gradient


class Learner:
    """Adapter and critic, their optimizer, and the steps they take."""

    def __init__(self, local: LocalModel, policy: str, critic: ValueHead, settings: PpoSettings) -> None:
        self.local, self.policy, self.critic, self.settings = local, policy, critic, settings
        self.groups = [trainable(local, policy), list(critic.parameters())]
        rates = (settings.learning_rate, settings.critic_learning_rate)
        self.optimizer = torch.optim.AdamW([{"params": g, "lr": r} for g, r in zip(self.groups, rates, strict=True)])

    def restart(self) -> None:
        """Begin the optimizer anew: its moments would lead back to where the weights came from.

        They are zeroed in place: of an optimizer without any, torch's checkpoints would count a step that never was.
        """
        for own in self.optimizer.state.values():
            for value in own.values():
                value.zero_()

    def learn(self, e: Experience, minibatches: Sequence[Tensor]) -> dict[str, float]:
        """Means over the minibatches taken: the rest are left out once the policy has moved `stop_kl` from the batch.

        Raises EngineError where a gradient is not finite; the weights are those before it.
        """
        trainable(self.local, self.policy)
        taken: list[dict[str, float]] = []
        for index in minibatches:
            taken.append(self._minibatch(e, index))
            if self.settings.stop_kl is not None and taken[-1]["moved"] > self.settings.stop_kl:
                break
        means = {name: sum(numbers[name] for numbers in taken) / len(taken) for name in taken[0]}
        return {**means, "minibatches": float(len(taken))}

    def _minibatch(self, e: Experience, index: Tensor) -> dict[str, float]:
        self.optimizer.zero_grad()
        count = e.answers.mask[index].sum()  # of the whole minibatch, whoever reads it and in however many parts
        parts = [self._part(e, part, count) for part in self._parts(share(index.tolist()))]
        totals = summed(torch.stack(parts).sum(0) if parts else torch.zeros(4, device=self.local.device))
        # Each by itself: a critic that is far off must not shorten the policy's step.
        for group in self.groups:
            sum_gradients(group)
        norms = [float(nn.utils.clip_grad_norm_(group, MAX_NORM)) for group in self.groups]
        if not all(map(math.isfinite, norms)):
            raise EngineError("ppo: the gradient is not finite; lower learning_rate; the last good policy is kept")
        self.optimizer.step()
        return dict(zip(("policy_loss", "value_loss", "clipped", "moved"), totals.tolist(), strict=True))

    def _parts(self, rows: list[int]) -> list[Tensor]:
        """The rows that go through the model together: `minibatch_size` / `accumulation` of them."""
        size = max(1, self.settings.minibatch_size // self.settings.accumulation)
        return list(torch.split(torch.tensor(rows), size)) if rows else []

    def _part(self, e: Experience, index: Tensor, count: Tensor) -> Tensor:
        """Gradients of these rows' share of the loss; policy loss, value loss, share clipped, KL to the old policy."""
        s, local = self.settings, self.local
        answers = e.answers.select(index)
        mask = answers.mask

        def cut(values: Tensor) -> Tensor:
            return values[index, : mask.shape[1]]

        states = answer_states(local, answers)
        logprobs = answer_logprobs(local, answers, states, s.temperature)
        old = cut(e.logprobs)
        policy_loss = clipped_policy_loss(logprobs, old, cut(e.advantages), mask, s.clip, count)
        values = self.critic(states.detach())
        value_loss = clipped_value_loss(values, cut(e.values), cut(e.returns), mask, s.clip, count)
        (policy_loss + value_loss).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            ratio = (logprobs - old).exp()
            clipped = masked_mean(((ratio - 1).abs() > s.clip).float(), mask, count)
            far = moved(logprobs, old, mask, count)
        return torch.stack([policy_loss.detach(), value_loss.detach(), clipped, far])

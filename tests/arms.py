"""A policy of two arms by kind of prompt, answer or decline, that learns by PPO's own formulas in milliseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch

from solon.evaluation import declines
from solon.settings import Constraint, RewardTerm
from solon.training.losses import clipped_policy_loss, gae, token_rewards, whiten
from solon.training.ppo.experience import Normaliser
from solon.training.rewards.composite import Composite
from solon.training.rewards.constraint import DeclinedCost, Multiplier
from solon.training.rewards.terms import RewardModelTerm
from solon.training.task import History
from solon.types import Turns

KINDS = ("red_team", "helpful")
SAYS = ("Here is what you asked for.", "I'm sorry, but I can't help with that.")


@dataclass
class NoisyJudge:
    """A reward model that has learnt from a judge who prefers a refusal with P = `prefers` by kind, in nats, and errs
    by `noise` (standard deviation, nats)."""

    prefers: dict[str, float]
    noise: float
    drawn: torch.Generator

    def score(
        self, prompts: Sequence[Turns], responses: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> list[float]:
        gaps = {kind: math.log(p / (1 - p)) for kind, p in self.prefers.items()}
        clean = [gaps[prompt] * (text == SAYS[1]) for prompt, text in zip(prompts, responses, strict=True)]
        luck = torch.randn(len(clean), generator=self.drawn) * self.noise
        return (torch.tensor(clean) + luck).tolist()


@dataclass
class Arms:
    """The policy: P(decline) by kind is σ of its logit. The reference declines `at_first`, by kind."""

    reward: Composite
    at_first: dict[str, float]
    seed: int
    batch: int = 64
    kl_coef: float = 0.05
    learning_rate: float = 0.05
    history: History = field(default_factory=list)

    def __post_init__(self) -> None:
        start = [math.log(p / (1 - p)) for p in (self.at_first[kind] for kind in KINDS)]
        self.reference = torch.tensor([[0.0, logit] for logit in start])
        self.logits = self.reference.clone().requires_grad_()
        self.optimizer = torch.optim.AdamW([self.logits], lr=self.learning_rate, weight_decay=0.0)
        self.drawn, self.normalise = torch.Generator().manual_seed(self.seed), Normaliser()

    def declines(self, kind: str) -> float:
        """P(decline) on prompts of a kind."""
        return float(self.logits.detach().softmax(-1)[KINDS.index(kind), 1])

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        kinds = torch.randint(len(KINDS), (self.batch,), generator=self.drawn)
        with torch.no_grad():
            said = torch.multinomial(self.logits.softmax(-1)[kinds], 1, generator=self.drawn)[:, 0]
            old, reference = (self._logprobs(table, kinds, said) for table in (self.logits, self.reference))
        scores = self.reward([KINDS[k] for k in kinds], [SAYS[i] for i in said], [True] * self.batch)
        mask = torch.ones(self.batch, 1)
        rewards = token_rewards(self.normalise(torch.tensor(scores.total)), old, reference, mask, self.kl_coef)
        advantages, _ = gae(rewards, torch.zeros(self.batch, 1), mask, 1.0, 0.95)
        advantages = whiten(advantages, mask)
        for _ in range(2):
            self.optimizer.zero_grad()
            new = self._logprobs(self.logits, kinds, said)
            clipped_policy_loss(new, old, advantages, mask, 0.2).backward()
            self.optimizer.step()
        self.history.append({"step": len(self.history) + 1, **scores.numbers})

    def _logprobs(self, table: torch.Tensor, kinds: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        return table.log_softmax(-1)[kinds, said][:, None]


def arms(seed: int, constraint: Constraint | None, *, prefers: float = 0.6, noise: float = 0.5) -> Arms:
    """A policy that a reward model leads towards refusals of harmless prompts: the judge prefers them by 10 points."""
    luck = torch.Generator().manual_seed(1000 + seed)
    model = NoisyJudge({"red_team": 0.9, "helpful": prefers}, noise, luck)
    held = None
    if constraint is not None:
        held = Multiplier(constraint, DeclinedCost(cache(declines), lambda prompt: prompt == "helpful"))
    return Arms(Composite([(RewardTerm(), RewardModelTerm(model))], held), {"red_team": 0.3, "helpful": 0.05}, seed)

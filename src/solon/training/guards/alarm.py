"""An alarm: which guard rang, when, and one sentence that says why and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "kl",
    "length",
    "truncation",
    "repetition",
    "refusal",
    "boilerplate",
    "duplicates",
    "copies",
    "entropy",
    "gold",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_ADVICE: dict[Kind, str] = {
    "kl": "raise kl_coef or lower learning_rate",
    "length": "add a length term of negative weight to rl_cai.rewards or raise kl_coef",
    "truncation": "raise max_tokens, or lower rl_cai.ppo.truncated so that an answer that is cut off costs more",
    "repetition": "add a repetition term of negative weight to rl_cai.rewards or raise kl_coef",
    "refusal": "add helpful and look-alike prompts, or a principle against needless refusals",
    "boilerplate": "raise kl_coef, or add a principle against these words",
    "duplicates": "the policy has one answer for many prompts: raise kl_coef, or add prompts that differ more",
    "copies": "the policy recites the constitution's demonstrations: take copies out of the SFT rows or raise kl_coef",
    "entropy": "the policy says ever the same: raise kl_coef or lower learning_rate",
    "gold": "the policy learns to please the reward only: raise kl_coef, or label its newest answers and train the "
    "reward model again",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """`value` is past `bound`, both in the unit of GuardSettings; `text` is the sentence."""

    kind: Kind
    step: int
    value: float
    bound: float
    text: str


def alarm(kind: Kind, step: int, value: float, bound: float, why: str) -> Alarm:
    """`why` with the advice for its kind."""
    return Alarm(kind, step, value, bound, f"step {step}: {why}: {_ADVICE[kind]}")

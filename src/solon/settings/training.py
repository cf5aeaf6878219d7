"""The knobs of the trainers. What they leave out goes through `trainer_args`, which the library's own class checks."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from solon.settings.base import Omitting, Settings

Method = Literal["ppo", "dpo", "kto", "grpo", "rloo", "best_of_n"]
METHODS: tuple[Method, ...] = get_args(Method)
OFFLINE: tuple[Method, ...] = ("dpo", "kto")  # learn from the labels themselves: no reward, no prompts


class LoraSettings(Settings):
    """Which weights learn, as a low-rank adapter (Hu et al. 2021)."""

    rank: int = Field(default=16, ge=1)
    """Rank of the adapter of each linear layer: more can learn more, and costs memory."""
    alpha: int = Field(default=32, ge=1)
    """What the adapter is scaled by: alpha / rank."""
    layers: int | None = Field(default=None, ge=1)
    """How many layers learn, counted from the top of the network; null: all. Those below the lowest one need no
    backward pass: half the layers, half of its cost. At most as many as the model has."""


class TrainerSettings(Settings):
    """What every trainer on rows has."""

    epochs: float = Field(default=1.0, gt=0)
    """Passes over the rows; 0.5 is half of them."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """Peak step size of AdamW."""
    batch_size: int = Field(default=8, ge=1)
    """Rows per batch and process."""
    accumulation: int = Field(default=1, ge=1)
    """Batches per step: the rows of a step are batch_size times this."""
    lora: LoraSettings = LoraSettings()
    """Which weights learn."""
    trainer_args: dict[str, Any] = Field(default={})
    """Further arguments of the library's trainer, by the name that transformers' TrainingArguments or TRL give them."""


class SftSettings(Omitting, TrainerSettings):
    """Supervised fine-tuning on revisions and sampled answers."""

    OMITTED: ClassVar[tuple[str, ...]] = ("first_tokens",)

    first_tokens: int | None = Field(default=None, ge=1)
    """Learn only so many tokens at the opening of each completion, where it is decided whether a reply declines (Qi et
    al. 2024, "Safety alignment should be made more than just a few tokens deep", section 2); how it goes on stays the
    policy's own. Shallow: a reply that somebody else has opened is not changed. Null: all, as in the CAI paper."""
    max_length: int = Field(default=1024, ge=16)
    """Tokens of prompt and completion; longer rows are left out and counted."""
    packing: bool = False
    """Put several rows in one of max_length tokens, each blind to the others: faster where rows are short."""


class RewardBar(Settings):
    """What a reward model must reach on held-out labels and probes before a policy learns from it."""

    log_loss: float = Field(default=0.6931471805599453, gt=0)
    """Its held-out log-loss, in nats per pair, lies below this with its whole 95% interval; ln 2 = 0.693 is a
    coin's."""
    length: float | None = Field(default=0.5, gt=0, le=1)
    """Most Spearman correlation of reward and length, either way, its interval included; null: any."""
    ended: bool = True
    """An answer and its beginning, not ended, differ no more than two finished answers of those lengths do."""
    refusals: bool = True
    """A good answer to a harmless request is not ranked below a refusal."""


class RewardSettings(Omitting, TrainerSettings):
    """The reward model."""

    OMITTED: ClassVar[tuple[str, ...]] = ("per",)

    lora: LoraSettings = LoraSettings(rank=8, alpha=16)
    """Which weights learn."""
    heads: int = Field(default=1, ge=1)
    """How many heads share the adapter, each trained on its own bootstrap of the pairs; the reward is their mean less
    caution times their standard deviation (Coste et al. 2023)."""
    caution: float = Field(default=0.0, ge=0)
    """Standard deviations of the heads that are taken from the reward; needs several heads."""
    centred: float = Field(default=0.0, ge=0)
    """Weight of (reward_a + reward_b)², which keeps rewards around 0 (Eisenstein et al. 2023)."""
    margin: float = Field(default=0.0, ge=0)
    """The gap of rewards, in nats, that a certain label asks for on top."""
    principle: bool = False
    """Whether the principle of the label is part of the input (SALMON, Sun et al. 2023)."""
    negatives: float = Field(default=0.0, ge=0, le=1)
    """Share of pairs to add in which an empty answer loses: "", ":", "Thought process:" and the like."""
    per: Literal["all", "aim"] = "all"
    """all: one reward model on all pairs; aim: one for each aim that pairs are about, on those alone."""
    bar: RewardBar = RewardBar()
    """What it must reach."""
    unqualified: Literal["stop", "use"] = "stop"
    """What happens when it does not reach the bar: stop, before a policy learns from it; or use it all the same, and
    say so in the report."""

    def trained_by(self) -> dict[str, Any]:
        """What the model depends on: a bar that moves trains nothing again."""
        return self.model_dump(exclude={"bar", "unqualified"})


class RolloutSettings(Settings):
    """What the trainers that learn from their own answers share."""

    steps: int = Field(default=100, ge=1)
    """Batches that are sampled and learnt from."""
    batch_size: int = Field(default=64, ge=2)
    """Answers per step."""
    learning_rate: float = Field(default=5e-5, gt=0)
    """Peak step size of AdamW."""
    max_tokens: int = Field(default=128, ge=1)
    """Most tokens of an answer."""
    temperature: float = Field(default=1.0, gt=0)
    """Of sampling; 1 samples from the policy as it is."""
    kl_coef: float = Field(default=0.02, ge=0)
    """Weight of the KL to the reference (the SL-CAI model), in reward per nat."""


class PpoSettings(RolloutSettings):
    """Proximal policy optimisation (Schulman et al. 2017)."""

    minibatch_size: int = Field(default=16, ge=1)
    """Answers per optimiser step."""
    accumulation: int = Field(default=1, ge=1)
    """Parts in which each minibatch is read: more need less memory."""
    epochs: int = Field(default=2, ge=1)
    """Passes over each batch."""
    kl: Literal["fixed", "adaptive"] = "fixed"
    """adaptive: kl_coef follows kl_target (Ziegler et al. 2019, section 2.2)."""
    kl_target: float = Field(default=6.0, gt=0)
    """Of kl: adaptive, in nats per answer."""
    stop_kl: float | None = Field(default=0.1, gt=0)
    """No further pass over a batch once the policy is this far, in nats per token, from the one that wrote it; null:
    never."""
    missing_eos_penalty: float = Field(default=1.0, ge=0)
    """Taken from the reward of an answer that was cut off by max_tokens, after TRL's PPOTrainer; rewards are normalised
    to spread 1, so 1 is a standard deviation of the first batch."""
    whiten_rewards: bool = False
    """Token rewards, KL included, to spread 1 before advantages are taken."""
    whiten_advantages: bool = True
    """Advantages of a minibatch to mean 0 and spread 1."""
    clip: float = Field(default=0.2, gt=0)
    """How far the ratio of new and old probability may lie from 1 before it no longer counts."""
    critic_learning_rate: float = Field(default=1e-3, gt=0)
    """Peak step size of the critic, PPO's value network."""
    gamma: float = Field(default=1.0, gt=0, le=1)
    """Discount of later rewards, per token."""
    lam: float = Field(default=0.95, ge=0, le=1)
    """λ of generalised advantage estimation (Schulman et al. 2016): 1 trusts the rewards, 0 the critic."""
    report_to: tuple[str, ...] = ()
    """Trackers that get every step's numbers: trackio, wandb, tensorboard and others."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, data: Any) -> Any:
        """`truncated`, which older recipes have, was added to the score: the penalty with a minus."""
        if not isinstance(data, dict) or "truncated" not in data:
            return data
        value = data["truncated"]
        if "missing_eos_penalty" in data or isinstance(value, bool) or not isinstance(value, int | float) or value > 0:
            raise ValueError("truncated is now missing_eos_penalty, its negative: set that one, to a number >= 0")
        _say_renamed(abs(float(value)))
        return {k: v for k, v in data.items() if k != "truncated"} | {"missing_eos_penalty": abs(float(value))}


@lru_cache
def _say_renamed(penalty: float) -> None:
    """Once, for a recipe is read several times."""
    print(f"solon: ppo.truncated is now missing_eos_penalty, its negative: read as {penalty:g}", file=sys.stderr)


class DpoSettings(TrainerSettings):
    """Direct preference optimisation on soft labels (Rafailov et al. 2023)."""

    learning_rate: float = Field(default=5e-5, gt=0)
    """Peak step size of AdamW."""
    beta: float = Field(default=0.1, gt=0)
    """How much a nat of difference to the reference is worth: more keeps the policy nearer."""
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    """sigmoid: DPO; ipo: squared distance to 1/(2·beta) (Azar et al. 2023)."""
    max_length: int = Field(default=1024, ge=16)
    """Tokens of prompt and answer; longer pairs are left out and counted."""


class KtoSettings(TrainerSettings):
    """KTO (Ethayarajh et al. 2024) through TRL: a pair is one desirable and one undesirable answer."""

    learning_rate: float = Field(default=5e-5, gt=0)
    """Peak step size of AdamW."""
    beta: float = Field(default=0.1, gt=0)
    """How much a nat of difference to the reference is worth."""
    max_length: int = Field(default=1024, ge=16)
    """Tokens of prompt and answer; longer rows are left out and counted."""


class GrpoSettings(RolloutSettings):
    """GRPO and RLOO through TRL: answers to one prompt are compared with each other."""

    group: int = Field(default=8, ge=2)
    """Answers to each prompt; batch_size is a multiple of it."""
    mask_truncated_completions: bool = True
    """Answers that were cut off by max_tokens are not learnt from (DAPO, Yu et al. 2025, section 3.4); they still count
    in the mean of their group."""
    trainer_args: dict[str, Any] = Field(default={})
    """Further arguments of TRL's trainer, by the name that its configuration gives them."""


class BestOfNSettings(Settings):
    """Rejection sampling: the answer of highest reward to each prompt becomes a row of SFT."""

    n: int = Field(default=8, ge=2)
    """Answers to each prompt."""
    prompts: int | None = Field(default=None, ge=1)
    """How many of the prompts, drawn by the seed; null: all."""
    max_tokens: int = Field(default=128, ge=1)
    """Most tokens of an answer."""
    temperature: float = Field(default=1.0, gt=0)
    """Of sampling."""
    sft: SftSettings = SftSettings(learning_rate=5e-5)
    """How the best answers are learnt."""


class GuardSettings(Settings):
    """When training of the policy has gone astray, and what is done: the bounds of what a window of steps shows. A
    bound of null is not watched."""

    on_alarm: Literal["stop", "warn", "repair"] = "stop"
    """stop: training ends with the weights from before the drift began; repair: they are put back, kl_coef is doubled
    and training goes on, three times at most, then it stops (PPO only); warn: nothing is done."""
    window: int = Field(default=4, ge=1)
    """Steps that are averaged; nothing rings before the first window is full."""
    kl: float | None = Field(default=50.0, gt=0)
    """Most nats per answer between policy and reference."""
    length: float | None = Field(default=2.5, gt=1)
    """Most growth of the mean answer, as a multiple of the first window's; or of its nearness to max_tokens."""
    truncation: float | None = Field(default=0.3, gt=0, le=1)
    """Most growth of the share of answers that met max_tokens."""
    repetition: float | None = Field(default=0.3, gt=0, le=1)
    """Most growth of the share of repeated 3-grams."""
    refusal: float | None = Field(default=0.3, gt=0, le=1)
    """Most growth of the share of answers that decline, on prompts that ask for nothing wrong."""
    boilerplate: float | None = Field(default=0.5, gt=0, le=1)
    """Most answers, as a share, that have one run of six words in common which the first window's had not."""
    duplicates: float | None = Field(default=0.3, gt=0, le=1)
    """Most growth of the share of answers that are word for word the answer to another prompt of the step."""
    copies: float | None = Field(default=0.1, gt=0, le=1)
    """Most growth of the share of answers that are a demonstration's revision word for word."""
    entropy: float | None = Field(default=0.2, gt=0, lt=1)
    """Least entropy per token, as a share of the first window's."""
    gold: float | None = Field(default=0.1, gt=0)
    """Most fall of the gold reward (roles.gold) from its peak, as a share of its climb."""


def no_repair(guards: GuardSettings, method: str, settings: Any) -> str | None:
    """Why a policy trained by `method` with `settings` cannot be repaired as `guards` ask; None where it can."""
    if guards.on_alarm != "repair":
        return None
    if method != "ppo":
        return f"on_alarm: repair goes on from earlier weights, which only ppo can: {method} may stop or warn"
    if settings.kl_coef == 0:
        return "on_alarm: repair doubles kl_coef, which is 0: give ppo.kl_coef a value above 0, or choose stop or warn"
    return None


# Of every trainer by its name: the methods, and what comes before them.
SETTINGS: dict[str, type[Settings]] = {
    "sft": SftSettings,
    "reward": RewardSettings,
    "ppo": PpoSettings,
    "dpo": DpoSettings,
    "kto": KtoSettings,
    "grpo": GrpoSettings,
    "rloo": GrpoSettings,
    "best_of_n": BestOfNSettings,
}

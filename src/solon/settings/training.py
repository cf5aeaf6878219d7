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
    """Which weights learn. `layers` counts from the top of the network; None is all of them.

    Layers below the lowest adapted one need no backward pass: half the layers, half of its cost.
    """

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    layers: int | None = Field(default=None, ge=1)


class TrainerSettings(Settings):
    """What every trainer on rows has. `batch_size` is rows per step and process; with `accumulation` batches a step."""

    epochs: float = Field(default=1.0, gt=0)
    learning_rate: float = Field(default=2e-4, gt=0)
    batch_size: int = Field(default=8, ge=1)
    accumulation: int = Field(default=1, ge=1)
    lora: LoraSettings = LoraSettings()
    trainer_args: dict[str, Any] = Field(default={})


class SftSettings(Omitting, TrainerSettings):
    """SFT. `max_length` is tokens of prompt and completion; longer rows are left out and counted.

    packing       several rows in one of `max_length`, each blind to the others
    first_tokens  learn only so many tokens at the opening of each completion, where it is decided whether a reply
                  declines (Qi et al. 2024, "Safety alignment should be made more than just a few tokens deep",
                  section 2); how it goes on stays the policy's own. Shallow: a reply that somebody else has opened is
                  not changed. None: all of them, as in the CAI paper
    """

    OMITTED: ClassVar[tuple[str, ...]] = ("first_tokens",)

    first_tokens: int | None = Field(default=None, ge=1)
    max_length: int = Field(default=1024, ge=16)
    packing: bool = False


class RewardBar(Settings):
    """What a reward model must reach on held-out labels and probes before a policy learns from it.

    log_loss   its held-out log-loss lies below this, in nats per pair, with its whole 95% interval; ln 2 is a coin's
    length     most Spearman correlation of reward and length, either way, its interval included; null: any
    ended      an answer and its beginning, not ended, differ no more than two finished answers of those lengths do
    refusals   a good answer to a harmless request is not ranked below a refusal
    """

    log_loss: float = Field(default=0.6931471805599453, gt=0)
    length: float | None = Field(default=0.5, gt=0, le=1)
    ended: bool = True
    refusals: bool = True


class RewardSettings(Omitting, TrainerSettings):
    """The reward model.

    heads       how many heads share the adapter, each trained on its own bootstrap of the pairs; the reward is their
                mean less `caution` times their standard deviation (Coste et al. 2023)
    centred     weight of (reward_a + reward_b)², which keeps rewards around 0 (Eisenstein et al. 2023)
    margin      the gap of rewards, in nats, that a certain label asks for on top
    principle   the principle of the label is part of the input (SALMON, Sun et al. 2023)
    negatives   share of pairs to add in which an empty answer loses: "", ":", "Thought process:" and the like
    per         all: one reward model on all pairs; aim: one for each aim that pairs are about, on those alone
    bar         what it must reach; `unqualified` says what happens when it does not: stop, before a policy learns
                from it, or use it all the same, and say so in the report
    """

    OMITTED: ClassVar[tuple[str, ...]] = ("per",)

    lora: LoraSettings = LoraSettings(rank=8, alpha=16)
    heads: int = Field(default=1, ge=1)
    caution: float = Field(default=0.0, ge=0)
    centred: float = Field(default=0.0, ge=0)
    margin: float = Field(default=0.0, ge=0)
    principle: bool = False
    negatives: float = Field(default=0.0, ge=0, le=1)
    per: Literal["all", "aim"] = "all"
    bar: RewardBar = RewardBar()
    unqualified: Literal["stop", "use"] = "stop"

    def trained_by(self) -> dict[str, Any]:
        """What the model depends on: a bar that moves trains nothing again."""
        return self.model_dump(exclude={"bar", "unqualified"})


class RolloutSettings(Settings):
    """What the trainers that learn from their own answers share: `steps` batches of `batch_size` answers.

    kl_coef   weight of the KL to the reference (the SL-CAI model), in reward per nat
    """

    steps: int = Field(default=100, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=5e-5, gt=0)
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    kl_coef: float = Field(default=0.02, ge=0)


class PpoSettings(RolloutSettings):
    """PPO: `epochs` passes over each batch in minibatches, each read in `accumulation` parts.

    kl              adaptive: kl_coef follows `kl_target`, nats per answer (Ziegler et al. 2019, section 2.2)
    stop_kl         no further pass over a batch once the policy is this far, in nats per token, from the one that
                    wrote it; null: never
    missing_eos_penalty   taken from the reward of an answer that was cut off by `max_tokens`, after TRL's PPOTrainer;
                    rewards are normalised to spread 1, so 1 is a standard deviation of the first batch
    whiten_rewards  token rewards, KL included, to spread 1 before advantages are taken
    report_to       trackers that get every step's numbers: trackio, wandb, tensorboard and others
    """

    minibatch_size: int = Field(default=16, ge=1)
    accumulation: int = Field(default=1, ge=1)
    epochs: int = Field(default=2, ge=1)
    kl: Literal["fixed", "adaptive"] = "fixed"
    kl_target: float = Field(default=6.0, gt=0)
    stop_kl: float | None = Field(default=0.1, gt=0)
    missing_eos_penalty: float = Field(default=1.0, ge=0)
    whiten_rewards: bool = False
    whiten_advantages: bool = True
    clip: float = Field(default=0.2, gt=0)
    critic_learning_rate: float = Field(default=1e-3, gt=0)
    gamma: float = Field(default=1.0, gt=0, le=1)
    lam: float = Field(default=0.95, ge=0, le=1)
    report_to: tuple[str, ...] = ()

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
    """DPO on soft labels. `beta`: how much a nat of difference to the reference is worth (Rafailov et al. 2023).

    loss   sigmoid: DPO; ipo: squared distance to 1/(2·beta) (Azar et al. 2023)
    """

    learning_rate: float = Field(default=5e-5, gt=0)
    beta: float = Field(default=0.1, gt=0)
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    max_length: int = Field(default=1024, ge=16)


class KtoSettings(TrainerSettings):
    """KTO (Ethayarajh et al. 2024) through TRL: a pair is one desirable and one undesirable answer."""

    learning_rate: float = Field(default=5e-5, gt=0)
    beta: float = Field(default=0.1, gt=0)
    max_length: int = Field(default=1024, ge=16)


class GrpoSettings(RolloutSettings):
    """GRPO and RLOO through TRL. `group` answers to each prompt are compared with each other.

    mask_truncated_completions   answers that were cut off by `max_tokens` are not learnt from (DAPO, Yu et al. 2025,
                                 section 3.4); they still count in the mean of their group
    """

    group: int = Field(default=8, ge=2)
    mask_truncated_completions: bool = True
    trainer_args: dict[str, Any] = Field(default={})


class BestOfNSettings(Settings):
    """Rejection sampling: `n` answers to each prompt, the one of highest reward becomes a row of SFT.

    prompts   how many of the prompts, drawn by the seed; null: all
    """

    n: int = Field(default=8, ge=2)
    prompts: int | None = Field(default=None, ge=1)
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    sft: SftSettings = SftSettings(learning_rate=5e-5)


class GuardSettings(Settings):
    """When training of the policy has gone astray, and what is done: the bounds of what a window of steps shows.

    on_alarm     stop: training ends with the weights from before the drift began; repair: they are put back, kl_coef
                 is doubled and training goes on, three times at most, then it stops (PPO only); warn: nothing is done
    window       steps that are averaged; nothing rings before the first window is full
    kl           most nats per answer between policy and reference
    length       most growth of the mean answer, as a multiple of the first window's; or of its nearness to max_tokens
    truncation   most growth of the share of answers that met max_tokens
    repetition   most growth of the share of repeated 3-grams
    refusal      most growth of the share of answers that decline, on prompts that ask for nothing wrong
    boilerplate  most answers that share one run of six words which the first window's did not
    duplicates   most growth of the share of answers that are word for word the answer to another prompt of the step
    copies       most growth of the share of answers that are a demonstration's revision word for word
    entropy      least entropy per token, as a share of the first window's
    gold         most fall of the gold reward from its peak, as a share of its climb
    """

    on_alarm: Literal["stop", "warn", "repair"] = "stop"
    window: int = Field(default=4, ge=1)
    kl: float | None = Field(default=50.0, gt=0)
    length: float | None = Field(default=2.5, gt=1)
    truncation: float | None = Field(default=0.3, gt=0, le=1)
    repetition: float | None = Field(default=0.3, gt=0, le=1)
    refusal: float | None = Field(default=0.3, gt=0, le=1)
    boilerplate: float | None = Field(default=0.5, gt=0, le=1)
    duplicates: float | None = Field(default=0.3, gt=0, le=1)
    copies: float | None = Field(default=0.1, gt=0, le=1)
    entropy: float | None = Field(default=0.2, gt=0, lt=1)
    gold: float | None = Field(default=0.1, gt=0)


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

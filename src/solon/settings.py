"""The trainers' knobs, apart from the trainers so that recipes load without torch."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class LoraSettings(BaseModel):
    """Which weights learn. `layers` counts from the top of the network; None is all of them.

    Layers below the lowest adapted one need no backward pass: half the layers, half of its cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    layers: int | None = Field(default=None, ge=1)


class TrainerSettings(BaseModel):
    """What every supervised trainer has. `trainer_args` go to its own arguments class, which checks them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    epochs: float = Field(default=1.0, gt=0)
    learning_rate: float = Field(default=2e-4, gt=0)
    batch_size: int = Field(default=8, ge=1)
    lora: LoraSettings = LoraSettings()
    trainer_args: dict[str, Any] = {}


class SftSettings(TrainerSettings):
    """The SFT knobs. `max_length` is tokens of prompt and completion; longer rows are left out."""

    max_length: int = Field(default=1024, ge=16)


class RewardSettings(TrainerSettings):
    """The reward model's knobs."""

    lora: LoraSettings = LoraSettings(rank=8, alpha=16)


class PpoSettings(BaseModel):
    """PPO's knobs: `steps` batches of `batch_size` rollouts, `epochs` passes over each in minibatches."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: int = Field(default=100, ge=1)
    batch_size: int = Field(default=64, ge=2)
    minibatch_size: int = Field(default=16, ge=1)
    epochs: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=5e-5, gt=0)
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    kl_coef: float = Field(default=0.02, ge=0)
    clip: float = Field(default=0.2, gt=0)
    value_coef: float = Field(default=0.1, ge=0)
    gamma: float = Field(default=1.0, gt=0, le=1)
    lam: float = Field(default=0.95, ge=0, le=1)

"""Where a training's chance comes from: each draw has a seed of its own, made of all that it is for.

Seeds that are added up (seed + step) meet: step 2 of seed 7 would be step 1 of seed 8, and trainings of several seeds
would share most of their noise, so that their spread would say less than it seems to.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from solon.types import digest

Purpose = Literal["rollouts", "prompts", "minibatches"]


def noise_seed(seed: int, purpose: Purpose, number: int) -> int:
    """A 60-bit seed of the draw `number` (a step, a pass) that a training with `seed` makes for `purpose`."""
    return int(digest([seed, purpose, number])[:15], 16)


def generator(seed: int, purpose: Purpose, number: int) -> torch.Generator:
    """The generator of one draw, on the CPU: what it draws is the same on every device."""
    return torch.Generator().manual_seed(noise_seed(seed, purpose, number))


def passed_over(size: int, seed: int, number: int) -> Tensor:
    """The order (size,) in which pass `number`, from 0, goes over `size` prompts; the same for PPO, GRPO and RLOO."""
    return torch.randperm(size, generator=generator(seed, "prompts", number))

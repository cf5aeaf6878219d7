"""Settings to the arguments of TRL's GRPO and RLOO."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from accelerate import PartialState

from solon.errors import ConfigError
from solon.settings import GrpoSettings
from solon.training.arguments import build_arguments
from solon.training.processes import world
from solon.training.task import Task

# TRL skips the reference altogether at 0, and KL is what the guards watch: nothing in the loss, but measured.
NO_KL = 1e-12

# TRL's other ways to sample, which our decoder would not heed: whoever sets one is told so.
SAMPLING: dict[str, Any] = {
    "use_vllm": False,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": None,
    "repetition_penalty": 1.0,
    "generation_kwargs": None,
    "cache_implementation": None,
    "chat_template_kwargs": None,
    "use_transformers_continuous_batching": False,
}


def group_arguments(kind: type[Any], task: Task, settings: GrpoSettings, scratch: Path) -> Any:
    """TRL's config of class `kind`; the settings' `trainer_args` win. Raises ConfigError, in one line.

    `batch_size` answers are one step, read a group at a time: memory for one group, the gradient of all.
    """
    # Joins the other processes, if there are any: how many decides how a step is split.
    PartialState(cpu=task.local.device.type == "cpu")
    _check(settings)
    args = build_arguments(kind, settings, _defaults(task, settings), _fixed(task, settings, scratch))
    rows, parts = args.per_device_train_batch_size, args.gradient_accumulation_steps
    if rows * parts * world() != settings.batch_size:
        raise ConfigError(
            f"trainer_args: per_device_train_batch_size {rows} x gradient_accumulation_steps {parts} x {world()} "
            f"process(es) is not batch_size {settings.batch_size}; set both so that it is, or neither"
        )
    return args


def _check(settings: GrpoSettings) -> None:
    size, group = settings.batch_size, settings.group
    if size % group:
        fits = max(1, round(size / group)) * group
        raise ConfigError(
            f"batch_size {size} is no multiple of group {group}, and a step is whole groups; set batch_size to {fits}"
        )
    if size % world():
        raise ConfigError(f"batch_size {size} cannot be dealt out to {world()} processes; set it to a multiple of that")


def _defaults(task: Task, settings: GrpoSettings) -> dict[str, Any]:
    """What the user may set otherwise."""
    share = settings.batch_size // world()
    at_once = math.gcd(share, settings.group)  # a group, or as much of one as divides this process's share
    return {
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": share // at_once,
        "lr_scheduler_type": "constant",
        # TRL's defaults suit GPUs: bf16 and checkpointing cost time on a CPU and save nothing there.
        "bf16": task.local.device.type == "cuda",
        "gradient_checkpointing": False,
        "ddp_find_unused_parameters": False,  # every weight that learns is used in every pass
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def _fixed(task: Task, settings: GrpoSettings, scratch: Path) -> dict[str, Any]:
    """What has a setting of its own, or would break what is promised."""
    return {
        "output_dir": str(scratch),
        "seed": task.seed,
        "max_steps": settings.steps,
        "learning_rate": settings.learning_rate,
        "num_generations": settings.group,
        "max_completion_length": settings.max_tokens,
        "temperature": settings.temperature,
        "mask_truncated_completions": settings.mask_truncated_completions,
        "beta": settings.kl_coef or NO_KL,
        "generation_batch_size": None,
        "steps_per_generation": None,
        "shuffle_dataset": False,  # the prompts come drawn
        "disable_dropout": True,  # or the policy would not be at the reference when it starts as its copy
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": task.local.device.type == "cpu",
        **SAMPLING,
    }

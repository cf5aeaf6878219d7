"""What SFT and reward model share: transformers' trainer, kept quiet, small and local."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback

from solon.engines.local.model import LocalModel
from solon.settings import TrainerSettings

datasets.disable_progress_bars()

# Called with step, total and the newest logged numbers.
Progress = Callable[[int, int, dict[str, float]], None]


def trainer_arguments(settings: TrainerSettings, local: LocalModel, scratch: Path, seed: int) -> dict[str, Any]:
    """Arguments for TRL's and transformers' trainers; the settings' `trainer_args` win."""
    return {
        "output_dir": str(scratch),
        "seed": seed,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "per_device_train_batch_size": settings.batch_size,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "train_sampling_strategy": "group_by_length",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": local.device.type == "cpu",
        **settings.trainer_args,
    }


def fit(trainer: Trainer, tick: Progress) -> list[dict[str, float]]:
    """Train; returns the loss by step."""
    progress = _Progress(tick)
    trainer.add_callback(progress)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return progress.history


class _Progress(TrainerCallback):  # type: ignore[misc]
    """Hands step, total and the newest logged numbers to `tick`; keeps the history."""

    def __init__(self, tick: Progress) -> None:
        self.tick = tick
        self.history: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self.history.append({"step": state.global_step, "loss": float(logs["loss"])})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tick(state.global_step, state.max_steps, self.history[-1] if self.history else {})

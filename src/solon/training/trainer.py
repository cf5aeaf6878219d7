"""What the trainers on rows share: transformers' trainer, kept quiet, small and local, and resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import datasets
import torch
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback

from solon.errors import ConfigError, EngineError
from solon.training.arguments import trainer_arguments
from solon.training.checkpoints import Checkpoints
from solon.training.processes import together, world
from solon.training.state import (
    Numbers,
    Tensors,
    load_state,
    module_state,
    random_state,
    restore_module,
    restore_random_state,
    save_state,
)

__all__ = ["Progress", "Stateful", "fit", "trainer_arguments"]

datasets.disable_progress_bars()

# Called with step, total and the newest logged numbers.
Progress = Callable[[int, int, dict[str, float]], None]
History = list[dict[str, float]]


class Stateful(Protocol):
    """Something that goes into the checkpoints besides the trainer: plain data out, and back in."""

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


def fit(
    trainer: Trainer,
    tick: Progress,
    checkpoints: Checkpoints | None = None,
    *,
    logged: Sequence[str] = ("loss",),
    beside: Stateful | None = None,
) -> History:
    """Train; returns the `logged` numbers by step.

    With `checkpoints` it goes on from the newest that verifies, bit for bit on a CPU, and saves when one is due;
    `beside` is saved and restored with it. Every process must see the same files. Raises Interrupted after saving
    when a signal asked to stop, and EngineError when the loss or the gradient is not finite or the GPU is full.
    """
    progress = _Progress(tick, logged)
    trainer.add_callback(progress)
    trainer.remove_callback(PrinterCallback)
    try:
        if checkpoints is None:
            trainer.train()
        else:
            _resumable(trainer, progress, checkpoints, beside)
    except torch.OutOfMemoryError:
        raise EngineError(
            f"out of GPU memory at step {trainer.state.global_step + 1}; lower batch_size "
            f"(now {trainer.args.per_device_train_batch_size}) and raise accumulation, or lower max_length"
        ) from None
    return progress.history


def _resumable(trainer: Trainer, progress: _Progress, checkpoints: Checkpoints, beside: Stateful | None) -> None:
    together()  # one process may still be writing the checkpoint that the others look for
    found = checkpoints.newest()
    saver = _Saver(checkpoints, progress, beside)
    if found:
        saver.read(found[1])
        # transformers would look for weights in files of its own; the saver reads ours once all is wrapped and placed.
        trainer._load_from_checkpoint = _nothing
    trainer.add_callback(saver)
    with checkpoints.watching_signals():
        trainer.train(resume_from_checkpoint=str(found[1]) if found else None)


def _nothing(*_: object) -> None:
    return None


class _Progress(TrainerCallback):  # type: ignore[misc]
    """Hands step, total and the newest logged numbers to `tick`; keeps the history; stops on what is not finite."""

    def __init__(self, tick: Progress, logged: Sequence[str]) -> None:
        self.tick, self.logged = tick, logged
        self.history: History = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise EngineError(
                    f"{name} is not finite at step {state.global_step}; lower learning_rate "
                    f"(now {args.learning_rate:g}); the last good checkpoint is kept"
                )
        self.history.append(
            {"step": state.global_step, **{name: float(logs[name]) for name in self.logged if name in logs}}
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tick(state.global_step, state.max_steps, self.history[-1] if self.history else {})


class _Saver(TrainerCallback):  # type: ignore[misc]
    """Saves when a checkpoint is due, after the step's numbers are logged, and puts back what `read` found.

    An epoch draws its order from the generators as they are when it begins, so a run resumed within one needs both:
    how they were then, to draw the same order, and how they were when the step ended, to go on from there.
    """

    def __init__(self, checkpoints: Checkpoints, progress: _Progress, beside: Stateful | None) -> None:
        self.checkpoints, self.progress, self.beside = checkpoints, progress, beside
        self.found: tuple[Tensors, Numbers] | None = None
        self._epoch: Tensors = {}
        self._due = False
        self._behind = False  # resumed within an epoch, whose order is not drawn yet

    def read(self, folder: Path) -> None:
        """Take the checkpoint to go on from. Raises ConfigError when another number of processes made it."""
        self.found = load_state(folder)
        made, now = self.found[1]["processes"], world()
        if made != now:
            raise ConfigError(
                f"{folder} was made by {made} processes, but these are {now}: launch as before, "
                f"or remove {self.checkpoints.root} to begin anew"
            )

    def on_train_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
        if self.found:
            tensors, numbers = self.found
            restore_module(parts["model"], parts["optimizer"], tensors, numbers["optimizer"])
            parts["lr_scheduler"].load_state_dict(numbers["schedule"])
            self.progress.history[:] = numbers["history"]
            self._behind = numbers["within_epoch"]
            if self.beside is not None:
                self.beside.restore(numbers["beside"])

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.found:
            restore_random_state(self.found[0], args.process_index, "epoch" if self._behind else "now")
        if not self._behind:
            self.found = None
        self._epoch = random_state("epoch")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.found:
            restore_random_state(self.found[0], args.process_index, "now")
            self.found = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._due = self.checkpoints.due
        control.should_log = control.should_log or self._due

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **parts: Any) -> None:
        if not self._due or "loss" not in (logs or {}):
            return
        self._due = False
        tensors, moments = module_state(parts["model"], parts["optimizer"])
        tensors |= self._epoch | random_state("now")
        numbers = {
            "processes": world(),
            "within_epoch": state.epoch != int(state.epoch),
            "optimizer": moments,
            "schedule": parts["lr_scheduler"].state_dict(),
            "history": self.progress.history,
            "beside": self.beside.state() if self.beside is not None else {},
        }
        if state.is_world_process_zero:
            with self.checkpoints.saving(state.global_step) as folder:
                save_state(folder, tensors, numbers)
                state.save_to_json(str(folder / "trainer_state.json"))
        self.checkpoints.leave_if_asked(state.global_step)

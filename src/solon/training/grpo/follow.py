"""What happens beside the steps of TRL's trainer: numbers, guards, the best weights, gradients that are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from solon.errors import EngineError
from solon.training.checkpoints import Checkpoints
from solon.training.grpo.rolling import POLICY, Rolling
from solon.training.keeping import Kept
from solon.training.processes import rank
from solon.training.state import load_state, save_state
from solon.training.task import History, Seen, Task, restore_reward, state_of


class Follow(TrainerCallback):  # type: ignore[misc]
    """Keeps the history, shows every step to the watch and ends the training when it says so.

    Its state goes into the trainer's checkpoints; the kept weights are tensors and have checkpoints of their own, as
    many as the trainer keeps.
    """

    def __init__(self, task: Task, rolling: Rolling) -> None:
        self.task, self.rolling = task, rolling
        self.kept = Kept(task.local, POLICY)
        self.stored = Checkpoints(task.checkpoints.root / "kept", task.checkpoints.key, 0, task.checkpoints.keep)
        self.history: History = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        if not all(bool(grad.isfinite().all()) for grad in grads):
            raise EngineError(
                f"the gradient of step {state.global_step + 1} is not finite; lower learning_rate "
                f"(now {args.learning_rate:g}); the last good policy is kept"
            )

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        step, shown = state.global_step, self.rolling.shown
        numbers = {**shown.means(), "kl": self.rolling.kl(), "entropy": float(logs["entropy"])}
        numbers |= {"loss": float(logs["loss"]), "grad_norm": float(logs["grad_norm"])}
        seen = Seen(
            step,
            [r.prompt for r in shown.rollouts],
            [r.text for r in shown.rollouts],
            [len(r.ids) for r in shown.rollouts],
            numbers["reward"],
            numbers["kl"],
            numbers["entropy"],
            [r.stopped for r in shown.rollouts],
        )
        numbers |= self.task.watch.see(seen)
        if self.task.watch.best is not None:
            # The weights that wrote what was seen: the step has taught them something since.
            self.kept.take(step, self.rolling.writer)
        self.history.append({"step": step, **numbers})
        self.task.tick(step, state.max_steps, numbers)
        control.should_training_stop |= self.task.watch.stop is not None

    # --- checkpoints -----------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a resumed training needs, as plain data; the kept weights are stored."""
        newest = max(self.kept.copies, default=None)
        if rank() == 0 and newest is not None:
            with self.stored.saving(newest) as folder:
                save_state(folder, self.kept.tensors(), {})
        reward = state_of(self.task.reward)
        return {"history": self.history, "watch": self.task.watch.state(), "kept": newest, "reward": reward}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.history[:] = state["history"]
        self.task.watch.restore(state["watch"])
        restore_reward(self.task.reward, state["reward"])
        found = self.stored.newest() if state["kept"] is not None else None
        if found:
            # Of a checkpoint later than the one gone on from, what it kept of the steps before is the same.
            self.kept.restore(load_state(found[1])[0], until=state["kept"])

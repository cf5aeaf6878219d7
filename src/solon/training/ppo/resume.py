"""A stopped PPO's state: weights, critic, optimizer and what watches, so that a resumed run equals an unbroken one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from solon.training.adapters import trainable
from solon.training.processes import rank
from solon.training.state import load_state, module_state, restore_module, save_state
from solon.training.task import restore_reward

if TYPE_CHECKING:
    from solon.training.ppo.loop import Ppo

KEPT = "kept/"


def saved(ppo: Ppo, step: int) -> None:
    """Save after `step` where it is time to. Raises Interrupted where the training was told to stop."""
    checkpoints = ppo.task.checkpoints
    if not checkpoints.due:
        return
    tensors, numbers = module_state(_learning(ppo), ppo.learner.optimizer)
    tensors |= {f"{KEPT}{name}": tensor for name, tensor in ppo.kept.tensors().items()}
    if rank() == 0:
        with checkpoints.saving(step) as folder:
            save_state(folder, tensors, {"optimizer": numbers, **ppo.state()})
    checkpoints.leave_if_asked(step)


def restore(ppo: Ppo) -> int:
    """Go on from the newest checkpoint that verifies; returns the last step that is done, 0 where there is none."""
    newest = ppo.task.checkpoints.newest()
    if newest is None:
        return 0
    step, folder = newest
    tensors, numbers = load_state(folder)
    restore_module(_learning(ppo), ppo.learner.optimizer, tensors, numbers["optimizer"])
    ppo.history = numbers["history"]
    ppo.kl_coef.value = numbers["kl_coef"]
    ppo.normalise.centre, ppo.normalise.scale = numbers["centre"], numbers["scale"]
    ppo.kept.restore({name.removeprefix(KEPT): t for name, t in tensors.items() if name.startswith(KEPT)})
    ppo.task.watch.restore(numbers["watch"])
    restore_reward(ppo.task.reward, numbers["reward"])
    return step


def _learning(ppo: Ppo) -> nn.Module:
    """Policy and critic as one module, of which only the policy's adapter and the critic learn."""
    trainable(ppo.task.local, ppo.task.target)
    return nn.ModuleDict({"policy": ppo.task.local.model, "critic": ppo.critic})

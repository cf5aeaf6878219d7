"""The ways of training the policy, by the name that `rl_cai.method` gives them.

Whoever trains builds a `Task` and is blind to the way: a new one is a function from task and settings to history, its
settings, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from solon.settings import Method
from solon.training.best_of_n import train_best_of_n
from solon.training.dpo import train_dpo
from solon.training.grpo import train_grpo, train_rloo
from solon.training.kto import train_kto
from solon.training.ppo import train_ppo
from solon.training.task import History, Task

Train = Callable[[Task, Any], History]

TRAIN: dict[Method, Train] = {
    "ppo": train_ppo,
    "dpo": train_dpo,
    "kto": train_kto,
    "grpo": train_grpo,
    "rloo": train_rloo,
    "best_of_n": train_best_of_n,
}

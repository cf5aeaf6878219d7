"""Constitutional PPO.

loop.py  the steps     experience.py  what a batch is worth     learn.py  what it teaches
kl.py    kl_coef       resume.py      a stopped training's state    reporting.py  to trackers
"""

from __future__ import annotations

from solon.training.ppo.loop import Ppo, train_ppo

__all__ = ["Ppo", "train_ppo"]

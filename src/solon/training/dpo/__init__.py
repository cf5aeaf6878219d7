"""DPO on soft labels.

losses.py     the formulas                        reference.py  what the reference says of every pair, read once
pairs.py      rows of preferences to token ids    trainer.py    transformers' trainer over the two
reading.py    log-probabilities of answers        run.py        train_dpo: the way of training
"""

from __future__ import annotations

from solon.training.dpo.run import train_dpo

__all__ = ["train_dpo"]

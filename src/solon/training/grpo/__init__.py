"""GRPO and RLOO through TRL, on our answers, our rewards and our reference.

train.py      the two ways, from task to history      rolling.py  a step's answers and rewards
trainers.py   what TRL's trainers do differently      follow.py   the step's numbers, guards, checkpoints
arguments.py  settings to TRL's arguments

GRPO (Shao et al. 2024, section 4.1) compares the answers to one prompt with each other: advantage = (reward - mean) /
spread of the group, and kl_coef times the KL is a term of every token's loss, so that it is worth spreads of the group,
not rewards. RLOO (Ahmadian et al. 2024, section 3.2): advantage = reward less the mean of the others', kl_coef times
the KL of the whole answer taken off the reward before. Formulas and their defaults are TRL's (GRPO's loss is DAPO's
mean over the batch's tokens); `trainer_args` change them. Departures: LoRA, a constant learning rate, and the first
copy of the policy is the SL-CAI adapter, which the KL is measured against.
"""

from __future__ import annotations

from solon.training.grpo.train import train_grpo, train_rloo

__all__ = ["train_grpo", "train_rloo"]

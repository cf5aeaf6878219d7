"""The reward model: an adapter and linear heads on the shared base, trained on soft labels.

data.py      pairs, checked and drawn         encode.py    pairs as token ids, the principle among them
losses.py    what a pair costs                train.py     soft Bradley-Terry through transformers' Trainer
model.py     scoring, saving, loading         identity.py  the base and tokenizer that a saved one is of
measure.py   accuracy, calibration, length bias on held-out labels, by group and of several models together
probes.py    cut-off replies and refusals
"""

from __future__ import annotations

from solon.training.reward.data import Pair, grouped
from solon.training.reward.encode import encode_pair, fits
from solon.training.reward.identity import Reading
from solon.training.reward.measure import measure, pooled
from solon.training.reward.model import Opinion, RewardModel
from solon.training.reward.probes import probe
from solon.training.reward.train import train_reward

__all__ = [
    "Opinion",
    "Pair",
    "Reading",
    "RewardModel",
    "encode_pair",
    "fits",
    "grouped",
    "measure",
    "pooled",
    "probe",
    "train_reward",
]

"""`solon train`: every trainer alone, on files.

job.py     what was asked for            ways.py      by verb: what it reads, how it trains
rows.py    rows of SFT                   offline.py   on rows and labels: sft, reward, dpo, kto
pairs.py   preferences                   rollouts.py  on answers of its own: ppo, grpo, rloo, best_of_n
prompts.py prompts                       run.py       all of it, resumable; the manifest
loaded.py  what a file gave              record.py    what is said of it afterwards, and what it depends on
start.py   the model, and the adapter that training starts from
scoring.py the reward: a reward model, length, repetition
work.py    what a training is given      aside.py     rows that were set aside
"""

from solon.pipeline.training.job import Goal, Job
from solon.pipeline.training.run import train

__all__ = ["Goal", "Job", "train"]

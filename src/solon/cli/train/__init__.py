"""`solon train`: every trainer alone, on files. options.py and given.py hold what the verbs share."""

from __future__ import annotations

import typer

from solon.cli.train import reward, sft
from solon.cli.train.on_pairs import on_pairs
from solon.cli.train.on_prompts import on_prompts

app = typer.Typer(
    name="train",
    help="Train a model on files: SFT, reward model, PPO, DPO, KTO, GRPO, RLOO, best of n.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

ON_PAIRS = {
    "dpo": """DPO on labelled pairs; a soft label (prob_chosen) is the target of its pair.

The reference is --adapter, else the bare model; it is read once, before training.
""",
    "kto": """KTO, through TRL, on pairs or on a good and a bad reply to each prompt (prompt, completion, label).

A soft label counts as the side that it takes; one of 0.5 takes none.
""",
}
ON_PROMPTS = {
    "ppo": """PPO: the policy answers prompts and learns from a reward, tied to its start by a KL penalty.

Guards watch every step, end training when the reward is gamed, and put weights from before the drift back.
""",
    "grpo": """GRPO, through TRL: several answers to a prompt are compared with each other by their reward.

Guards watch every step, end training when the reward is gamed, and put weights from before the drift back.
""",
    "rloo": """RLOO, through TRL: an answer's reward against the mean of the other answers to its prompt.

Guards watch every step, end training when the reward is gamed, and put weights from before the drift back.
""",
    "best_of_n": "Rejection sampling: of n answers to each prompt the one of highest reward is fine-tuned on.",
}

app.command("sft")(sft.sft)
app.command("reward")(reward.reward)
for verb, said in ON_PAIRS.items():
    app.command(verb)(on_pairs(verb, said))
for verb, said in ON_PROMPTS.items():
    app.command(verb.replace("_", "-"))(on_prompts(verb, said))

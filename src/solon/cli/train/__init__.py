"""`solon train`: every trainer alone, on files. options.py and given.py hold what the verbs share."""

from __future__ import annotations

import typer

from solon.cli.train import best_of_n, dpo, grpo, kto, ppo, reward, rloo, sft

app = typer.Typer(
    name="train",
    help="Train a model on files: SFT, reward model, PPO, DPO, KTO, GRPO, RLOO, best of n.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("sft")(sft.sft)
app.command("reward")(reward.reward)
app.command("dpo")(dpo.dpo)
app.command("kto")(kto.kto)
app.command("ppo")(ppo.ppo)
app.command("grpo")(grpo.grpo)
app.command("rloo")(rloo.rloo)
app.command("best-of-n")(best_of_n.best_of_n)

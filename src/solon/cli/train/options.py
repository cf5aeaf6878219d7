"""The options that the verbs of `solon train` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solon.cli.truncated import Truncated as Truncated

Rows = Annotated[str, typer.Argument(metavar="ROWS", help="messages, prompt and completion, or preferences.")]
Pairs = Annotated[str, typer.Argument(metavar="PAIRS", help="Preferences in any known format (docs/data.md).")]
Prompts = Annotated[
    str, typer.Argument(metavar="PROMPTS", help="Prompts or conversations in any form: a file, or hub:OWNER/NAME.")
]

Model = Annotated[
    str | None,
    typer.Option("--model", help="Hub id, folder, GGUF file or package:NAME/FILE; by default --adapter's own."),
]
Base = Annotated[
    str | None, typer.Option("--model", help="Hub id, folder, GGUF file or package:NAME/FILE of the model to train.")
]
HELD_OUT = "Share of the prompts whose pairs are not learnt from, but measure what was."
HeldOut = Annotated[float, typer.Option("--held-out", min=0.0, max=0.9, help=HELD_OUT)]
Adapter = Annotated[
    Path | None,
    typer.Option("--adapter", help="Start from this PEFT adapter and stay tied to it; else the bare model."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, such as --set learning_rate=1e-4 --set lora.rank=8 (docs/training.md)."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder; by default runs/train-<verb>.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the finished training that the folder holds.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Draws order, noise and first weights.")]
Precision = Annotated[str, typer.Option("--precision", help="float32, bfloat16 or float16.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first rows.")]
Format = Annotated[str | None, typer.Option("--format", help="The file's format; else its columns tell it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings.")]

Reward = Annotated[
    str | None,
    typer.Option("--reward", help="Reward model: a folder of solon train reward, or a published classifier."),
]
Terms = Annotated[
    list[str] | None,
    typer.Option("--term", help="One more term of the reward, such as source=length,weight=-0.1,free=50."),
]
Gold = Annotated[
    str | None, typer.Option("--gold", help="Another reward model, which only watches: it tells over-optimisation.")
]
Guards = Annotated[
    list[str] | None, typer.Option("--guard", help="A bound that ends training, such as --guard kl=20; null: none.")
]

"""`solon evaluate`: a finished run's models on prompts of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run, such as runs/quickstart.")],
    prompts: Annotated[str, typer.Argument(help="A prompt file (JSON lines).")],
    by: Annotated[str, typer.Option("--by", help="The field to group rows by, such as label or type.")] = "area",
    limit: Annotated[int | None, typer.Option("--limit", help="Use only the first rows.", min=1)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answers here, as JSON.")] = None,
) -> None:
    """How often base, SL-CAI and RL-CAI refuse or redirect, with 95% intervals."""
    from rich.console import Console
    from rich.table import Table

    from solon.data.prompts import load_prompts
    from solon.evaluation import DECLINED, difference, rate
    from solon.files import write_json
    from solon.pipeline.progress import Progress
    from solon.pipeline.run import opened
    from solon.pipeline.steps.evaluate import MODELS, answer_all

    loaded, bad = load_prompts(prompts, "prompts", by)
    loaded = loaded[:limit]
    progress = Progress()
    for row in bad[:1]:
        progress.warn(f"{len(bad)} rows left out; first: {row.file}:{row.line}: {row.reason}")
    with opened(run, progress) as context:
        answered = {model: answer_all(context, model, loaded) for model in MODELS}
    if out:
        write_json(out, answered)
    table = Table("group", "n", *MODELS, "change", box=None, header_style="bold")
    groups = sorted({prompt.area for prompt in loaded})
    for group in [*groups, None] if len(groups) > 1 else [None]:
        declined = {
            model: [r["conduct"] in DECLINED for r in rows if group in (None, r["area"])]
            for model, rows in answered.items()
        }
        rates = {model: rate(hits) for model, hits in declined.items()}
        change = difference(declined["base"], declined["rl_cai"])
        table.add_row(
            "all" if group is None else group or "-",
            str(rates["base"].n),
            *(f"{r.value:.0%} [{r.low:.0%}, {r.high:.0%}]" for r in rates.values()),
            f"{100 * change.value:+.0f} points [{100 * change.low:+.0f}, {100 * change.high:+.0f}]",
        )
    Console(soft_wrap=True).print("share of prompts refused or redirected:", table)

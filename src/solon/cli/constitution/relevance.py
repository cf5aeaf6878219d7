"""`solon constitution relevance`: how well a model chooses the principles that speak to a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solon.cli.engine import BaseUrl, Model, Precision


def relevance(
    labels: Annotated[
        Path | None,
        typer.Argument(help="JSON lines of {constitution, prompt, principles}; by default Solon's own 108."),
    ] = None,
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    out: Annotated[Path, typer.Option("--out", help="Folder for the stored answers.")] = Path("runs/relevance"),
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure what `choose: relevant` would choose with a model, against labelled prompts and against chance.

    Agreement: the first principle that the model names is one of those the label names.
    """
    import asyncio
    import json

    from rich.console import Console
    from rich.table import Table

    from solon.authoring.relevance import agreement, load_rows
    from solon.choosing import Chooser
    from solon.cli.engine import asked
    from solon.errors import ConfigError
    from solon.pipeline.progress import Progress

    if model is None:
        raise ConfigError(
            "relevance: which model? --model Qwen/Qwen2.5-7B-Instruct loads weights here; "
            "--base-url http://127.0.0.1:11434/v1 --model NAME asks a server"
        )
    rows, laws = load_rows(labels)
    progress = Progress()
    with asked(model, base_url, precision, out, "judge") as engine:
        chooser = Chooser(engine)
        with progress.bar("prompts", len(rows)) as bar:
            found = asyncio.run(agreement(rows, laws, chooser, bar.step))
    if said := chooser.said():
        progress.warn(f"relevance: {said}")
    if json_:
        print(json.dumps([one.as_dict() for one in found], indent=1))
        return
    table = Table("constitution", "prompts", "chosen", "agreement", "95%", "by chance", box=None, pad_edge=False)
    for one in found:
        low, high = one.interval
        share = one.hits / one.n
        table.add_row(
            one.name, str(one.n), str(one.chosen), f"{share:.0%}", f"[{low:.0%}, {high:.0%}]", f"{one.chance:.0%}"
        )
    Console(highlight=False, markup=False).print(table)

"""`solon prompts`: measure sets of prompts, and write twins of them. One small file per verb."""

from __future__ import annotations

import typer

from solon.cli.prompts import contrast, stats

app = typer.Typer(
    name="prompts",
    help="Measure sets of prompts, and write harmless and harmful twins of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def prompts() -> None:
    """Measure sets of prompts, and write harmless and harmful twins of them."""


app.command("stats")(stats.stats)
app.command("contrast")(contrast.contrast)

"""The command line: one small file per verb, nothing heavy imported until a verb runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from solon.cli import (
    best,
    compare,
    constitution,
    data,
    evaluate,
    export,
    front,
    judge,
    label,
    plan,
    prompts,
    recipe,
    run,
    serve,
    train,
)
from solon.errors import SolonError


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"solon {version('solon')}")
        raise typer.Exit


app = typer.Typer(
    name="solon",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def solon(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """Constitutional AI, end to end: principles in plain language become a model that follows them."""


app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("front")(front.front)
app.command("export")(export.export)
app.command("serve")(serve.serve)
app.command("best")(best.best)
app.add_typer(constitution.app)
app.add_typer(data.app)
app.add_typer(judge.app)
app.add_typer(label.app)
app.add_typer(prompts.app)
app.add_typer(recipe.app)
app.add_typer(train.app)


def main() -> None:
    """Run the command line; every SolonError is one line on stderr and its own exit code."""
    if not sys.stderr.isatty():  # a log of carriage returns; tqdm reads this when a library first imports it
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        app()
    except SolonError as error:
        print(f"solon: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        print("solon: stopped; run the same command again to resume", file=sys.stderr)
        sys.exit(130)

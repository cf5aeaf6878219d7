"""`solon front`: a grid of a recipe's variants, and the best of their checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def front(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one (quickstart).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Changes that all variants share.")] = None,
    over: Annotated[
        list[str] | None, typer.Option("--over", metavar="KEY=v1,v2", help="An axis: a key and its values; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the front and its runs.")] = Path("runs/front"),
    begin: Annotated[
        Path | None, typer.Option("--from", help="A run whose finished steps and calls are not done again.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the summary and warnings.")] = False,
) -> None:
    """Run every combination of values, equal steps once; show harmlessness against helpfulness and pick. Resumes."""
    from solon.pipeline.front import grid, run_front
    from solon.pipeline.places import command_said
    from solon.pipeline.progress import Progress
    from solon.report import write_report
    from solon.report.front import summarise_front, write_front

    variants = grid(recipe, tuple(overrides or ()), over or ())
    axes = [word for one in over or () for word in ("--over", one)]
    started = ["--from", str(begin)] if begin else []
    given = command_said(["solon", "front", recipe, *(overrides or ()), *axes, "--out", str(out), *started])
    found = run_front(variants, out, Progress(quiet), begin, write_report, given)
    page = write_front(out, found)
    summarise_front(out, found, page)

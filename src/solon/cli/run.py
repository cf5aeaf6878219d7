"""`solon run`: a recipe, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[
        str, typer.Argument(help="A recipe file, the name of a shipped one (quickstart), or a run's folder.")
    ],
    overrides: Annotated[list[str] | None, typer.Argument(help="Changes to it, such as rl_cai.ppo.steps=8.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; by default RECIPE's own, or runs/<name>.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop when this step is done, such as preferences: data only.")
    ] = None,
    begin: Annotated[
        Path | None,
        typer.Option("--from", help="A run to begin with: what it finished and was told is not done again."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the summary and warnings.")] = False,
) -> None:
    """Run a recipe: critique, revise, fine-tune, label, train the policy, evaluate, report. Resumes by itself."""
    from solon.errors import afterwards
    from solon.pipeline.places import command_said
    from solon.pipeline.progress import Progress
    from solon.pipeline.recipe import load_recipe
    from solon.pipeline.run import run_recipe
    from solon.report import summarise, write_report

    progress = Progress(quiet)
    loaded = load_recipe(recipe, tuple(overrides or ()), progress.note)
    folder = out or loaded.home or Path("runs") / loaded.name
    options = {"--out": out, "--until": until, "--from": begin}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    # Going on with a run in its own folder is not what made it.
    goes_on = loaded.home == folder and not overrides
    given = "" if goes_on else command_said(["solon", "run", recipe, *(overrides or ()), *words])
    with afterwards(lambda: _write_judge_page(folder)):  # a run that stops for its judge says so on this page
        run_recipe(loaded, folder, progress, until, begin, command=given)
    report = write_report(folder)
    summarise(folder, report)


def _write_judge_page(folder: Path) -> None:
    """The card of the run's judge as a page beside the report."""
    from solon.pipeline.qualifying import PAGE, cards_in
    from solon.report.card import write_card

    for card in cards_in(folder)[:1]:
        write_card(folder / PAGE, card)

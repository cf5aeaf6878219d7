"""`solon judge`: measure a judge before it labels, and read the cards of judges that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solon.cli.engine import BaseUrl, Model, Precision
from solon.cli.feedback import Ask, Constitution, Judge, Principles, Seed, Settings

if TYPE_CHECKING:
    from solon.feedback import Labeller
    from solon.feedback.qualification import Card
    from solon.pipeline.progress import Progress
    from solon.pipeline.qualifying import Engines, Exam
    from solon.settings import Bar

app = typer.Typer(name="judge", help="Judges, measured before they label.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("qualify")
def qualify(
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="A recipe, whose judge, settings and bar hold.")
    ] = None,
    judge: Judge = None,
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    ask: Ask = None,
    principles: Principles = None,
    settings: Settings = None,
    constitution: Constitution = None,
    seed: Seed = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Labelled pairs: a file in any known format; shipped: Solon's own.")
    ] = None,
    format: Annotated[str | None, typer.Option("--format", help="Which format; else told by the columns.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first pairs.")] = None,
    attacks: Annotated[
        int | None, typer.Option("--attacks", min=0, help="Pairs to try each family of attack on; 0 for none.")
    ] = None,
    bar: Annotated[list[str] | None, typer.Option("--bar", help="What to reach, such as agreement=0.7.")] = None,
    labelled_by: Annotated[
        str | None, typer.Option("--labelled-by", help="Who labelled the pairs; else their column labelled_by.")
    ] = None,
    measured_by: Annotated[
        str | None, typer.Option("--measured-by", help="A name to write on the card; nothing proves it.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for card, labels and stored answers.")] = Path(
        "runs/judge"
    ),
    json_: Json = False,
) -> None:
    """Measure a judge and write its card. Exits with 1 when it does not reach the bar.

    Writes card.json, which a run accepts as rl_cai.qualify.card, card.html, and preferences.parquet with every
    verdict. Answers are stored in the folder: a measurement that was stopped goes on where it was.
    """
    from solon.cli.feedback import feedback_settings, judge_role, judging, qualify_settings
    from solon.constitution import load_constitution
    from solon.feedback.qualification import write_card
    from solon.pipeline.labelling import labeller
    from solon.pipeline.progress import Progress
    from solon.pipeline.qualifying import load_exam
    from solon.pipeline.recipe import load_recipe
    from solon.pipeline.roles import judge_roles
    from solon.report.card import write_card as write_page

    base = load_recipe(recipe) if recipe else None
    feedback = feedback_settings(ask, principles, settings, base.rl_cai.feedback if base else None)
    wanted = qualify_settings(data, format, limit, attacks, bar, labelled_by, base.rl_cai.qualify if base else None)
    if base and judge is None and model is None:
        judges = judge_roles(base, feedback)
    else:
        judges = [("judge", judge_role(judge, model, base_url, precision), feedback.ask)]
    law = load_constitution(constitution or (base.constitution if base else "balanced"))
    exam, progress = load_exam(wanted), Progress(quiet=json_)
    for row in exam.bad[:1]:
        progress.warn(f"{len(exam.bad)} rows set aside; first: {row.file}:{row.line}: {row.reason}")
    with judging(judges, out) as engines:
        labels = labeller(engines, law, feedback, seed if seed is not None else base.seed if base else 0)
        card = _measured(labels, engines, exam, wanted.bar, measured_by, progress, out)
    write_card(out / "card.json", card)
    write_page(out / "card.html", card)
    _print([(out / "card.json", card)], json_)
    raise typer.Exit(0 if card.qualified else 1)


def _measured(
    labels: Labeller, engines: Engines, exam: Exam, bar: Bar, measured_by: str | None, progress: Progress, out: Path
) -> Card:
    """The card; the labels it is made of are written beside it."""
    import asyncio
    from dataclasses import replace

    from solon.flow import gather_window
    from solon.pipeline.label_files import label_files
    from solon.pipeline.qualifying import examined

    async def work() -> Card:
        try:
            with progress.bar("labelled pairs", len(exam.pairs)) as shown:
                card = await examined(labels, engines, exam, bar, measured_by, done=shown.to)
            # Asks nothing: every answer is stored by now.
            label = replace(labels, calibration=card.fitted).label
            with label_files(out) as write:
                for found in await gather_window([pair.comparison for pair in exam.pairs], label):
                    write(found)
            return card
        finally:
            for _, engine in engines:
                await engine.close()

    return asyncio.run(work())


@app.command("show")
def show(
    cards: Annotated[list[Path], typer.Argument(help="Cards, such as runs/judge/card.json.")],
    json_: Json = False,
) -> None:
    """Show a judge's card, or several side by side. One whose digest or figures do not add up is refused."""
    from solon.feedback.qualification import load_card

    _print([(path, load_card(path)) for path in cards], json_)


def _print(cards: Sequence[tuple[Path, Card]], json_: bool) -> None:
    import json

    from rich.console import Console

    from solon.cli.judge_table import as_table, verdicts

    if json_:
        found = [card.model_dump(mode="json") for _, card in cards]
        print(json.dumps(found[0] if len(found) == 1 else found, indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(as_table(cards))
    for path, card in cards:
        for line in verdicts(path, card):
            console.print(line, markup=False, soft_wrap=True)

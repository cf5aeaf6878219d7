"""`solon plan`: what a run would do, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from solon.pipeline.plan import Calls, Plan, StepPlan


def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one (quickstart).")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to it, such as constitution=mine.yaml.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; by default runs/<name>.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Stop when this step is done.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 0 when nothing is to do, 2 when something is, 1 on errors."),
    ] = False,
) -> None:
    """What `solon run` would do: which steps, why, how many calls, tokens, how long, for how much money.

    Asks and writes nothing. Numbers marked ≤ are upper bounds, where calls depend on text not made yet.
    With --json: recipe, folder, steps (name, state, why, calls by role, rows, seconds, money), changes, totals.
    """
    import json
    import sys

    from rich.console import Console

    from solon.errors import SolonError
    from solon.pipeline.plan import make_plan
    from solon.pipeline.recipe import load_recipe

    try:
        loaded = load_recipe(recipe, tuple(overrides or ()))
        made = make_plan(loaded, out or Path("runs") / loaded.name, until)
    except SolonError as error:
        if not detailed_exitcode:
            raise
        print(f"solon: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if json_:
        print(json.dumps(made.as_dict(), indent=1, ensure_ascii=False))
    else:
        _print(Console(highlight=False), made)
    if detailed_exitcode and made.to_run:
        raise typer.Exit(2)


def _print(console: Console, made: Plan) -> None:
    from rich.markup import escape
    from rich.table import Table

    console.print(f"[bold]{escape(made.recipe)}[/] in {escape(made.folder)}")
    for line in made.changes:
        console.print(f"  [yellow]~[/] {escape(line)}")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name, side in (("step", "left"), ("calls stored", "right"), ("to make", "right"), ("tokens in", "right"),
                       ("tokens out", "right"), ("time", "right"), ("cost", "right")):  # fmt: skip
        table.add_column(name, justify=side, no_wrap=name != "step")  # type: ignore[arg-type]
    for step in made.steps:
        _rows(table, step)
    console.print(table)
    for line in _summary(made):
        console.print(line)


def _rows(table: Table, step: StepPlan) -> None:
    if step.state == "unchanged":
        table.add_row(f"[green]=[/] {step.name}", "", "", "", "", "", "")
        return
    rows = "" if step.rows is None or step.calls else f"{'≤ ' if step.rows_at_most else ''}{step.rows:,} rows"
    table.add_row(f"[yellow]+[/] [bold]{step.name}[/]  [dim]{', '.join(step.why)}[/]", "", rows, "", "",
                  _time(step.seconds), "")  # fmt: skip
    for role, calls in step.calls.items():
        table.add_row(f"    [dim]{role}[/]", *_cells(calls))


def _cells(calls: Calls) -> tuple[str, ...]:
    mark = "≤ " if calls.at_most else ""
    if not calls.open:
        return f"{calls.stored:,}", "0", "", "", "", ""
    out = f"~{calls.tokens_out:,.0f}" if calls.tokens_out < calls.tokens_out_most else f"≤ {calls.tokens_out_most:,.0f}"
    return (
        f"{calls.stored:,}",
        f"{mark}{calls.open:,}",
        f"~{calls.tokens_in:,.0f}",
        out if calls.tokens_out_most else "–",
        _time(calls.seconds),
        "–" if calls.money is None else f"{calls.money:,.2f}",
    )


def _time(seconds: float | None) -> str:
    from solon.units import duration

    return "?" if seconds is None else "" if not seconds else duration(seconds)


def _summary(made: Plan) -> list[str]:
    from solon.units import duration

    to_run = made.to_run
    if not to_run:
        return ["[green]Nothing to do:[/] every step is unchanged."]
    lines = []
    bound = "at most " if made.total("at_most") else ""
    known = [s.seconds for s in to_run if s.seconds is not None]
    unknown = [s.name for s in to_run if s.seconds is None]
    time = f"about {duration(sum(known))}" if known else "time unknown"
    money = [c.money for s in to_run for c in s.calls.values() if c.money is not None]
    calls = made.total("to_make") + made.total("at_most")
    lines.append(
        f"[bold]Plan:[/] {len(to_run)} steps to run, {len(made.steps) - len(to_run)} unchanged; "
        f"{bound}{calls:,} calls to make, {made.total('stored'):,} stored; {time}{f', cost {sum(money):,.2f}' if any(money) else ''}."
    )
    if unknown:
        lines.append(
            f"[dim]No time for {', '.join(unknown)}: measured once its calls or its training have run here.[/]"
        )
    if made.total("unanswered"):
        lines.append(
            f"[red]{made.total('unanswered'):,} of these calls have no answer in the recording:[/] the run would stop "
            "there. Attach a live model (roles.reviser.engine=openai …)."
        )
    return lines

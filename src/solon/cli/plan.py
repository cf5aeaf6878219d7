"""`solon plan`: what a run would do, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from solon.pipeline.plan import Calls, Plan, StepPlan


def plan(
    recipe: Annotated[
        str, typer.Argument(help="A recipe file, the name of a shipped one (quickstart), or a run's folder.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to it, such as constitution=mine.yaml.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; by default RECIPE's own, or runs/<name>.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Stop when this step is done.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 0 when nothing is to do, 2 when something is, 1 on errors."),
    ] = False,
) -> None:
    """What `solon run` would do: which steps, why, how many calls, tokens, how long, for how much money.

    Asks and writes nothing. Numbers marked ≤ are upper bounds, where calls depend on text not made yet.
    With --json: recipe, folder, steps (name, state, why, calls by role, rows, seconds, money), changes,
    warnings, totals.
    """
    import gc
    import json
    import sys

    from rich.console import Console

    from solon.errors import SolonError
    from solon.pipeline.plan import make_plan
    from solon.pipeline.recipe import load_recipe

    gc.disable()  # millions of rows pass, none in a circle; the collector would visit every prompt over and over
    try:
        notes: list[str] = []
        loaded = load_recipe(recipe, tuple(overrides or ()), notes.append)
        made = make_plan(loaded, out or loaded.home or Path("runs") / loaded.name, until)
        made.notes += notes
    except SolonError as error:
        if not detailed_exitcode:
            raise
        print(f"solon: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        gc.enable()
    if json_:
        print(json.dumps(made.as_dict(), indent=1, ensure_ascii=False))
    else:
        _print(Console(highlight=False), made)
    if detailed_exitcode and made.to_run:
        raise typer.Exit(2)


HEAD = ("", "stored", "to make", "tokens in", "tokens out", "time", "cost")


def _print(console: Console, made: Plan) -> None:
    from rich.markup import escape

    console.print(f"[bold]{escape(made.recipe)}[/] in {escape(made.folder)}", soft_wrap=True)
    for line in made.notes:
        console.print(f"  [dim]{escape(line)}[/]", soft_wrap=True)
    for line in made.changes:
        console.print(f"  [yellow]~[/] {escape(line)}", soft_wrap=True)
    for line in made.warnings:
        console.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
    rows = [HEAD, *(_cells(role, c) for s in made.steps for role, c in s.calls.items())]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    if len(rows) > 1:
        console.print(f"    [dim]{_line(HEAD, widths)}[/]", soft_wrap=True)
    for step in made.steps:
        console.print(_headline(step), soft_wrap=True)
        for role, calls in step.calls.items():
            console.print(f"    {escape(_line(_cells(role, calls), widths))}", soft_wrap=True)
        if len(step.mix) > 1:
            console.print(f"    [dim]{escape(_mix(step))}[/]", soft_wrap=True)
    for line in _summary(made):
        console.print(line, soft_wrap=True)


def _headline(step: StepPlan) -> str:
    if step.state == "unchanged":
        return f"[green]=[/] {step.name} [dim]unchanged[/]"
    parts = ["; ".join(step.why)]
    if step.rows and not step.calls:
        parts.append(f"{'≤ ' if step.rows_at_most else ''}{step.rows:,} rows")
    if step.left_out:
        parts.append(f"{step.left_out:,} truncated {'pair' if step.left_out == 1 else 'pairs'} left out")
    if not step.calls and step.seconds != 0:
        parts.append("time not known" if step.seconds is None else _time(step.seconds, step.estimated))
    return f"[yellow]+[/] [bold]{step.name}[/] [dim]{', '.join(parts)}[/]"


def _mix(step: StepPlan) -> str:
    """ "mix at most: red_team 1,480 revisions; helpful 298 revisions, 596 answers"."""
    kinds = [
        f"{kind} {', '.join(f'{n:,} {what}' for what, n in rows.items() if n)}"
        for kind, rows in step.mix.items()
        if any(rows.values())
    ]
    return f"mix at most: {'; '.join(kinds)}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *numbers = cells
    columns = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
    return "  ".join(columns).rstrip()


def _cells(role: str, calls: Calls) -> tuple[str, ...]:
    if not calls.open:
        return role, f"{calls.stored:,}", "0", "", "", "", ""
    usual = calls.tokens_out < calls.tokens_out_most
    out = f"~{calls.tokens_out:,.0f}" if usual else f"≤ {calls.tokens_out_most:,.0f}" if calls.tokens_out_most else ""
    return (
        role,
        f"{'~' if calls.sampled else ''}{calls.stored:,}",
        _to_make(calls),
        f"~{calls.tokens_in:,.0f}",
        out,
        "?" if calls.seconds is None else _time(calls.seconds, calls.estimated),
        "" if calls.money is None else _money(calls.money),
    )


def _to_make(calls: Calls) -> str:
    """What is certain and what it may come to; with ~ where some records stand for the others."""
    about = "~" if calls.sampled else ""
    if not calls.at_most:
        return f"{about}{calls.to_make:,}"
    return f"{about}{calls.to_make:,}–{calls.open:,}" if calls.to_make else f"{about}≤ {calls.open:,}"


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.2g}"


def _time(seconds: float, estimated: bool = False) -> str:
    from solon.units import duration

    return f"{'~' if estimated else ''}{duration(seconds)}"


def _summary(made: Plan) -> list[str]:
    to_run = made.to_run
    if not to_run:
        return ["[green]Nothing to do:[/] every step is unchanged."]
    calls = made.total("to_make") + made.total("at_most")
    known, unknown = made.seconds()
    money = [c.money for s in to_run for c in s.calls.values() if c.money]
    said = [
        f"{len(to_run)} {'step' if len(to_run) == 1 else 'steps'} to run, {len(made.steps) - len(to_run)} unchanged",
        f"{'at most ' if made.total('at_most') else ''}{calls:,} calls to make, {made.total('stored'):,} stored",
    ]
    said += ["under a second"] if 0 < known < 1 else []
    said += [f"about {_time(known)}{' for what was measured' if unknown else ''}"] if known >= 1 else []
    said += [f"cost about {_money(sum(money))}"] if money else []
    lines = [f"[bold]Plan:[/] {'; '.join(said)}."]
    if made.total("at_most"):
        lines.append("[dim]≤ and –: up to so many, for those calls depend on text that is not made yet.[/]")
    examining = sum(c.open for s in to_run if s.name == "judge" for c in s.calls.values())
    if 2 * examining > calls:
        lines.append(
            f"[dim]{examining:,} of these calls examine the judge, however few prompts there are: set "
            "rl_cai.qualify.card to a card made before, or attacks and limit to less (docs/recipe.md says what that "
            "costs).[/]"
        )
    if any(c.sampled for s in made.steps for c in s.calls.values()):
        lines.append("[dim]~ counts: of very many records some were looked up and stand for the others.[/]")
    if any(s.estimated for s in to_run):
        lines.append("[dim]~ times: estimated by the model's size and this machine's speed; a run measures them.[/]")
    if unknown:
        lines.append(
            f"[dim]No time for {', '.join(unknown)}: not measured in this folder or one beside it; the pace of a "
            "server, or of a model whose files are not here, is known after its first calls.[/]"
        )
    if made.total("unanswered"):
        lines.append(
            f"[red]{made.total('unanswered'):,} of these calls have no answer in the recording:[/] the run would stop "
            "there. Attach a live model (roles.reviser.engine=openai …)."
        )
    return lines

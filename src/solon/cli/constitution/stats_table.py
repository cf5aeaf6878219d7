"""The tables of `solon constitution stats`: revisions, labels, and the labels with a principle left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from textwrap import fill

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from solon.evaluation import Attribution, Comparing, Influence, PrincipleStats, Rate, Revising
from solon.evaluation.shares import in_points
from solon.report.words import amount_change, count, number, percent, share

WIDTH = 100
NOTHING = "–"
HOW_MUCH = (
    "How much: characters deleted and inserted to turn the reply into the revision, over the characters of both; "
    "0 equal, 1 nothing kept. First over the revisions that changed the text, then over all."
)
FLIPS = (
    "Sure: mean probability of the preferred reply. Flips: the winner changes with the order of the replies; "
    f"{NOTHING} where the judge sees no order."
)
LEFT_OUT = (
    "The labels made again without a principle's verdicts. Lost: without it there is none. Moved: mean change of the "
    "probability of the labels it shares; turned: those whose winner changes. Shift: points by which it raises "
    "P(revision better)."
)
ONE_EACH = (
    "Each label rests on one principle: leaving it out loses its labels and moves no others, so what it does is in "
    "lost and shift."
)
NO_SIDES = "No label says which reply is the revision, so nothing can be said of the revision being preferred."


def print_stats(title: str, found: Attribution, principles: Sequence[PrincipleStats]) -> None:
    """Everything, to stdout: coloured on a terminal, plain text 100 columns wide elsewhere."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, no_color=True, width=WIDTH)
    console.print(title, markup=False, soft_wrap=True, style="bold")
    if found.revising:
        _print_revisions(console, found.revising, principles)
    if found.comparing and found.labels:
        _print_labels(console, found, found.comparing, principles)
        _print_influence(console, found, principles)
    _print_remarks(console, found)


def _print_revisions(console: Console, every: Revising, principles: Sequence[PrincipleStats]) -> None:
    reasons = ", ".join(f"{count(n)} {reason}" for reason, n in every.failed.items())
    _headline(console, "Revisions", f"{count(every.drawn, 'step')}, failed: {reasons or 'none'}")
    table = _table("drawn", "% of draws", "expected", "failed", "changed", "how much", "over all")
    for p in principles:
        if p.revising:
            table.add_row(_name(p), *_revised(p.revising))
    table.add_section()
    table.add_row("all", *_revised(every, of_all=True))
    console.print(table)
    console.print(HOW_MUCH, style="dim")


def _revised(r: Revising, of_all: bool = False) -> list[str]:
    drawn = [count(r.drawn), "" if of_all else _fine(r.share), "" if of_all else _expected(r.expected)]
    return [*drawn, count(sum(r.failed.values())), _rate(r.changed), _number(r.distance_changed), _number(r.distance)]


def _print_labels(console: Console, found: Attribution, every: Comparing, principles: Sequence[PrincipleStats]) -> None:
    assert found.labels is not None
    said = f"{count(found.labels.total)}, on {count(every.verdicts, 'verdict')}"
    if found.labels.unjudged:
        said += f"; {count(found.labels.unjudged)} without a readable one (equal replies need none)"
    if found.labels.other:
        said += f"; {count(found.labels.other)} made under other settings than the run has now"
    _headline(console, "Labels", said)
    table = _table("labels", "% of labels", "expected", "sure", "flips", "prefers revision")
    for p in principles:
        if p.comparing:
            table.add_row(_name(p), *_compared(p.comparing))
    table.add_section()
    table.add_row("all", *_compared(every, of_all=True))
    console.print(table)
    console.print(FLIPS, style="dim")


def _compared(c: Comparing, of_all: bool = False) -> list[str]:
    drawn = [count(c.labels), "" if of_all else _fine(c.share), "" if of_all else _expected(c.expected)]
    return [
        *drawn,
        NOTHING if c.confidence is None else percent(c.confidence),
        _rate(c.flips),
        _rate(c.prefers_revision),
    ]


def _print_influence(console: Console, found: Attribution, principles: Sequence[PrincipleStats]) -> None:
    assert found.labels is not None
    whole = "on the labels, leaving one principle out"
    if found.labels.revision_preferred:
        whole = f"P(revision better) is {_rate(found.labels.revision_preferred)} with all principles"
    _headline(console, "Influence", whole)
    table = _table("lost", "shared", "moved", "turned", "shift")
    for p in principles:
        if p.influence:
            table.add_row(_name(p), *_felt(p.influence))
    console.print(table)
    console.print(LEFT_OUT, style="dim")
    if not found.labels.several:
        console.print(ONE_EACH, style="dim")
    if found.labels.total and not found.labels.sided:
        console.print(NO_SIDES, style="dim")


def _felt(i: Influence) -> list[str]:
    shift = NOTHING if i.shift is None else amount_change(in_points(i.shift))
    return [count(i.lost), count(i.shared), _number(i.moved, 3), _rate(i.turned), shift]


def _print_remarks(console: Console, found: Attribution) -> None:
    unknown = [p.id for p in found.principles if not p.known]
    if unknown:
        console.print(f"\n* not in the run's constitution, which was edited since: {', '.join(unknown)}", markup=False)
    if found.oddities:
        _headline(console, "Worth a look", "by more than chance")
        for oddity in found.oddities:
            lines = fill(oddity.text, console.width, initial_indent="- ", subsequent_indent="  ")
            console.print(lines, markup=False, soft_wrap=True)


def _headline(console: Console, title: str, said: str) -> None:
    console.print(f"\n[bold]{title}[/]  {escape(said)}")


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("principle", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _name(p: PrincipleStats) -> Text:
    return Text(p.id if p.known else f"{p.id} *")


def _rate(r: Rate | None) -> str:
    return share(r) if r else NOTHING


def _fine(r: Rate | None) -> str:
    """A share in percent with one decimal: "5.2 [4.9, 5.5]"."""
    if r is None:
        return NOTHING
    return f"{number(100 * r.value, 1)} [{number(100 * r.low, 1)}, {number(100 * r.high, 1)}]"


def _expected(value: float | None) -> str:
    return NOTHING if value is None else number(100 * value, 1)


def _number(value: float | None, places: int = 2) -> str:
    return NOTHING if value is None else number(value, places)

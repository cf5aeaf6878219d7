"""A front for people: front.html, which needs no network and no script, and a table on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from solon.evaluation import Rate
from solon.files import write_atomic
from solon.report import words
from solon.report.environment import fill
from solon.report.front_chart import front_chart
from solon.report.front_points import (
    Spot,
    both_sides,
    failed,
    headline,
    leaners,
    leaning,
    price,
    reasons,
    sharing,
    spots,
    status,
)
from solon.report.summary import PLAIN_WIDTH

PAGE = "front.html"


def write_front(folder: Path, found: Mapping[str, Any]) -> Path:
    """Publish the page of what `run_front` found; returns its path. Raises StorageError."""
    path = folder / PAGE
    write_atomic(path, render_front(found))
    return path


def render_front(found: Mapping[str, Any]) -> str:
    """The page as text. Labels hold what users wrote into their recipe: all is escaped."""
    shown = spots(found["points"])
    picked = next((spot for spot in shown if spot.picked), None)
    return fill(
        "front.html",
        found=found,
        spots=shown,
        headline=headline(found, shown),
        remarks=[*reasons(found), *leaners(found), *failed(found)],
        leaning=leaning(found),
        chart=front_chart(shown),
        kinds=list(shown[0].declined) if shown else [],
        picked=picked,
        base=next((spot for spot in shown if spot.kind == "base"), picked),
        picked_is_base=picked is not None and picked.kind == "base",
        status=status,
        sharing=sharing(found),
        price=price(found),
    )


def summarise_front(folder: Path, found: Mapping[str, Any], page: Path) -> None:
    """Print the points and the pick to stdout: coloured on a terminal, plain text elsewhere."""
    shown = spots(found["points"])
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, no_color=True, width=PLAIN_WIDTH)
    console.print()
    console.print(_table(shown, console.is_terminal))
    console.print(Text("[95% interval]; harmless: harmful prompts declined; helpful: others answered", "dim"))
    console.print()
    for line in _lines(folder, found, shown, page):
        console.print(line, markup=False, soft_wrap=True)


def _table(shown: Sequence[Spot], terminal: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD if terminal else None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("checkpoint", overflow="fold")
    for side in ("harmless", "helpful"):
        table.add_column(side, no_wrap=True)
    table.add_column("", overflow="fold")
    for spot in shown:
        sides = (_side(spot.harmless), _side(spot.helpful))
        table.add_row(spot.letter, Text(words.clean(spot.label)), *sides, Text(status(spot)))
    return table


def _side(found: Rate | None) -> str:
    return words.share(found) if found is not None else "–"


def _lines(folder: Path, found: Mapping[str, Any], shown: Sequence[Spot], page: Path) -> list[str]:
    said = [
        line
        for remark in (*reasons(found), *leaners(found), *failed(found))
        for line in (remark.text, *_indented(remark.reasons))
    ]
    best = next((spot for spot in shown if spot.picked), None)
    picked = [f"picked: {words.clean(best.label)}: {both_sides(best)} ({folder / best.run})"] if best else []
    next_step = [f"try it:  solon serve {folder}"] if best else []
    return [*picked, *map(str, map(words.clean, said)), f"cost:   {sharing(found)}", f"front:  {page}", *next_step]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"        {line}" for line in lines]

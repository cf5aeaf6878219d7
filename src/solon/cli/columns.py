"""Tables that are read whole: a table too wide for the terminal is cut between columns, never in a word."""

from __future__ import annotations

from collections.abc import Sequence


def print_columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; where it is wider than the terminal (80 columns off one), in parts that each begin with the first
    column. Heads and cells may have several lines."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    widths = [max(_width(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    for number, part in enumerate(_parts(widths, console.width)):
        if number:
            console.print()
        for place, row in enumerate([heads, *rows]):
            for line in _lines([row[n] for n in part], [widths[n] for n in part]):
                console.print(Text(line, style="" if place else "bold"))


def _parts(widths: Sequence[int], most: int) -> list[list[int]]:
    """The columns of each part; one that is too wide by itself has its own."""
    parts: list[list[int]] = [[0]]
    for n in range(1, len(widths)):
        own = parts[-1]
        if len(own) > 1 and sum(widths[m] + 2 for m in [*own, n]) - 2 > most:
            parts.append([0])
        parts[-1].append(n)
    return parts


def _lines(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    split = [cell.split("\n") for cell in cells]
    return [
        "  ".join(
            (lines[at] if at < len(lines) else "") + " " * (width - _cell(lines[at] if at < len(lines) else ""))
            for lines, width in zip(split, widths, strict=True)
        ).rstrip()
        for at in range(max(map(len, split)))
    ]


def _width(cell: str) -> int:
    return max(map(_cell, cell.split("\n")))


def _cell(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)

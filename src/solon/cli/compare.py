"""`solon compare`: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.report.comparison import Compared, Mean


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, such as runs/ppo runs/dpo.")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What each way of training did on the same held-out prompts; runs that differ by seed alone are one line.

    Intervals are 95%, over prompts; in parentheses the least and the most of any seed.
    """
    import json
    from dataclasses import asdict

    from solon.report.comparison import compared

    lines = compared(runs)
    if json_:
        print(json.dumps([asdict(line) for line in lines], indent=1))
    else:
        _show(lines)


def _show(lines: list[Compared]) -> None:
    from rich.console import Console
    from rich.table import Table

    kinds = list(lines[0].declined)
    table = Table(
        "", "seeds", *(f"{kind.replace('_', '-')}\ndeclined" for kind in kinds), box=None, header_style="bold"
    )
    for name in ("reward", "words", "KL", "training"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            line.name,
            str(line.seeds),
            *(_percent(line.declined[kind], line.seeds) for kind in kinds),
            f"{line.reward.value:.2f}\n[{line.reward.low:.2f}, {line.reward.high:.2f}]",
            f"{line.words.value:.0f}",
            "–" if line.kl is None else f"{line.kl:.2f}",
            "–" if line.seconds is None else f"{line.seconds:.0f} s",
        )
    Console(soft_wrap=True).print(table)
    for line in lines:
        if line.stopped:
            print(f"{line.name}: guards ended the training of {line.stopped} of {line.seeds}")


def _percent(mean: Mean, seeds: int) -> str:
    """The mean, the seeds' least and most beside it, the interval below."""
    spread = f" ({100 * mean.least:.0f}–{100 * mean.most:.0f})" if seeds > 1 else ""
    return f"{mean.value:.0%}{spread}\n[{100 * mean.low:.0f}, {100 * mean.high:.0f}]"

"""`solon compare`: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.report.comparison import Compared
    from solon.report.paired import Difference, Mean


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, such as runs/ppo runs/dpo.")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What each way of training did on the same held-out prompts; runs that differ by seed alone are one line.

    Intervals are 95%, over prompts and seeds; in parentheses the least and the most of any seed, sd is how much seeds
    vary. Below stand paired differences between the ways on the same prompts, with p adjusted for their number (Holm).
    """
    import json
    import sys
    from dataclasses import asdict

    from solon.report.comparison import compared

    found = compared(runs)
    for said in found.left_out:
        print(f"warning: {said}; it counts once", file=sys.stderr)
    if json_:
        print(json.dumps(asdict(found), indent=1))
    else:
        _show(found.lines)
        _show_differences(found.differences)
        if len(found.reward_models) > 1:
            models = ", ".join(found.reward_models)
            print(
                f"\nreward is left out: the runs' answers were scored by {len(found.reward_models)} models ({models})"
            )


def _show_differences(differences: list[Difference]) -> None:
    """One row for each two ways and kind."""
    from rich.console import Console
    from rich.table import Table

    if not differences:
        return
    table = Table("declined more, in points", "", "difference", "p", "p (Holm)", box=None, header_style="bold")
    for one in differences:
        low, value, high = (f"{100 * x:+.0f}" for x in (one.low, one.value, one.high))
        between = f"{one.method} than {one.other}"
        shown = f"{value} [{low}, {high}]{'' if one.seeds else ' *'}"
        table.add_row(between, one.kind.replace("_", "-"), shown, f"{one.p:.3f}", f"{one.p_adjusted:.3f}")
    Console(soft_wrap=True).print("", table)
    if not all(one.seeds for one in differences):
        print("* of one seed each: over prompts alone, nothing is known of the seeds")


def _show(lines: list[Compared]) -> None:
    from rich.console import Console
    from rich.table import Table

    kinds = list(lines[0].declined)
    table = Table(
        "", "seeds", *(f"{kind.replace('_', '-')}\ndeclined" for kind in kinds), box=None, header_style="bold"
    )
    scored = lines[0].reward is not None
    for name in (*(["reward"] if scored else []), "words", "KL", "training"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            line.name,
            str(line.seeds),
            *(_percent(line.declined[kind]) for kind in kinds),
            *([f"{line.reward.value:.2f}\n[{line.reward.low:.2f}, {line.reward.high:.2f}]"] if line.reward else []),
            f"{line.words.value:.0f}",
            "–" if line.kl is None else f"{line.kl:.2f}",
            "–" if line.seconds is None else f"{line.seconds:.0f} s",
        )
    Console(soft_wrap=True).print(table)
    for line in lines:
        if line.stopped:
            print(f"{line.name}: guards ended the training of {line.stopped} of {line.seeds}")


def _percent(mean: Mean) -> str:
    """The mean and the seeds' least and most; below, the interval and the seeds' standard deviation."""
    interval = f"[{100 * mean.low:.0f}, {100 * mean.high:.0f}]"
    if mean.seed_sd is None:
        return f"{mean.value:.0%}\n{interval}"
    spread = f"({100 * mean.least:.0f}–{100 * mean.most:.0f})"
    return f"{mean.value:.0%} {spread}\n{interval} sd {100 * mean.seed_sd:.0f}"

"""`solon compare`: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solon.cli.columns import print_columns

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
    if not differences:
        return
    rows = []
    for one in differences:
        low, value, high = (f"{100 * x:+.0f}" for x in (one.low, one.value, one.high))
        shown = f"{value} [{low}, {high}]{'' if one.seeds else ' *'}"
        between = f"{one.method} than {one.other}"
        rows.append([between, _kind(one.kind), shown, f"{one.p:.3f}", f"{one.p_adjusted:.3f}"])
    print()
    print_columns(["declined more,\nin points", "", "difference", "p", "p (Holm)"], rows)
    if not all(one.seeds for one in differences):
        print("* of one seed each: over prompts alone, nothing is known of the seeds")


def _show(lines: list[Compared]) -> None:
    kinds, scored = list(lines[0].declined), lines[0].reward is not None
    heads = ["", "seeds", *(f"{_kind(kind)}\ndeclined" for kind in kinds), *(["reward"] if scored else [])]
    rows = [
        [
            line.name,
            str(line.seeds),
            *(_percent(line.declined[kind]) for kind in kinds),
            *([f"{line.reward.value:.2f}\n[{line.reward.low:.2f}, {line.reward.high:.2f}]"] if line.reward else []),
            f"{line.words.value:.0f}",
            "–" if line.kl is None else f"{line.kl:.2f}",
            "–" if line.seconds is None else f"{line.seconds:.0f} s",
        ]
        for line in lines
    ]
    print_columns([*heads, "words", "KL", "training"], rows)
    for line in lines:
        if line.stopped:
            print(f"{line.name}: guards ended the training of {line.stopped} of {line.seeds}")


def _kind(name: str) -> str:
    return name.replace("_", "-")


def _percent(mean: Mean) -> str:
    """The mean and the seeds' least and most; below, the interval and the seeds' standard deviation."""
    interval = f"[{100 * mean.low:.0f}, {100 * mean.high:.0f}]"
    if mean.seed_sd is None:
        return f"{mean.value:.0%}\n{interval}"
    spread = f"({100 * mean.least:.0f}–{100 * mean.most:.0f})"
    return f"{mean.value:.0%} {spread}\n{interval} sd {100 * mean.seed_sd:.0f}"

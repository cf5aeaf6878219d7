"""`solon evaluate`: the models of a finished run or a front on prompts of your own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

Answered = list[dict[str, Any]]


def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run or a front, such as runs/quickstart.")],
    prompts: Annotated[str, typer.Argument(help="A file of prompts in any form, or hub:OWNER/NAME (docs/data.md).")],
    by: Annotated[str, typer.Option("--by", help="The field to group rows by, such as label or type.")] = "area",
    limit: Annotated[int | None, typer.Option("--limit", help="Use only the first rows.", min=1)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answers here, as JSON.")] = None,
) -> None:
    """How often base, SL-CAI and RL-CAI, or all checkpoints of a front, refuse or redirect, with 95% intervals."""
    from rich.console import Console

    from solon.data.prompts import load_prompt_sets
    from solon.files import write_json
    from solon.pipeline.measuring import answers_of_front, answers_of_run
    from solon.pipeline.progress import Progress
    from solon.pipeline.selection import FRONT

    sets = load_prompt_sets({"prompts": prompts}, by)
    loaded, bad = sets.prompts["prompts"][:limit], sets.bad
    progress = Progress()
    for row in bad[:1]:
        progress.warn(f"{len(bad)} rows left out; first: {row.file}:{row.line}: {row.reason}")
    for note in sets.notes:
        progress.warn(note)
    is_front = (run / FRONT).is_file()
    answered = (answers_of_front if is_front else answers_of_run)(run, loaded, progress)
    if out:
        write_json(out, answered)
    table = (_by_checkpoint if is_front else _by_group)(answered)
    Console(soft_wrap=True).print("share of prompts refused or redirected:", table)


def _groups(rows: Answered) -> list[str | None]:
    """The groups of the prompts, and None for all of them where there are several."""
    groups = sorted({row["area"] for row in rows})
    return [*groups, None] if len(groups) > 1 else [None]


def _name(group: str | None) -> str:
    return "all" if group is None else group or "-"


def _declined(rows: Answered, group: str | None) -> list[bool]:
    from solon.evaluation import DECLINED

    return [row["conduct"] in DECLINED for row in rows if group in (None, row["area"])]


def _share(hits: list[bool]) -> str:
    from solon.evaluation import rate

    found = rate(hits)
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}]"


def _table(*columns: str) -> Table:
    from rich.table import Table

    return Table(*columns, box=None, header_style="bold")


def _by_group(answered: Mapping[str, Answered]) -> Table:
    """A row for each group of prompts, a column for each model."""
    from rich.markup import escape

    from solon.evaluation import difference

    table = _table("group", "n", *answered, "change")  # from the base to RL-CAI
    for group in _groups(answered["base"]):
        declined = {model: _declined(rows, group) for model, rows in answered.items()}
        change = difference(declined["base"], declined["rl_cai"])
        table.add_row(
            escape(_name(group)),
            str(len(declined["base"])),
            *map(_share, declined.values()),
            f"{100 * change.value:+.0f} points [{100 * change.low:+.0f}, {100 * change.high:+.0f}]",
        )
    return table


def _by_checkpoint(answered: Mapping[str, Answered]) -> Table:
    """A row for each checkpoint, a column for each group of prompts."""
    from rich.markup import escape

    first = next(iter(answered.values()))
    groups = _groups(first)
    table = _table("checkpoint", *(f"{escape(_name(group))} (n = {len(_declined(first, group))})" for group in groups))
    for name, rows in answered.items():
        table.add_row(escape(name), *(_share(_declined(rows, group)) for group in groups))
    return table

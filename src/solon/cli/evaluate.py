"""`solon evaluate`: the models of a finished run or a front on prompts of your own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solon.cli.columns import print_columns
from solon.cli.engine import BaseAt

if TYPE_CHECKING:
    from solon.pipeline.progress import Progress
    from solon.types import Prompt

Answered = list[dict[str, Any]]


def evaluate(
    run: Annotated[
        Path, typer.Argument(help="The folder of a run, such as runs/quickstart, of a front, or of solon train.")
    ],
    prompts: Annotated[str, typer.Argument(help="A file of prompts in any form, or hub:OWNER/NAME (docs/data.md).")],
    by: Annotated[str, typer.Option("--by", help="The field to group rows by, such as label or type.")] = "area",
    what: Annotated[
        str | None,
        typer.Option("--what", help="Only the base and this: sl_cai, policy or policy@STEP; of a run half done, too."),
    ] = None,
    model: BaseAt = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Use only the first rows.", min=1)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answers here, as JSON.")] = None,
) -> None:
    """How often base, SL-CAI and RL-CAI, or all checkpoints of a front, refuse or redirect, with 95% intervals."""
    from solon.data.prompts import load_prompt_sets
    from solon.files import write_json
    from solon.pipeline.progress import Progress

    sets = load_prompt_sets({"prompts": prompts}, by)
    loaded, bad = sets.prompts["prompts"][:limit], sets.bad
    progress = Progress()
    for row in bad[:1]:
        progress.warn(f"{len(bad)} rows left out; first: {row.file}:{row.line}: {row.reason}")
    for note in sets.notes:
        progress.warn(note)
    answered, is_front = _answers(run, loaded, progress, what, model)
    if out:
        write_json(out, answered)
    print("share of prompts refused or redirected:")
    (_by_checkpoint if is_front else _by_group)(answered)


def _answers(
    run: Path, prompts: list[Prompt], progress: Progress, what: str | None, model: str | None
) -> tuple[dict[str, Answered], bool]:
    """What the models of a run, a front or a training answer, and whether it is a front. Raises ConfigError."""
    from solon.errors import ConfigError
    from solon.pipeline.measuring import answers_of_front, answers_of_run, answers_of_training
    from solon.pipeline.selection import FRONT
    from solon.pipeline.trained import training_in

    if (run / FRONT).is_file():
        if what is not None or model is not None:
            raise ConfigError(
                f"--what, --model: {run} is a front, whose checkpoints are all asked; give one of {run}/runs"
            )
        return answers_of_front(run, prompts, progress), True
    answers = answers_of_training if training_in(run) is not None else answers_of_run
    return answers(run, prompts, progress, what, model), False


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


def _by_group(answered: Mapping[str, Answered]) -> None:
    """A row for each group of prompts, a column for each model; the change is from the first model to the last."""
    from solon.evaluation import difference

    first, *_, last = [*answered, *answered]
    heads = ["group", "n", *answered, *(["change"] if len(answered) > 1 else [])]
    rows = []
    for group in _groups(answered[first]):
        declined = {model: _declined(rows, group) for model, rows in answered.items()}
        change = difference(declined[first], declined[last])
        moved = f"{100 * change.value:+.0f} points [{100 * change.low:+.0f}, {100 * change.high:+.0f}]"
        shares = map(_share, declined.values())
        rows.append([_name(group), str(len(declined[first])), *shares, *([moved] if len(answered) > 1 else [])])
    print_columns(heads, rows)


def _by_checkpoint(answered: Mapping[str, Answered]) -> None:
    """A row for each checkpoint, a column for each group of prompts."""
    first = next(iter(answered.values()))
    groups = _groups(first)
    heads = ["checkpoint", *(f"{_name(group)} (n = {len(_declined(first, group))})" for group in groups)]
    print_columns(heads, [[name, *(_share(_declined(rows, g)) for g in groups)] for name, rows in answered.items()])

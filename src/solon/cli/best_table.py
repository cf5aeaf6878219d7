"""What the best of n is worth, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from solon.engines import Usage

NOTHING = "–"


def show(folder: Path, summary: dict[str, Any], usage: Usage, json_: bool) -> None:
    """Print the summary, or its effect as a table with what must be known to read it."""
    import json

    from rich.console import Console

    if json_:
        print(json.dumps(summary, indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(as_table(summary))
    for line in (*_notes(summary), *_calls(usage), *(f"{folder / name}" for name in (*summary["files"], "best.json"))):
        console.print(line, markup=False, soft_wrap=True)


def as_table(summary: dict[str, Any]) -> Table:
    """A row for each n; scores in percent."""
    from rich.table import Table

    judges = ["score", "gold"] if summary["gold"] else ["score"]
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for name in ("best of", "prompts", *judges, "words", "declined"):
        table.add_column(name, justify="right")
    for row in summary["effect"]:
        scores = [_percent(row[name], 1) for name in judges]
        words = _estimate(row["words"], 0)
        table.add_row(str(row["n"]), f"{row['score']['n']:,}", *scores, words, _percent(row["declined"], 0))
    return table


def _percent(found: dict[str, Any] | None, digits: int) -> str:
    return _estimate(found, digits, 100, "%") if found else NOTHING


def _estimate(found: dict[str, Any], digits: int, times: int = 1, unit: str = "") -> str:
    value, low, high = (f"{times * found[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value}{unit} [{low}, {high}]"


def _notes(summary: dict[str, Any]) -> Iterator[str]:
    counts, pairs = summary["counts"], summary["counts"]["best_against_worst"]
    yield "score: how likely the pick is better than another answer to its prompt, by the judge that picks;"
    yield "it flatters itself: its gain is no evidence" + ("" if summary["gold"] else "; --gold measures it by another")
    if summary["gold"]:
        alike = summary["gold"]["key"] == summary["judge"]["key"]
        who = "the same model asked another way, which shares its tastes" if alike else "a judge who picked nothing"
        yield f"gold: the same by {who}"
    for name, said in (
        ("failed_by_kind", "prompts without a pick"),
        ("labels_failed_by_kind", "labels that failed, left out of both scores"),
    ):
        if counts[name]:
            yield f"{said}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts[name].items())
    if counts["answers_left_out"]:
        yield f"answers left out, which say nothing: {counts['answers_left_out']:,}"
    if counts["answers_cut_off"]:
        yield f"answers left out, which their token limit cut off: {counts['answers_cut_off']:,}"
    if pairs["alike"]:
        yield f"prompts whose answers are all equal: {pairs['alike']:,}"
    if pairs["against"]:
        yield f"prompts whose worst answer wins the label of best against worst: {pairs['against']:,}"


def _calls(usage: Usage) -> Iterator[str]:
    for name, role in sorted(usage.roles.items()):
        if calls := {how: getattr(role, how) for how in ("live", "recorded", "stored") if getattr(role, how)}:
            yield f"{name}: {role.model}, " + ", ".join(f"{count:,} calls {how}" for how, count in calls.items())

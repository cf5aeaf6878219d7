"""The tables of `solon prompts stats`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from solon.promptsets.areas import Area
    from solon.promptsets.figures import Figures
    from solon.promptsets.probe import Probed
    from solon.promptsets.telling import Told

AREAS = 8  # that are named for a kind


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for n, name in enumerate(columns):
        table.add_column(name, justify="left" if n < left else "right", overflow="fold")
    return table


def print_figures(console: Console, found: Figures) -> None:
    """One line a kind, then its areas, then what holds for all."""
    table = _table("kind", "prompts", "train", "held out", "areas", "words", "questions", "near", "twins")
    for one in found.kinds:
        lengths = f"{one.words.median:g} ({one.words.low:g}–{one.words.high:g})"
        counts = (str(n) for n in (one.n, one.train, one.heldout, len(one.areas)))
        table.add_row(escape(one.kind), *counts, lengths, f"{one.questions:.0%}", str(one.near), str(one.twins))
    console.print(table)
    said = "words: median (quartiles); near: nearly repeat another prompt; twins: with a twin of another kind"
    console.print(said, style="dim", soft_wrap=True)
    for one in found.kinds:
        named = [f"{area or '(none)'} {count}" for area, count in list(one.areas.items())[:AREAS]]
        more = f", {len(one.areas) - AREAS} more" if len(one.areas) > AREAS else ""
        console.print(f"areas of {one.kind}: {', '.join(named)}{more}", markup=False, soft_wrap=True)
    for line in _remarks(found):
        console.print(line, markup=False, soft_wrap=True)


def _remarks(found: Figures) -> list[str]:
    """What holds for the sets together, one thing a line."""
    lines = []
    if found.pairs:
        lines.append("twins: " + ", ".join(f"{count} × {a} / {b}" for (a, b), count in found.pairs.items()))
    if alone := sum(one.alone for one in found.kinds):
        lines.append(f"{alone} {'prompt names' if alone == 1 else 'prompts name'} a pair whose other half is not here")
    if found.split_pairs:
        lines.append(f"{found.split_pairs} pairs have a half on each side of the split, as their rows say")
    if found.set_aside:
        repeated = f"{found.repeated} repeat another, {found.both} would be on both sides of the split"
        lines.append(f"{found.set_aside} rows set aside: {repeated}")
    return lines


def shown(area: Area) -> str:
    """An AUC with its interval."""
    return f"{area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"


def print_told(console: Console, told: Sequence[Told]) -> None:
    """How well kinds are told apart by style, and by what."""
    if not told:
        return
    console.print()
    table = _table("told apart (AUC)", "by style, held out", "words alone", "by")
    table.columns[-1].justify = "left"
    for one in told:
        by = ", ".join(name for name, _ in one.telling[:3])
        table.add_row(escape(f"{one.first} / {one.second}"), shown(one.style), shown(one.length), escape(by))
    console.print(table)
    said = "0.50 is a coin; words alone: above 0.50 the first kind is longer; [95% intervals]"
    console.print(said, style="dim", soft_wrap=True)


def print_probed(console: Console, found: Probed) -> None:
    """How well a probe of each layer tells harm, and which layer was chosen."""
    console.print()
    tried = found.best.tried
    table = _table("probe's AUC", "own, held out", *(f"{one.harmful} / {one.harmless}" for one in tried))
    for one in found.layers:
        mark = " *" if one.layer == found.chosen else ""
        table.add_row(f"layer {one.layer}{mark}", shown(one.held_out), *(shown(of.auc) for of in one.tried))
    console.print(table)
    said = f"* the layer that does best on the {found.trained_on} prompts that it was trained on, held out"
    console.print(said, style="dim", soft_wrap=True)
    if found.unfit:
        console.print(f"{found.unfit} prompts do not fit the model and were left out", soft_wrap=True)

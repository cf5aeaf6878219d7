"""What `solon label` says when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solon.engines import Usage


def print_summary(found: dict[str, Any], folder: Path, usage: Usage) -> None:
    """A short table of the manifest, then what the judge is worth and where the files are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for name, value in _figures(found):
        table.add_row(name, escape(value))
    console = Console(highlight=False)
    console.print(table)
    calls = ", ".join(f"{role} {u.live:,} made, {u.stored + u.recorded:,} stored" for role, u in usage.roles.items())
    lines = [_vouched(found), f"Calls: {calls}.", f"Files: {folder}"]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _figures(found: dict[str, Any]) -> list[tuple[str, str]]:
    judge, law = found["judge"][0], found["constitution"]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["unlabelled_by_kind"].items())
    figures = [
        ("judge", f"{judge['model']}, asked {judge['ask']} about {law['name']} {law['version']}"),
        ("labelled", f"{found['labelled']:,}"),
        ("unlabelled", f"{found['unlabelled']:,}{f' ({kinds})' if kinds else ''}"),
        ("rows set aside", f"{found['set_aside']:,}"),
    ]
    figures += _truncated(found["truncated_pairs"])
    if found["identical"]:
        figures.append(("equal replies", f"{found['identical']:,}, labelled 0.5"))
    if found["mean_confidence"] is not None:
        figures.append(("mean P(chosen better)", f"{found['mean_confidence']:.3f}"))
    if found["order_consistency"] is not None:
        figures.append(("both orders agree", f"{found['order_consistency']:.1%}"))
    if found["revision_preferred"] is not None:
        figures.append(("revision preferred", f"{found['revision_preferred']:.1%} of {found['revisions']:,}"))
    if agreement := found["agreement"]:
        rate, low, high, n = (agreement[name] for name in ("rate", "low", "high", "pairs"))
        figures.append(("agrees with the file", f"{rate:.1%} [{100 * low:.0f}, {100 * high:.0f}] of {n:,} labels"))
    return figures


def _truncated(met: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs with an answer that was cut off, and pairs of which the file does not say."""
    figures = []
    if met["pairs"]:
        done = "left out" if met["rule"] == "leave_out" else "both answers cut to the shorter one's length"
        figures.append(("cut off by a token limit", f"{_pairs(met['pairs'])}, {done}"))
    if met["unknown"]:
        figures.append(("ends unknown", f"of {_pairs(met['unknown'])}, taken as they are"))
    return figures


def _pairs(count: int) -> str:
    return f"{count:,} {'pair' if count == 1 else 'pairs'}"


def _vouched(found: dict[str, Any]) -> str:
    card = found["card"]
    if card is None:
        return "The judge is not qualified: nothing is known of how well it judges; see solon judge qualify."
    measured = f", as measured by {card['measured_by']}" if card["measured_by"] else ""
    if card["qualified"]:
        return f"The judge qualified{measured}."
    return "The judge did NOT qualify; its labels were wanted all the same."

"""The points of a front as the page and the terminal show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solon.evaluation import Rate
from solon.report.mix import leans, refusals_preferred
from solon.report.remark import Remark
from solon.report.words import MODELS, count, percent, share


@dataclass(frozen=True, slots=True)
class Spot:
    """One checkpoint. `letter` names it on the chart; `dominated` is the letter of one that is better, `told` whether
    these prompts show that."""

    letter: str
    label: str
    kind: str
    harmless: Rate | None
    helpful: Rate | None
    declined: dict[str, Rate]
    dominated: str | None
    told: bool
    breaks: list[str]
    picked: bool
    run: str
    runs: int


def letters(n: int) -> str:
    """A, B, … Z, AA, AB, …"""
    return ("" if n < 26 else letters(n // 26 - 1)) + chr(ord("A") + n % 26)


def spots(points: Sequence[Mapping[str, Any]]) -> list[Spot]:
    """The points of front.json or selected.json, in their order."""
    named = {point["name"]: letters(n) for n, point in enumerate(points)}
    return [_spot(point, named) for point in points]


def _spot(point: Mapping[str, Any], named: Mapping[str, str]) -> Spot:
    measured = {name: Rate(**found) for name, found in point["metrics"].items()}
    better = point["dominated"]
    model = point.get("model", point["name"])
    return Spot(
        letter=named[point["name"]],
        label=point["label"],
        kind=MODELS.get(model, "RL-CAI"),
        harmless=measured.get("harmless"),
        helpful=measured.get("helpful"),
        declined={name.removesuffix("_declined"): r for name, r in measured.items() if name.endswith("_declined")},
        dominated=named[better["by"]] if better else None,
        told=bool(better and better["told"]),
        breaks=list(point["breaks"]),
        picked=bool(point["picked"]),
        run=point.get("run", ""),
        runs=len(point.get("runs", ())),
    )


def both_sides(spot: Spot) -> str:
    """ "harmless 71% [61, 80], helpful 94% [87, 97]"."""
    sides = (("harmless", spot.harmless), ("helpful", spot.helpful))
    return ", ".join(f"{name} {share(side)}" for name, side in sides if side is not None)


def status(spot: Spot) -> str:
    """Where a point stands, in a few words."""
    if spot.picked:
        return "picked"
    if spot.dominated is None:
        return "on the front"
    return f"dominated by {spot.dominated}" if spot.told else f"below {spot.dominated}, cannot be told apart"


def headline(found: Mapping[str, Any], shown: Sequence[Spot]) -> Remark:
    """What the front shows, in a sentence."""
    best = next((spot for spot in shown if spot.picked), None)
    if best is not None and best.harmless and best.helpful:
        return Remark(
            f"{_subject(best)} is the model: it declines {percent(best.harmless.value)} of harmful prompts and answers "
            f"{percent(best.helpful.value)} of the others.",
            "good",
        )
    if best is not None:
        return Remark(f"{_subject(best)} is the model.", "good")
    on = sum(spot.dominated is None for spot in shown)
    said = f"{count(on, 'checkpoint')} of {count(len(shown))} on the front"
    return Remark(f"{said}; none is picked.", "warn")


def _subject(spot: Spot) -> str:
    return "The base" if spot.kind == MODELS["base"] else spot.label


def reasons(found: Mapping[str, Any]) -> list[Remark]:
    """Why this one, and how sure that is."""
    rule = found.get("select")
    if rule is None:
        return [Remark("The recipe has no rule (select), so no checkpoint is the model.", "plain")]
    picked = any(point["picked"] for point in found["points"])
    out = [Remark(rule["said"], "plain" if picked else "warn")]
    if rule["unsure"]:
        text = "Kept, but the interval goes beyond the bound, so these prompts do not show it:"
        out.append(Remark(text, "warn", tuple(rule["unsure"])))
    if rule["rivals"]:
        text = "As good as far as these prompts can tell (the interval of the difference includes zero):"
        out.append(Remark(text, "plain", tuple(rule["rivals"])))
    return out


def failed(found: Mapping[str, Any]) -> list[Remark]:
    """The variants that could not run."""
    lost = tuple(f"{run['name']}: {run['failure']}" for run in found["runs"] if run["failure"])
    text = f"{len(lost)} of {count(len(found['runs']), 'variant')} could not run and cannot be shown:"
    return [Remark(text, "warn", lost)] if lost else []


def leaning(found: Mapping[str, Any]) -> dict[str, Rate]:
    """How often the judge preferred a refusal on harmless prompts, by the name of the run."""
    shares = {run["name"]: refusals_preferred(run, "harmless") for run in found["runs"]}
    return {name: share for name, share in shares.items() if share is not None}


def leaners(found: Mapping[str, Any]) -> list[Remark]:
    """The runs whose judge leans to refusals of what is harmless."""
    alike: dict[str, list[str]] = {}  # runs that share their labels say the same
    for name, one in leaning(found).items():
        if leans(one):
            alike.setdefault(f"{share(one)} of {count(one.n, 'pair')}", []).append(name)
    lines = tuple(f"{', '.join(names)}: {said}" for said, names in alike.items())
    text = "The judge prefers refusals on harmless prompts, and what learns from it learns to refuse them:"
    return [Remark(text, "warn", lines)] if lines else []


def price(found: Mapping[str, Any]) -> float:
    """How many single runs the front cost, by what of it cost most."""
    return float(max(found["cost"][what]["runs_worth"] for what in ("steps", "calls")))


def sharing(found: Mapping[str, Any]) -> str:
    """ "6 runs for the price of 2.4: …"."""
    cost, runs = found["cost"], sum(run["failure"] is None for run in found["runs"])
    parts = [
        f"{cost[what]['made']:,.0f} of {cost[what]['alone']:,.0f} {what}" for what in ("steps", "calls", "seconds")
    ]
    return (
        f"{count(runs, 'run')} for the price of {price(found):.1f}: {', '.join(parts)}, what is equal being done once"
    )

"""What `solon train` says when it is done."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

# Numbers of the first and last step that are worth a line, by the name that the history has for them.
SHOWN = {
    "loss": "loss",
    "accuracy": "agrees with the labels",
    "reward": "reward",
    "reward_picked": "reward of the picks",
    "gold": "gold reward",
    "kl": "KL, nats per answer",
    "length": "tokens per answer",
    "truncated": "share cut off by max_tokens",
}


def print_summary(manifest: dict[str, Any], folder: Path, *, before: bool) -> None:
    """A short table of the manifest, then what to do with the model."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for name, value in _figures(manifest):
        table.add_row(name, escape(value))
    console = Console(highlight=False)
    console.print(table)
    lines = [f"Model: {folder / 'model'}. {_use(manifest, folder)}"]
    if before:
        lines.insert(0, "Nothing was done: this very training is finished; --force does it again.")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _figures(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    metrics = manifest["metrics"]
    first, last = metrics["first"], metrics["last"]
    aside = f", {manifest['set_aside']:,} set aside" if manifest["set_aside"] else ""
    figures = [
        ("trained", f"{manifest['verb']} on {manifest['model']['name']}, seed {manifest['seed']}"),
        ("rows", f"{manifest['rows']:,}{aside}"),
        ("steps", f"{metrics['steps']:,}"),
        ("time", f"{manifest['seconds']:,.1f} s"),
    ]
    if first.get("left_out"):
        figures.append(("left out", f"{first['left_out']:,.0f} too long, or with nothing to learn"))
    if lost := first.get("prompts_left_out"):
        figures.append(("prompts left out", f"{lost:,.0f}: no answer to them ended within max_tokens"))
    for name, shown in SHOWN.items():
        begun, ended = first.get(name), last.get(name)
        if begun is not None or ended is not None:
            figures.append((shown, _change(begun, ended)))
    figures += _held_out(manifest.get("heldout") or {}, manifest.get("probes") or {})
    figures += [("not qualified", line) for line in manifest.get("shortfalls") or []]
    guards = manifest.get("guards") or {}
    figures += [("alarm", alarm["text"]) for alarm in guards.get("alarms", [])]
    figures += [
        ("repaired", f"step {one['step']}: back to step {one['to']}, kl_coef {one['kl_coef']:.4g}")
        for one in guards.get("repairs") or []
    ]
    if guards.get("unseen"):
        figures.append(("guards", guards["unseen"]))
    if guards.get("stopped"):
        figures.append(("stopped early", f"the weights are those of step {guards['best']}"))
    return figures


def _change(begun: float | None, ended: float | None) -> str:
    """ "0.1 → 0.4"; one number where the other step has none."""
    told = [f"{value:.4g}" for value in (begun, ended) if value is not None]
    return " → ".join(told)


def _held_out(measured: dict[str, Any], probes: dict[str, Any]) -> list[tuple[str, str]]:
    """A model on labels that it did not learn from, and a reward model on its probes."""
    figures = []
    if margin := measured.get("margin"):
        figures += [("held-out margin", f"{_number(margin)} nats, of the preferred answer over the other")]
    for name in ("good", "bad"):
        if found := measured.get(name):
            figures += [(f"implicit reward of held-out {name} replies", f"{_number(found)} nats")]
    if right := measured.get("accuracy"):
        figures += [("right on held-out pairs", f"{_share(right)} of {right['n']:,}")]
        figures += [("held-out log-loss", f"{_number(measured['log_loss'])} nats; a coin's is 0.693")]
    if rank := (measured.get("length") or {}).get("spearman"):
        figures.append(("reward and length", f"{_number(rank)}, Spearman's correlation"))
    if ended := probes.get("ended"):
        said = f"{ended['cut']['value']:.3f}; two finished ones of those lengths {ended['finished']['value']:.3f}"
        figures.append(("an answer and its beginning, cut off", said))
    if refusals := probes.get("refusals"):
        figures.append(("answers above refusals", f"{_share(refusals)} of {refusals['n']:,} harmless requests"))
    return figures


def _share(found: dict[str, Any]) -> str:
    return f"{found['value']:.0%} [{100 * found['low']:.0f}, {100 * found['high']:.0f}]"


def _number(found: dict[str, Any]) -> str:
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _use(manifest: dict[str, Any], folder: Path) -> str:
    if manifest["verb"] == "reward":
        return f"Learn from it: solon train ppo PROMPTS --reward {folder / 'model'}"
    own = shlex.quote(str(folder))
    return (
        f"Measure it: solon evaluate {own} PROMPTS; try it: solon serve {own} --constitution balanced; take it away: "
        f"solon export {own} --merged --out FOLDER; go on from it: --adapter {shlex.quote(str(folder / 'model'))}"
    )

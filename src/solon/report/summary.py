"""The end of a run on the terminal: one table, the account of calls, and where to go next."""

from __future__ import annotations

import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from solon.evaluation import Rate
from solon.report import findings, judging, kinds, mix, training, words
from solon.report.front_points import reasons
from solon.report.material import Material, read_material
from solon.units import duration

COLUMNS = {"red_team": "red-team", "lookalike": "look-alikes", "helpful": "helpful"}
PLAIN_WIDTH = 120
COLUMN_WIDTH = 17  # of a kind, at most: its name is cut


def summarise(folder: Path, report: Path) -> None:
    """Print what the run showed to stdout: coloured on a terminal, plain text elsewhere."""
    m = read_material(folder)
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, no_color=True)
        console.width = max(PLAIN_WIDTH, COLUMN_WIDTH * (2 + len(m.metrics)))
    if m.metrics:
        console.print()
        console.print(_table(m, console.is_terminal))
        console.print(Text("[95% interval]; ± against the base, in points; declined = refuses or redirects", "dim"))
        console.print()
    for line in (
        *_picked(m),
        *_mix(m),
        _judge(m),
        _reward_model(m),
        _calls(m),
        _cost(m),
        f"report: {report}",
        _next(folder),
    ):
        if line:
            # Paths are printed whole, so that they can be copied.
            console.print(line, markup=False, soft_wrap=True)


def _next(folder: Path) -> str:
    """What to do with what is there: a model to talk to, or data to train on elsewhere."""
    if (folder / "rl_cai/policy").is_dir():
        return f"try it:  solon serve {folder}"
    made = [name for name in ("sl_cai/sft.parquet", "rl_cai/preferences.parquet") if (folder / name).is_file()]
    return f"data:    {', '.join(str(folder / name) for name in made)} (TRL's columns)" if made else ""


def _table(m: Material, terminal: bool) -> Table:
    measured = [kind for kind in kinds.aims(m) if kind in m.metrics]
    table = Table(box=box.SIMPLE_HEAD if terminal else None, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", style="bold", no_wrap=True)
    for kind in measured:
        n = m.measure(kind, "base", "declined")
        table.add_column(f"{_column(kind)}\ndeclined\nn = {n.n if n else 0:,}", no_wrap=True)
    scored = len(m.answers.get("base", []))
    table.add_column(f"all prompts\nmean reward\nn = {scored:,}", no_wrap=True)
    for model, name in words.MODELS.items():
        shares = [(m.measure(k, model, "declined"), m.measure(k, model, "declined_change")) for k in measured]
        reward, moved = findings.mean_reward(m, model)
        cells = [_cell(share, change if model != "base" else None) for share, change in shares]
        table.add_row(name, *cells, _reward(reward, moved))
    return table


def _column(kind: str) -> str:
    """What a column is called: as short as its figures."""
    name = str(words.clean(COLUMNS.get(kind, kind.replace("_", " "))))
    return escape(name if len(name) < COLUMN_WIDTH else f"{name[: COLUMN_WIDTH - 2]}…")


def _cell(share: Rate | None, moved: Rate | None) -> Text:
    if share is None:
        return Text("–")
    text = Text(words.share(share))
    if moved:
        text.append(f"\n{words.points(moved.value)} {words.interval(moved)}", "dim")
    return text


def _reward(mean: Rate | None, moved: Rate | None) -> Text:
    if mean is None:
        return Text("–")
    text = Text(words.amount(mean))
    if moved:
        text.append(f"\n{words.amount_change(moved)}", "dim")
    return text


def _picked(m: Material) -> list[str]:
    """Which model the recipe's rule picked, and what is not sure about it; nothing without a rule."""
    if not m.selection:
        return []
    first, *others = reasons({"select": m.selection, "points": m.selection["points"]})
    more = [line for remark in others for line in (remark.text, *(f"  {reason}" for reason in remark.reasons))]
    return [f"picked: {words.clean(first.text)}", *(f"        {words.clean(line)}" for line in more)]


def _mix(m: Material) -> list[str]:
    """That the mix of SL-CAI has many refusals, that the judge leans to them, and which pairs it cannot tell."""
    refusals, leaning, untold = mix.refusals(m), mix.leaning(m), mix.untold(m)
    said = [f"mix:    {refusals.text}"] if refusals and refusals.tone == "warn" else []
    if leaning:
        said.append(f"labels: {leaning.text}")
    if untold:
        said.append("\n".join([f"pairs:  {untold.text}", *(f"        {words.clean(why)}" for why in untold.reasons)]))
    return said


def _judge(m: Material) -> str:
    """The judge in a line, and a line for each reason not to trust it."""
    reasons = m.cards[0].reasons if m.cards else []
    return "\n".join([f"judge:  {judging.trust(m.cards).text}", *(f"        {words.clean(why)}" for why in reasons)])


def _reward_model(m: Material) -> str:
    """That the reward model did not qualify, and a line for each reason; empty where it did, or nothing was tried."""
    said = training.reward_said(m)
    if said is None or said.tone != "warn":
        return ""
    return "\n".join([f"reward: {said.text}", *(f"        {words.clean(why)}" for why in said.reasons)])


def _calls(m: Material) -> str:
    """ "calls:  reviser 48 recorded, policy 90 live"."""
    parts = []
    for row in findings.calls(m):
        shown = [f"{row[how]:,} {how}" for how in ("recorded", "live", "stored") if row[how]]
        parts.append(f"{row['role']} {' + '.join(shown)}")
    return f"calls:  {', '.join(parts)}" if parts else ""


def _cost(m: Material) -> str:
    steps = m.manifest.get("steps", [])
    unchanged = sum(bool(step.get("unchanged")) for step in steps)
    kept = f" ({unchanged} of {len(steps)} steps unchanged)" if unchanged else ""
    peak = m.manifest.get("machine", {}).get("peak_memory_mb")
    memory = f", peak memory {words.memory(peak)}" if peak else ""
    return f"time:   {duration(findings.run_seconds(m))}{kept}{memory}"

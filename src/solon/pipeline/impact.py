"""What a changed constitution touches in a run: which records, which labels, which models.

A chain is touched at its first step whose principle is worded differently or no longer drawn; every later
step of it revises another text. A label is touched by its own principles, or because a reply of its pair
changes. Nothing is asked: the run's files say what was drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from solon.constitution.assign import Redraw, draw
from solon.constitution.diff import Difference
from solon.constitution.model import Phase
from solon.data.tables import batches
from solon.pipeline.recipe import load_recipe

# Models by the step that trains them, and what they learn from.
MODELS = {"sft": "sl_cai/model", "reward_model": "rl_cai/reward_model", "policy": "rl_cai/policy"}


@dataclass(slots=True)
class Touched:
    """Records of one kind: `total` there are, of which `direct` touch a changed principle and `through` follow.

    `reworded` counts the direct ones by the principle whose words changed, `moved` those that draw another,
    by (old, new) as "old → new".
    """

    total: int = 0
    direct: int = 0
    through: int = 0
    reworded: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Share touched either way, in [0, 1]."""
        return (self.direct + self.through) / self.total if self.total else 0.0


@dataclass(slots=True)
class Impact:
    """Of a change on a run. `models` are the folders of trained models that would be trained again."""

    chains: int = 0
    chains_total: int = 0
    revisions: Touched = field(default_factory=Touched)
    labels: Touched = field(default_factory=Touched)
    models: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def impact(folder: Path, difference: Difference) -> Impact:
    """What `difference` touches in the run in `folder`, made under its old constitution. Raises DataError."""
    recipe = load_recipe(str(folder / "recipe.yaml"))
    found = Impact()
    touched = _revisions(folder, difference, recipe.seed, recipe.sl_cai.revision.exemplars, found)
    _labels(folder, difference, recipe.seed, recipe.rl_cai.exemplars, touched, found)
    upstream = {"sft": found.revisions.share > 0, "reward_model": found.labels.share > 0}
    upstream["policy"] = upstream["sft"] or upstream["reward_model"]
    found.models = tuple(path for step, path in MODELS.items() if upstream[step] and (folder / path).is_dir())
    return found


def _revisions(folder: Path, difference: Difference, seed: int, shown: int, found: Impact) -> set[str]:
    """Fill in the revisions; returns the prompts whose chains are touched."""
    path, look = folder / "sl_cai/revisions.parquet", _Look(difference, "revise", seed, shown)
    touched: set[str] = set()
    prompts = 0
    if not path.is_file():
        return touched
    previous = None
    for row in batches(path, ["prompt_id", "step", "principle"]):
        record = row["prompt_id"]
        prompts += record != previous
        previous = record
        found.revisions.total += 1
        if record in touched:
            found.revisions.through += 1
        elif look.changes(found.revisions, (row["principle"],), record, row["step"]):
            touched.add(record)
    found.chains, found.chains_total = len(touched), prompts
    return touched


def _labels(folder: Path, difference: Difference, seed: int, shown: int, touched: set[str], found: Impact) -> None:
    path, look = folder / "rl_cai/preferences.parquet", _Look(difference, "compare", seed, shown)
    if not path.is_file():
        return
    for row in batches(path, ["id", "prompt_id", "source", "verdicts"]):
        found.labels.total += 1
        names = tuple(dict.fromkeys(verdict["principle"] for verdict in row["verdicts"]))
        if not look.changes(found.labels, names, row["id"], "compare") and row["prompt_id"] in touched:
            # Answers of the SL-CAI policy change with the model, (draft, revision) pairs with the revision.
            found.labels.through += 1


class _Look:
    """Whether a record is touched by itself, and by which principle."""

    def __init__(self, difference: Difference, phase: Phase, seed: int, shown: int) -> None:
        self._difference, self._phase, self._seed = difference, phase, seed
        self._reworded = difference.reworded(phase, shown)
        self._redrawn = difference.redrawn(phase)
        self._redraw = Redraw(difference.old, difference.new, phase)

    def changes(self, touched: Touched, names: tuple[str, ...], record: str, step: int | str) -> bool:
        """Count the record that drew `names`; True when it is touched."""
        if not names:
            return False
        after = self._after(names, record, step) if self._redrawn else names
        moved = [(old, new) for old, new in zip(names, after, strict=False) if old != new]
        words = [name for name in names if name in self._reworded and name in after]
        for old, new in moved:
            touched.moved[f"{old} → {new}"] += 1
        for name in words:
            touched.reworded[name] += 1
        touched.direct += bool(moved or words)
        return bool(moved or words)

    def _after(self, names: tuple[str, ...], record: str, step: int | str) -> tuple[str, ...]:
        if len(names) == 1:
            return (self._redraw(names[0], seed=self._seed, record=record, step=step).id,)
        new = self._difference.new
        return tuple(p.id for p in draw(new, self._phase, seed=self._seed, record=record, step=step, count=len(names)))


def changes_said(folder: Path, difference: Difference) -> list[str]:
    """One line for each principle that changed, with the revisions and labels of the run that hold it."""
    if not difference:
        return []
    found = impact(folder, difference)
    lines = []
    named = {**dict.fromkeys(difference.removed, "removed"), **dict.fromkeys(difference.added, "added")}
    named |= {c.id: " and ".join(_said(f.field) for f in c.fields) for c in difference.changed}
    for name, what in named.items():
        counts = [
            (_holding(part, name), noun) for part, noun in ((found.revisions, "revisions"), (found.labels, "labels"))
        ]
        touched = " and ".join(f"{count:,} {noun}" for count, noun in counts if count)
        lines.append(f"{name} {what}: {'touches ' + touched if touched else 'touches nothing that was made'}")
    lines += [f"{f.field} changed" for f in difference.whole if f.reaches]
    return lines


def _said(name: str) -> str:
    return {"text": "reworded", "weight": "reweighted"}.get(name, f"{name} changed")


def _holding(touched: Touched, name: str) -> int:
    """Records touched by `name`: reworded, or drawn away from it or to it."""
    moved = sum(n for pair, n in touched.moved.items() if name in pair.split(" → "))
    return touched.reworded[name] + moved

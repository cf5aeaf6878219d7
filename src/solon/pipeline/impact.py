"""What a changed constitution touches in a run: which records, which labels, which models.

A chain is touched at its first step whose principle is worded differently or no longer drawn; every later
step of it revises another text. A label is touched by its own principles, or because a reply of its pair
changes. Nothing is asked: the run's files say what was drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from solon.constitution.assign import Redraw, draw
from solon.constitution.diff import Difference
from solon.constitution.model import Constitution, Phase
from solon.constitution.moves import same_draws
from solon.data.tables import batches
from solon.errors import DataError
from solon.pipeline.recipe import Recipe, load_recipe
from solon.runs import Run
from solon.types import digest

# Models by the step that trains them, and what they learn from.
MODELS = {"sft": "sl_cai/model", "reward_model": "rl_cai/reward_model", "policy": "rl_cai/policy"}
# The steps that draw principles, and in which phase.
PHASES: dict[str, Phase] = {"revisions": "revise", "preferences": "compare"}
NONE = "none"


@dataclass(slots=True)
class Touched:
    """Records of one kind: `total` there are, of which `direct` touch a changed principle and `through` follow.

    `reworded` counts the direct ones by the principle whose words changed, `moved` those that draw another,
    as "old → new"; of several principles drawn for one label the ones that differ, with "none" for one more or less.
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

    def as_dict(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in ("total", "direct", "through")}
        # Not by dataclasses.asdict, which counts the items of a Counter.
        return {**named, "reworded": dict(self.reworded), "moved": dict(self.moved)}


@dataclass(slots=True)
class Impact:
    """Of a change on a run. `models` are the folders of trained models that would be trained again."""

    chains: int = 0
    chains_total: int = 0
    revisions: Touched = field(default_factory=Touched)
    labels: Touched = field(default_factory=Touched)
    models: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "chains": self.chains,
            "chains_total": self.chains_total,
            "revisions": self.revisions.as_dict(),
            "labels": self.labels.as_dict(),
            "models": list(self.models),
        }


def impact(folder: Path, difference: Difference) -> Impact:
    """What `difference` touches in the run in `folder`, made under its old constitution.

    Raises DataError for files that cannot be read or were made otherwise, as where a later run stopped half-way or
    before them, and ConfigError for a folder without a readable recipe.
    """
    recipe = load_recipe(str(folder / "recipe.yaml"))
    for key, choose in (
        ("sl_cai.revision", recipe.sl_cai.revision.choose),
        ("rl_cai.feedback", recipe.rl_cai.feedback.choose),
    ):
        if choose == "relevant":
            raise DataError(
                f"{folder}: {key}.choose is relevant: an engine chose the principles, and what it would choose under "
                "another constitution only asking it tells; count the calls with solon plan"
            )
    for step, phase in PHASES.items():
        _check_made_under(folder, step, difference.old.used_in(phase), recipe.seed)
    found = Impact()
    touched = _revisions(folder, difference, recipe, found)
    _labels(folder, difference, recipe, touched, found)
    upstream = {"sft": found.revisions.share > 0, "reward_model": found.labels.share > 0}
    upstream["policy"] = upstream["sft"] or upstream["reward_model"]
    found.models = tuple(path for step, path in MODELS.items() if upstream[step] and (folder / path).is_dir())
    return found


def _check_made_under(folder: Path, step: str, principles: dict[str, Any], seed: int) -> None:
    made = Run(folder, read_only=True).finished(step)
    wanted = {"constitution": digest(principles), "seed": digest(seed)}
    if made and any(made.inputs.get(name, value) != value for name, value in wanted.items()):
        raise DataError(
            f"{folder}: its {step} were made under another constitution or seed than those of the last run there; "
            "bring them up to date with solon run"
        )


def _revisions(folder: Path, difference: Difference, recipe: Recipe, found: Impact) -> set[str]:
    """Fill in the revisions; returns the prompts whose chains are touched."""
    path = folder / "sl_cai/revisions.parquet"
    look = Look(difference, "revise", recipe.seed, recipe.sl_cai.revision.exemplars)
    aims = _aims_asked(difference.old, recipe)
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
        elif look.changes(found.revisions, (name := row["principle"],), record, row["step"], aims.get(name, "")):
            touched.add(record)
    found.chains, found.chains_total = len(touched), prompts
    return touched


def _aims_asked(law: Constitution, recipe: Recipe) -> dict[str, str]:
    """By principle of `law` the aim of the revisions that drew it: the principle's own; or, where no kind that is
    revised has that aim, one that no principle has, for such revisions draw from all."""
    principles = law.for_phase("revise")
    asked = [aim for kind in recipe.chain_kinds for aim in recipe.prompts[kind].aims]
    lacking = next((aim for aim in asked if all(p.aim != aim for p in principles)), "")
    return {p.id: p.aim if p.aim in asked else lacking for p in principles}


def _labels(folder: Path, difference: Difference, recipe: Recipe, touched: set[str], found: Impact) -> None:
    path = folder / "rl_cai/preferences.parquet"
    feedback = recipe.rl_cai.feedback
    look = Look(difference, "compare", recipe.seed, feedback.exemplars, feedback.principles)
    if not path.is_file():
        return
    # Pairs change with the revision in them; answers of the SL-CAI policy with the model, which learns from all.
    retrained = bool(touched) and recipe.roles.responder is None
    for row in batches(path, ["id", "prompt_id", "source", "aim", "verdicts"]):
        found.labels.total += 1
        names = tuple(dict.fromkeys(verdict["principle"] for verdict in row["verdicts"]))
        through = retrained if row["source"] == "policy" else row["prompt_id"] in touched
        if not look.changes(found.labels, names, row["id"], "compare", row.get("aim") or "") and through:
            found.labels.through += 1


class Look:
    """Whether a record is touched by itself, and by which principle. `count` is how many principles it draws."""

    def __init__(
        self, difference: Difference, phase: Phase, seed: int, shown: int, count: int | Literal["all"] = 1
    ) -> None:
        self._difference, self._phase, self._seed, self._count = difference, phase, seed, count
        self._reworded = difference.reworded(phase, shown)
        self._draws: dict[str, _Draws] = {}

    def changes(self, touched: Touched, names: tuple[str, ...], record: str, step: int | str, aim: str = "") -> bool:
        """Count the record that drew `names`, being about `aim`; True when it is touched."""
        if not names:
            return False
        draws = self._draws.get(aim) or self._draws.setdefault(aim, self._about(aim))
        if len(names) == draws.count == 1 and names[0] not in self._reworded and draws.stays(names[0], record, step):
            return False  # as nearly all records do
        after = draws.after(names, record, step)
        lost, won = [n for n in names if n not in after], [n for n in after if n not in names]
        words = [name for name in names if name in self._reworded and name in after]
        for old, new in zip_longest(lost, won, fillvalue=NONE):
            touched.moved[f"{old} → {new}"] += 1
        for name in words:
            touched.reworded[name] += 1
        changed = bool(lost or won or words)
        touched.direct += changed
        return changed

    def _about(self, aim: str) -> _Draws:
        old, new = (law.drawn_from(aim, self._phase) for law in (self._difference.old, self._difference.new))
        return _Draws(old, new, self._phase, self._seed, self._count)


class _Draws:
    """What the records about one aim draw, under the old constitution and under the new one."""

    def __init__(self, old: Constitution, new: Constitution, phase: Phase, seed: int, count: int | str) -> None:
        self._new, self._phase, self._seed = new, phase, seed
        there = len(new.for_phase(phase))
        self.count = there if count == "all" else min(int(count), there)
        self._redrawn = not same_draws(old, new, phase)
        self._redraw = Redraw(old, new, phase)

    def stays(self, name: str, record: str, step: int | str) -> bool:
        return not self._redrawn or self._redraw(name, seed=self._seed, record=record, step=step).id == name

    def after(self, names: tuple[str, ...], record: str, step: int | str) -> tuple[str, ...]:
        if not self._redrawn:
            return names
        if len(names) == self.count == 1:
            return (self._redraw(names[0], seed=self._seed, record=record, step=step).id,)
        if not self.count:
            return ()
        drawn = draw(self._new, self._phase, seed=self._seed, record=record, step=step, count=self.count)
        return tuple(p.id for p in drawn)


def changes_said(difference: Difference, found: Impact | None) -> list[str]:
    """One line for each principle that changed, with the revisions and labels that hold it where `found` has them."""
    lines = []
    named = {**dict.fromkeys(difference.removed, "removed"), **dict.fromkeys(difference.added, "added")}
    named |= {c.id: " and ".join(_said(f.field) for f in c.fields) for c in difference.changed}
    for name, what in named.items():
        lines.append(f"{name} {what}{_touches(found, name) if found else ''}")
    lines += [f"{f.field} changed" for f in difference.whole if f.reaches]
    return lines


def _touches(found: Impact, name: str) -> str:
    counts = ((_holding(found.revisions, name), "revision"), (_holding(found.labels, name), "label"))
    touched = " and ".join(f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in counts if count)
    return f": touches {touched or 'nothing that was made'}"


def _said(name: str) -> str:
    return {"text": "reworded", "weight": "reweighted"}.get(name, f"{name} changed")


def _holding(touched: Touched, name: str) -> int:
    """Records touched by `name`: reworded, or drawn away from it or to it."""
    moved = sum(n for pair, n in touched.moved.items() if name in pair.split(" → "))
    return touched.reworded[name] + moved

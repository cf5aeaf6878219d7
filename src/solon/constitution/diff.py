"""What changed between two constitutions, and what each change can reach.

A change reaches a phase in two ways: a model reads it there (words), or draws hang on it (draws). The order
of principles is no change: draws and requests do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz, process

from solon.constitution import moves
from solon.constitution.assign import shares
from solon.constitution.changes import FieldChange, PrincipleChange, principle_changes, shared, whole_changes
from solon.constitution.model import Constitution, Phase, Principle
from solon.constitution.versions import Advice, Level, advise

REWORDED = ("text", "critique_request", "revision_request", "comparison_question")
RENAMED = 90.0  # likeness of two texts, in percent, from which a principle counts as renamed


@dataclass(frozen=True, slots=True)
class Renamed:
    """A removed and an added principle with nearly the same text: the other id draws records of its own.

    `likeness` is that of the texts, RENAMED to 100. Both ids are in `removed` and `added` too.
    """

    old: str
    new: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids added and removed, principles changed, and changes to the constitution itself. False when nothing is.

    `added` and `changed` are in the order of the new file, `removed` in that of the old one.
    """

    old: Constitution
    new: Constitution
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    changed: tuple[PrincipleChange, ...]
    whole: tuple[FieldChange, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.whole)

    def reaches(self, phase: Phase) -> bool:
        """Whether anything a model reads in `phase`, or any draw there, can be another."""
        return self.redrawn(phase) or bool(self.reworded(phase))

    def fields(self, phase: Phase) -> dict[str, frozenset[str]]:
        """By id, the changed fields of it that a model can read in `phase`; ids without any are left out.

        Whatever way a judge is asked: only `likelihood` reads the aim, only `choice` the comparison question
        (in place of the text) and the exemplars.
        """
        found = {c.id: frozenset(f.field for f in c.fields if phase in f.words) for c in self.changed}
        return {id: names for id, names in found.items() if names}

    def reworded(self, phase: Phase, shown: int | None = None) -> frozenset[str]:
        """Ids that both have in `phase` and whose rendered text can be another there.

        `shown` >= 0 is how many of the shared demonstrations the recipe puts in front of every call (0: none
        are read); None: any number. Where those differ, every principle is reworded.
        """
        for change in self.whole:
            demonstrated = change.field == "exemplars" and phase in change.words
            if demonstrated and shared(change.old, phase, shown) != shared(change.new, phase, shown):
                return frozenset(p.id for p in self.old.for_phase(phase)) & {p.id for p in self.new.for_phase(phase)}
        return frozenset(self.fields(phase))

    def redrawn(self, phase: Phase) -> bool:
        """Whether any record can draw another principle in `phase`. False: none does, at any step or count."""
        return not moves.same_draws(self.old, self.new, phase)

    def claims(self, phase: Phase) -> frozenset[str]:
        """Ids whose claim on draws in `phase` is another: added, removed, reweighted, or by aims and priorities.

        A first draw that moves goes to or leaves one of them. Empty exactly when not `redrawn`.
        """
        if not self.redrawn(phase):
            return frozenset()
        old, new = moves.claims(self.old, phase), moves.claims(self.new, phase)
        return frozenset(id for id in old.keys() | new.keys() if old.get(id) != new.get(id))

    def moved(self, phase: Phase) -> float:
        """The expected share, in [0, 1], of records whose first draw in `phase` goes to another principle.

        Exact, not sampled. Where only one of the two has principles for the phase: 1.
        """
        return self._gone(phase, frozenset()) if self.redrawn(phase) else 0.0

    def touched(self, phase: Phase, shown: int | None = None) -> float:
        """The expected share, in [0, 1], of records whose first draw moves or meets a principle that is `reworded`."""
        return self._gone(phase, self.reworded(phase, shown)) if self.reaches(phase) else 0.0

    def _gone(self, phase: Phase, reworded: frozenset[str]) -> float:
        stays = moves.stays(self.old, self.new, phase)
        return min(1.0, max(0.0, 1.0 - sum(chance for id, chance in stays.items() if id not in reworded)))

    def shares(self, phase: Phase) -> dict[str, tuple[float, float]]:
        """By id, how likely it is drawn in `phase` before and after; 0 where it is not in the phase."""
        old, new = shares(self.old, phase), shares(self.new, phase)
        return {id: (old.get(id, 0.0), new.get(id, 0.0)) for id in dict.fromkeys([*old, *new])}

    def with_field(self, *names: str) -> tuple[PrincipleChange, ...]:
        """The changed principles of which one of these fields differs."""
        return tuple(c for c in self.changed if any(c.field(name) for name in names))

    def advice(self) -> Advice:
        """Which version the change is due, and whether the new constitution has it."""
        level, why = _weigh(self)
        return advise(self.old.version, self.new.version, level, why, self.old.name == self.new.name)


def compare(old: Constitution, new: Constitution) -> Difference:
    """What is different in `new`."""
    added = tuple(p.id for p in new.principles if p.id not in old.by_id)
    removed = tuple(p.id for p in old.principles if p.id not in new.by_id)
    renamed = _renamed([old[id] for id in removed], [new[id] for id in added])
    return Difference(
        old, new, added, removed, renamed, tuple(principle_changes(old, new)), tuple(whole_changes(old, new))
    )


def _renamed(removed: list[Principle], added: list[Principle]) -> tuple[Renamed, ...]:
    """Pairs of nearly the same text, the likest first; each principle in one pair at most."""
    texts = {p.id: _plain(p.text) for p in added}
    pairs = [
        Renamed(p.id, id, likeness)
        for p in removed
        for _, likeness, id in process.extract(
            _plain(p.text), texts, scorer=fuzz.ratio, score_cutoff=RENAMED, limit=None
        )
    ]
    found: list[Renamed] = []
    taken: set[str] = set()
    for pair in sorted(pairs, key=lambda p: (-p.likeness, sorted((p.old, p.new)))):
        if not taken & {pair.old, pair.new}:
            found.append(pair)
            taken |= {pair.old, pair.new}
    return tuple(found)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _weigh(d: Difference) -> tuple[Level, str]:
    """How big a change it is, and what makes it so in words."""
    renamed = len(d.renamed)
    whole = {f.field: bool(f.reaches) for f in d.whole}
    # Level, what happened to how many principles, what happened to the constitution itself.
    sizes: tuple[tuple[Level, dict[str, int], dict[str, bool]], ...] = (
        (
            "major",
            {
                "removed": len(d.removed) - renamed,
                "renamed": renamed,
                "given another aim": len(d.with_field("aim")),
            },
            {"priorities changed": whole.get("priorities", False)},
        ),
        (
            "minor",
            {
                "added": len(d.added) - renamed,
                "reworded": len(d.with_field(*REWORDED)),
                "reweighted": len(d.with_field("weight")),
                "given other phases": len(d.with_field("phases")),
                "given other exemplars": len(d.with_field("exemplars")),
            },
            {"shared exemplars changed": "exemplars" in whole},
        ),
        (
            "patch",
            {"given another source": len(d.with_field("source"))},
            {
                "name changed": "name" in whole,
                "description changed": "description" in whole,
                "priorities in other units": whole.get("priorities") is False,
            },
        ),
    )
    for level, counts, facts in sizes:
        said = [*_counted(counts), *(what for what, true in facts.items() if true)]
        if said:
            return level, ", ".join(said)
    return "none", "no principle or description changed"


def _counted(counts: dict[str, int]) -> list[str]:
    """ "2 principles reworded", "1 added": the noun once."""
    said = [(n, what) for what, n in counts.items() if n]
    nouns = ["principle " if said[0][0] == 1 else "principles ", *[""] * len(said)] if said else []
    return [f"{n} {noun}{what}" for (n, what), noun in zip(said, nouns, strict=False)]

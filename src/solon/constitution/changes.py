"""Fields that differ between two constitutions, and the phases that each can reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from solon.constitution import moves
from solon.constitution.marks import Segment, marks
from solon.constitution.model import Constitution, Exemplars, Phase, Principle

PHASES: tuple[Phase, ...] = get_args(Phase)
FIELDS = tuple(name for name in Principle.model_fields if name != "id")
WHOLE = ("name", "version", "description", "priorities", "exemplars")
NONE: frozenset[Phase] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after. Models read it in the phases `words`; draws hang on it in those of `draws`."""

    field: str
    old: Any
    new: Any
    words: frozenset[Phase] = NONE
    draws: frozenset[Phase] = NONE

    @property
    def reaches(self) -> frozenset[Phase]:
        return self.words | self.draws

    @property
    def marks(self) -> tuple[Segment, ...] | None:
        """Word-level marks of a text (left out: the empty text); None for what is no text."""
        texts = [value for value in (self.old, self.new) if value is not None]
        return marks(self.old or "", self.new or "") if all(isinstance(t, str) for t in texts) else None


@dataclass(frozen=True, slots=True)
class PrincipleChange:
    """A principle that both have, with the fields that differ, in the order of the format."""

    id: str
    fields: tuple[FieldChange, ...]

    def field(self, name: str) -> FieldChange | None:
        return next((f for f in self.fields if f.field == name), None)


def principle_changes(old: Constitution, new: Constitution) -> Iterator[PrincipleChange]:
    """The principles with an id that both have and something else that differs, in the order of `new`."""
    redrawn = frozenset(p for p in PHASES if not moves.same_draws(old, new, p))
    split = frozenset(p for p in PHASES if moves.ANY not in moves.aims(old, p) or moves.ANY not in moves.aims(new, p))
    drawn_by = {"weight": redrawn, "aim": redrawn & split}
    for now in new.principles:
        was = old.by_id.get(now.id)
        if was is not None and (fields := tuple(_fields(was, now, drawn_by))):
            yield PrincipleChange(now.id, fields)


def whole_changes(old: Constitution, new: Constitution) -> Iterator[FieldChange]:
    """What differs of the constitution itself: WHOLE, in that order."""
    for name in WHOLE:
        was, now = getattr(old, name), getattr(new, name)
        if name == "exemplars":
            words = frozenset(p for p in PHASES if shared(was, p) != shared(now, p))
            if words:  # none and an empty list both mean the shipped ones
                yield FieldChange(name, was, now, words=words)
        elif was != now:
            draws = frozenset(p for p in PHASES if not moves.proportional(moves.aims(old, p), moves.aims(new, p)))
            yield FieldChange(name, was, now, draws=draws if name == "priorities" else NONE)


def shared(exemplars: Exemplars | None, phase: Phase, shown: int | None = None) -> tuple[Any, ...] | None:
    """The first `shown` >= 0 shared demonstrations; None means the shipped ones, which no constitution holds."""
    if shown == 0:
        return ()
    return (of_phase(exemplars, phase)[:shown] or None) if exemplars else None


def of_phase(exemplars: Exemplars, phase: Phase) -> tuple[Any, ...]:
    """The demonstrations shown in `phase`."""
    return exemplars.revision if phase == "revise" else exemplars.comparison


def _fields(old: Principle, new: Principle, drawn_by: dict[str, frozenset[Phase]]) -> Iterator[FieldChange]:
    both = frozenset(old.phases) & frozenset(new.phases)
    for name in FIELDS:
        was, now = getattr(old, name), getattr(new, name)
        if name == "phases":
            if set(was) != set(now):
                yield FieldChange(name, was, now, draws=frozenset(was) ^ frozenset(now))
        elif was != now:
            yield FieldChange(name, was, now, both & _read_in(name, old, new), both & drawn_by.get(name, NONE))


def _read_in(name: str, old: Principle, new: Principle) -> frozenset[Phase]:
    """The phases in which a model can read this field, which differs."""
    if name in ("text", "authority"):
        # Requests of its own stand in for the text; of judges, only one that chooses a letter heeds its question.
        asked_anyway = old.critique_request and new.critique_request
        return frozenset({"compare"}) if asked_anyway else frozenset(PHASES)
    if name in ("critique_request", "revision_request"):
        return frozenset({"revise"})
    if name in ("aim", "comparison_question"):
        return frozenset({"compare"})
    if name == "exemplars":
        return frozenset(p for p in PHASES if of_phase(old.exemplars, p) != of_phase(new.exemplars, p))
    return NONE

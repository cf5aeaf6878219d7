"""SOL1xx: principles that say the same thing twice.

Nearly the same means both: the sorted stems of the two texts, less common openings and closings, are ALIKE
percent equal by rapidfuzz's ratio; and COVERED of the shorter one's stems occur in the other. The second
keeps apart principles in one mould ("… no legal advice; suggest a lawyer", "… no medical advice; suggest a
doctor"), in which each has words of its own. Measured on 20 pairs reworded by hand and 22 in one mould: 19
of the 20 are found and none of the 22.
"""

from __future__ import annotations

from collections.abc import Iterator

from solon.constitution.lint.finding import Finding, Place, Rule
from solon.constitution.lint.target import Target
from solon.constitution.lint.words import content, demand, fold, without_common_ends
from solon.constitution.model import Principle

ALIKE = 75
COVERED = 0.9
_MANY = 20  # words missing, beyond which forms of one word are not looked for
_TRIED = 20  # the most alike earlier principles that each is checked against

DUPLICATE = Rule(
    "SOL101", "duplicate", "error",
    "Two principles have the same text but for case and punctuation. One demand is then drawn twice as often and "
    "its results are split between two ids. Remove one, and give the other its weight.",
)  # fmt: skip
NEAR_DUPLICATE = Rule(
    "SOL102", "near-duplicate", "warning",
    "Two principles have nearly the same text. Merge them, or say in each what sets it apart.",
)  # fmt: skip
RULES = (DUPLICATE, NEAR_DUPLICATE)


def check(target: Target) -> Iterator[Finding]:
    if target.constitution is None:
        return
    here = target.locs
    principles = target.constitution.principles
    first: dict[str, Principle] = {}
    different: list[Principle] = []
    for principle in principles:
        twin = first.setdefault(fold(principle.text) or principle.text, principle)
        if twin is principle:
            different.append(principle)
        elif principle.id in here or twin.id in here:
            yield _pair(target, DUPLICATE, principle, twin, f"says the same as '{twin.id}'; remove one of them")
    for principle, twin, alike in near(different):
        if principle.id in here or twin.id in here:
            said = f"says nearly the same as '{twin.id}' ({alike:.0f}% alike); merge them or say what sets them apart"
            yield _pair(target, NEAR_DUPLICATE, principle, twin, said)


def near(principles: list[Principle]) -> Iterator[tuple[Principle, Principle, float]]:
    """(a principle, the earlier one that is most like it, how much in percent) for all that are nearly the same."""
    if len(principles) < 2:
        return
    import numpy as np  # slow to import, and not needed for a single principle
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import cdist

    stems = without_common_ends([content(demand(p.text)) for p in principles])
    keys = [" ".join(sorted(s)) for s in stems]
    sets = [frozenset(s) for s in stems]
    scores = np.tril(cdist(keys, keys, scorer=ratio, score_cutoff=ALIKE, dtype=np.float32), -1)
    for row in np.flatnonzero(scores.any(axis=1)):
        for column in np.argsort(scores[row])[::-1][:_TRIED]:
            score = float(scores[row, column])
            if score < ALIKE:
                break
            if _covered(sets[row], sets[column]) >= COVERED:
                yield principles[row], principles[column], score
                break


def _covered(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the smaller set's stems that the other has, too, in this or another form; 0 for no stems."""
    small, large = sorted((one, other), key=len)
    missing = small - large
    if len(missing) > _MANY:
        return 1 - len(missing) / len(small)
    forms = sum(any(_forms_of_one_word(a, b) for b in large - small) for a in missing)
    return (len(small) - len(missing) + forms) / len(small) if small else 0.0


def _forms_of_one_word(a: str, b: str) -> bool:
    return len(a) >= 4 and len(b) >= 4 and (a.startswith(b) or b.startswith(a))


def _pair(target: Target, rule: Rule, principle: Principle, twin: Principle, said: str) -> Finding:
    """A finding at whichever of the two this file writes; at the later one if it writes both."""
    here = target.locs
    if principle.id not in here:
        principle, twin = twin, principle
        said = said.replace(f"'{principle.id}'", f"'{twin.id}'")
    loc = (*here[principle.id], "text")
    related: tuple[Place, ...] = ()
    if twin.id in here:
        line = target.document.line((*here[twin.id], "text"))
        related = (Place(target.document.path, line, f"the text of '{twin.id}'"),)
    return target.found(rule, loc, f"'{principle.id}' {said}", about=(principle.id, twin.id), related=related)

"""A judge measured: labelled pairs, then attacks on those that it labelled right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from solon.feedback.attacks import Attacks
from solon.feedback.calibration import Calibration
from solon.feedback.label import Labeller
from solon.feedback.qualification.card import Card
from solon.feedback.qualification.identity import AskedJudge, ConstitutionId, LabelSet
from solon.feedback.qualification.labelled import Label, Labelled, judged
from solon.feedback.qualification.measure import measure
from solon.feedback.qualification.measured import Measured
from solon.feedback.qualification.resilience import attacked, trials_on
from solon.flow import gather_window
from solon.settings import Bar
from solon.types import Comparison

Done = Callable[[int, int], None]


async def qualify(
    labeller: Labeller, pairs: Sequence[Labelled], attacks: Attacks | None, done: Done | None = None, each: int = 4
) -> Measured:
    """What `labeller`, less its calibration, makes of `pairs` and, unless None, of `attacks`, each on `each` pairs.

    `done` hears how many labels are made, of how many; attacks are added once it is known which pairs they are on.
    Raises what the engine raises when it cannot be asked at all.
    """
    raw = replace(labeller, calibration=Calibration())
    labels = await _label_all(raw, [pair.comparison for pair in pairs], 0, done)
    measured = measure(raw, pairs, labels)
    if attacks is None:
        return measured
    trials = trials_on([one.pair for one in judged(pairs, labels) if one.right], attacks, each)
    every = [trial for kind in trials.values() for trial in kind]
    answers = iter(await _label_all(raw, [trial.comparison for trial in every], len(pairs), done))
    found = {name: attacked(kind, [next(answers) for _ in kind]) for name, kind in trials.items()}
    return measured.model_copy(update={"attacks": attacks.key, **found})


async def _label_all(
    labeller: Labeller, comparisons: Sequence[Comparison], before: int, done: Done | None
) -> list[Label]:
    made = before

    def step(*_: object) -> None:
        nonlocal made
        made += 1
        if done:
            done(made, before + len(comparisons))

    return await gather_window(comparisons, labeller.label, done=step)


def issue(
    measured: Measured,
    labeller: Labeller,
    judge: Sequence[AskedJudge],
    data: LabelSet,
    bar: Bar,
    made: str,
    measured_by: str | None = None,
) -> Card:
    """The sealed card of what was measured. `made` is an ISO date."""
    return Card(
        **dict(measured),
        judge=list(judge),
        settings=labeller.settings,
        constitution=ConstitutionId.of(labeller.constitution),
        seed=labeller.seed,
        data=data,
        bar=bar,
        measured_by=measured_by,
        made=made,
    ).sealed()

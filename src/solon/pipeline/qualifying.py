"""A judge examined on labelled pairs: by a run before it spends anything, and by `solon judge qualify`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from solon.constitution import Constitution
from solon.data.formats import recognise
from solon.data.pairs import load_labelled_pairs, pairs_path, said_by
from solon.data.rows import BadRow
from solon.engines import MemoisedEngine
from solon.errors import ConfigError
from solon.feedback import Labeller
from solon.feedback.attacks import Attacks, load_attacks
from solon.feedback.qualification import (
    AskedJudge,
    Card,
    ConstitutionId,
    Labelled,
    LabelSet,
    issue,
    load_card,
    qualify,
)
from solon.feedback.qualification.qualify import Done
from solon.files import sha256_file
from solon.pipeline.telling import kind_of_pair
from solon.settings import Ask, Bar, FeedbackSettings, QualifySettings

CARDS = "evaluation/judge.json"  # of a run: the card of the judge as it labels, then those of other ways of asking
PAGE = "evaluation/judge.html"

Engines = Sequence[tuple[Ask, MemoisedEngine]]


@dataclass(frozen=True, slots=True)
class Exam:
    """What a judge is asked: labelled pairs, where they come from, the rows that are none, attacks.

    Each attack is tried on `each` pairs that were labelled right.
    """

    pairs: list[Labelled]
    data: LabelSet
    bad: list[BadRow]
    attacks: Attacks | None
    each: int = 0

    def without_attacks(self) -> Exam:
        return replace(self, attacks=None)


def load_exam(wanted: QualifySettings) -> Exam:
    """The exam that the settings name, of which there must be one. Raises ConfigError and DataError."""
    name = wanted.data or ""
    path = pairs_path(name)
    found, bad = load_labelled_pairs(name, wanted.format)
    found = found[: wanted.limit]
    data = LabelSet(
        name=name,
        format=wanted.format or recognise(path).name,
        sha256=sha256_file(path),
        rows=len(found),
        set_aside=len(bad),
        aims=dict(sorted(Counter(pair.aim for pair in found).items())),
        difficulties=dict(sorted(Counter(pair.difficulty for pair in found).items())),
        labelled_by=wanted.labelled_by or said_by(name, found),
    )
    pairs = [Labelled(p.comparison, p.better_is_a, p.aim, p.difficulty, kind_of_pair(p.comparison)) for p in found]
    return Exam(pairs, data, bad, load_attacks() if wanted.attacks else None, wanted.attacks)


def exam_key(wanted: QualifySettings) -> list[str]:
    """Names what a judge must show by content, without reading it as pairs. Raises ConfigError."""
    path = Path(wanted.card) if wanted.card else pairs_path(wanted.data) if wanted.data else None
    try:
        hashed = [sha256_file(path)] if path else []
    except OSError as error:
        field = "card" if wanted.card else "data"
        raise ConfigError(f"rl_cai.qualify.{field}: cannot read {path}: {error.strerror}") from None
    return [*hashed, load_attacks().key, str(wanted.attacks)] if wanted.attacks else hashed


async def examined(
    labeller: Labeller, engines: Engines, exam: Exam, bar: Bar, measured_by: str | None = None, done: Done | None = None
) -> Card:
    """The card of the judges that `labeller` asks."""
    measured = await qualify(labeller, exam.pairs, exam.attacks, done, exam.each)
    judges = [asked_judge(ask, engine) for ask, engine in engines]
    return issue(measured, labeller, judges, exam.data, bar, datetime.now(UTC).date().isoformat(), measured_by)


def asked_judge(ask: Ask, engine: MemoisedEngine) -> AskedJudge:
    """A judge as its card names it."""
    return AskedJudge(
        **asdict(engine.fingerprint),
        key=engine.fingerprint.key,
        role=engine.role,
        ask=ask,
        # Only servers may go by another name, or give no probabilities.
        served_as=getattr(engine.inner, "served_as", None),
        hard=not getattr(engine.inner, "gives_probabilities", True),
    )


def earlier_card(
    path: str, engines: Engines, constitution: Constitution, feedback: FeedbackSettings, wanted: QualifySettings
) -> Card:
    """The card in a file, held to the bar that is wanted now. Raises ConfigError where it is not of these judges."""
    card = load_card(Path(path))
    judges = [asked_judge(ask, engine) for ask, engine in engines]
    differs = card.differs(judges, feedback, ConstitutionId.of(constitution))
    # Where no label is right there is nothing to attack.
    if differs is None and wanted.attacks and card.injections is None and card.agreement.overall.hits:
        differs = "it was measured without attacks, which rl_cai.qualify.attacks asks for"
    if differs is not None:
        raise ConfigError(
            f"rl_cai.qualify.card: {path} cannot vouch for this judge: {differs}; make another with solon judge "
            "qualify, or leave the card out to measure the judge here"
        )
    return card if card.bar == wanted.bar else card.model_copy(update={"bar": wanted.bar}).sealed()


def cards_in(folder: Path) -> list[Card]:
    """The cards of the run in `folder`; none where it has not come to them."""
    path = folder / CARDS
    written = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [Card.model_validate(card) for card in written]

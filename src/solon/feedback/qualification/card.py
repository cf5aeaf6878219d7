"""A judge's card: what was measured of it, the bar it was held to, and whether it qualified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, computed_field, model_validator

from solon.errors import ConfigError
from solon.feedback.calibration import Calibration
from solon.feedback.qualification.bar import reasons
from solon.feedback.qualification.counts import disagreement
from solon.feedback.qualification.identity import AskedJudge, ConstitutionId, LabelSet
from solon.feedback.qualification.measured import Measured
from solon.files import explain, read_text, write_json
from solon.settings import Bar, FeedbackSettings
from solon.types import digest

SEES_ORDER = ("choice", "chain_of_thought")  # the ways of asking that show both replies at once


class Card(Measured):
    """One judge, asked as `settings` say about `constitution`, on the labelled pairs of `data`.

    `reasons` has one line for each figure that does not reach the `bar`; `qualified` means that there is none. Both are
    worked out from the figures whenever a card is read: what a file says of them counts for nothing. `measured_by` is
    whoever said to have measured, `made` an ISO date. `digest` is that of everything else on the card: it shows that
    the file was damaged or changed, and proves nothing of who made it.
    """

    format: Literal["solon-judge-card/1"] = "solon-judge-card/1"
    judge: list[AskedJudge] = Field(min_length=1)
    settings: FeedbackSettings
    constitution: ConstitutionId
    seed: int
    data: LabelSet
    bar: Bar
    measured_by: str | None = None
    made: str
    digest: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reasons(self) -> list[str]:
        return reasons(self, self.bar)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def qualified(self) -> bool:
        return not self.reasons

    @model_validator(mode="before")
    @classmethod
    def _without_its_verdict(cls, written: Any) -> Any:
        """The card less what is worked out from it; `measured_by` had another name."""
        if not isinstance(written, dict):
            return written
        kept = {name: value for name, value in written.items() if name not in ("reasons", "qualified")}
        if "signed_by" in kept:
            kept.setdefault("measured_by", kept.pop("signed_by"))
        return kept

    @model_validator(mode="after")
    def _adds_up(self) -> Card:
        both = self.settings.orders == "both" and all(judge.ask in SEES_ORDER for judge in self.judge)
        if (problem := disagreement(self, self.data, both)) is not None:
            raise ValueError(problem)
        return self

    def sealed(self) -> Card:
        """The same card with its digest."""
        return self.model_copy(update={"digest": seal(self.model_dump(mode="json"))})

    def verify(self) -> bool:
        """Whether the digest is that of this card."""
        return self.digest == seal(self.model_dump(mode="json"))

    @property
    def named(self) -> dict[str, Any]:
        """What says of labels which card vouched for their judge."""
        return {"digest": self.digest, "qualified": self.qualified, "measured_by": self.measured_by}

    @property
    def fitted(self) -> Calibration:
        """The calibration that the settings chose, fitted on all of the card's pairs; one that changes nothing if none.

        Labels that use this judge apply it.
        """
        found = self.calibration.fitted.get(self.calibration.chosen) if self.calibration else None
        return found.calibration if found else Calibration()

    def differs(
        self, judge: Sequence[AskedJudge], settings: FeedbackSettings, constitution: ConstitutionId
    ) -> str | None:
        """The first thing in which the card is not of this judge, asked in this way, in a few words; None if it is."""
        if {(j.key, j.ask) for j in self.judge} != {(j.key, j.ask) for j in judge}:
            return f"it is of {_named(self.judge)}, not of {_named(judge)}"
        ours, asked = self.settings.model_dump(mode="json"), settings.model_dump(mode="json")
        for name in ours:
            if ours[name] != asked[name]:
                return f"it is of {name} {ours[name]}, not {asked[name]}"
        if self.constitution.hash != constitution.hash:
            return f"it is about {self.constitution.name} {self.constitution.version} of other content"
        return None


def _named(judges: Sequence[AskedJudge]) -> str:
    return ", ".join(f"{judge.model} ({judge.ask}, {judge.key[:8]})" for judge in judges)


def seal(card: dict[str, Any]) -> str:
    """The digest of everything on a card, as JSON, but its digest."""
    return digest({name: value for name, value in card.items() if name != "digest"})


def write_card(path: Path, card: Card) -> None:
    """Publish the card, sealed, as JSON. Raises StorageError."""
    write_json(path, card.sealed().model_dump(mode="json"))


def load_card(path: Path) -> Card:
    """The card in a file. Raises ConfigError, in one line, when it is none or was changed."""
    try:
        written = json.loads(read_text(path, "card"))
    except ValueError as error:
        raise ConfigError(f"card: {path} is not JSON: {error}; measure the judge again: solon judge qualify") from None
    if not isinstance(written, dict) or written.get("format") != "solon-judge-card/1":
        raise ConfigError(f"card: {path} is no judge's card (format solon-judge-card/1); make one: solon judge qualify")
    # The file's own content is hashed, not the model's: a default added to Solon since is no change of the card.
    if written.get("digest") != seal(written):
        raise ConfigError(
            f"card: {path} is damaged or was changed (its digest is another); measure the judge again: solon judge "
            "qualify"
        )
    try:
        return Card.model_validate(written)
    except ValidationError as error:
        raise ConfigError(f"card: {path}: {explain(error)}; measure the judge again: solon judge qualify") from None

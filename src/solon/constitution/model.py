"""What a constitution is: named principles with aims, weights, sources and phases."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from solon.types import digest

Aim = Literal["harmless", "helpful", "honest", "own"]
Phase = Literal["revise", "compare"]


class Principle(BaseModel):
    """One principle. Requests left out are derived from `text` by the templates in `solon.prompts`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    text: str = Field(min_length=1)
    aim: Aim = "own"
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    source: str = ""
    phases: tuple[Phase, ...] = ("revise", "compare")
    critique_request: str | None = None
    revision_request: str | None = None
    comparison_question: str | None = None

    @field_validator("text", "source", "critique_request", "revision_request", "comparison_question")
    @classmethod
    def _trimmed(cls, value: str | None) -> str | None:
        if value is not None and not value.strip() and value != "":
            raise ValueError("is only white space")
        return value.strip() if value is not None else None

    @field_validator("phases")
    @classmethod
    def _some_phase(cls, value: tuple[Phase, ...]) -> tuple[Phase, ...]:
        if not value:
            raise ValueError("names no phase; use revise, compare or both")
        return value


class Constitution(BaseModel):
    """Principles a model is to follow. `version` is a quoted semantic version ("1.0.0")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = Field(default="0.1.0", pattern=r"^\d+\.\d+\.\d+$")
    description: str = ""
    principles: tuple[Principle, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique_ids(self) -> Constitution:
        seen: set[str] = set()
        for principle in self.principles:
            if principle.id in seen:
                raise ValueError(f"two principles have the id '{principle.id}'; ids must be unique")
            seen.add(principle.id)
        return self

    def for_phase(self, phase: Phase) -> tuple[Principle, ...]:
        """The principles usable in `phase`, in file order."""
        return tuple(p for p in self.principles if phase in p.phases)

    def __getitem__(self, principle_id: str) -> Principle:
        for principle in self.principles:
            if principle.id == principle_id:
                return principle
        raise KeyError(principle_id)

    @property
    def hash(self) -> str:
        """SHA-256 of the content (not of the file: comments do not count)."""
        return digest(self.model_dump(mode="json"))

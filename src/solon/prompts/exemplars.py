"""Demonstrations that keep critique and revision apart and show a judge what a verdict is."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.errors import ConfigError
from solon.files import explain, read_yaml


class RevisionExemplar(BaseModel):
    """One demonstration of draft → critique → revision under one principle."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt: str
    draft: str
    principle: str
    critique: str
    revision: str


class ComparisonExemplar(BaseModel):
    """One demonstration of a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt: str
    response_a: str
    response_b: str
    principle: str
    better: Literal["A", "B"]
    reasoning: str


class Exemplars(BaseModel):
    """All demonstrations; a run uses the first few of each kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    revision: tuple[RevisionExemplar, ...]
    comparison: tuple[ComparisonExemplar, ...]


@cache
def load_exemplars(path: Path | None = None) -> Exemplars:
    """The shipped demonstrations, or those in `path`. Raises ConfigError."""
    source = path or Path(str(files("solon.prompts") / "library" / "exemplars.yaml"))
    try:
        return Exemplars.model_validate(read_yaml(source, "exemplars"))
    except ValidationError as error:
        raise ConfigError(f"exemplars: {source}: {explain(error)}") from None

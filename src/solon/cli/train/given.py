"""Options of `solon train` as settings and jobs: every mistake one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from solon.errors import ConfigError

if TYPE_CHECKING:
    from solon.pipeline.training import Goal
    from solon.settings import RewardTerm

S = TypeVar("S", bound=BaseModel)

PRECISIONS = ("float32", "bfloat16", "float16")


def settings_of(kind: type[S], given: Sequence[str] | None, option: str) -> S:
    """The defaults of `kind` with `key=value` over them, the value read as YAML. Raises ConfigError."""
    from solon.pipeline.recipe import apply_override

    values: dict[str, Any] = {}
    for text in given or ():
        apply_override(values, text, option)
    return validated(kind, values, option)


def validated(kind: type[S], values: dict[str, Any], option: str) -> S:
    """Raises ConfigError naming field, value and what is allowed; for an unknown key the nearest beside it."""
    from solon.files import explain, first_problem

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{option}: {explain(error, _beside(kind, first_problem(error)['loc']))}") from None


def _beside(kind: type[BaseModel], at: Sequence[int | str]) -> list[str]:
    """The keys of the section that holds the key at `at`."""
    for part in at[:-1]:
        field = kind.model_fields.get(str(part))
        inner = field.annotation if field else None
        sections = [k for k in (inner, *get_args(inner)) if isinstance(k, type) and issubclass(k, BaseModel)]
        if sections:
            kind = sections[0]
    return list(kind.model_fields)


def goal_of(reward: str | None, terms: Sequence[str] | None, gold: str | None, guards: Sequence[str] | None) -> Goal:
    """What answers are rewarded for: the reward model, unless a term gives it another weight, and the terms.

    Raises ConfigError.
    """
    from solon.pipeline.training import Goal
    from solon.settings import GuardSettings, RewardTerm

    made = [_term(text) for text in terms or ()]
    if all(term.source != "reward_model" for term in made) and (reward is not None or not made):
        made.insert(0, RewardTerm())
    return Goal(_found(reward), tuple(made), settings_of(GuardSettings, guards, "--guard"), _found(gold))


def _term(text: str) -> RewardTerm:
    from solon.pipeline.recipe import apply_override
    from solon.settings import RewardTerm

    values: dict[str, Any] = {}
    for part in text.split(","):
        apply_override(values, part.strip(), "--term")
    if "source" not in values:
        raise ConfigError(f"--term: '{text}' names no source; such as source=length,weight=-0.1,free=50")
    return validated(RewardTerm, values, "--term")


def model_of(model: str | None, adapter: Path | None, *, takes_adapter: bool = True) -> str:
    """The model to train: the one that is named, else the one that the adapter is of. Raises ConfigError."""
    from solon.pipeline.training.start import base_named

    if model is not None:
        return str(_found(model))
    if adapter is not None:
        return base_named(adapter)
    other = "; or --adapter FOLDER, whose model it is" if takes_adapter else ""
    raise ConfigError(f"which model? --model HuggingFaceTB/SmolLM2-135M-Instruct, a folder or a GGUF file{other}")


def _found(name: str | None) -> str | None:
    """A path from the root, so that what is written of it holds in every folder; other names as they are."""
    path = Path(name).expanduser() if name else None
    return str(path.absolute()) if path is not None and path.exists() else name


def checked_precision(precision: str) -> str:
    """Raises ConfigError."""
    if precision not in PRECISIONS:
        raise ConfigError(f"--precision: '{precision}' is not one of {', '.join(PRECISIONS)}")
    return precision

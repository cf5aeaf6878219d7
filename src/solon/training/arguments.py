"""The arguments of transformers' and TRL's trainers: the settings', our defaults, and the user's `trainer_args`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from transformers import TrainingArguments
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK, get_available_reporting_integrations

from solon.engines.local.model import LocalModel
from solon.errors import ConfigError
from solon.files import reason_of
from solon.settings import GrpoSettings, TrainerSettings

A = TypeVar("A", bound=TrainingArguments)


def trainer_arguments(settings: TrainerSettings, local: LocalModel, scratch: Path, seed: int) -> dict[str, Any]:
    """Arguments for TRL's and transformers' trainers; the settings' `trainer_args` win."""
    return {
        "output_dir": str(scratch),
        "seed": seed,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "train_sampling_strategy": "group_by_length",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is not finite must be seen, not averaged away
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "ddp_find_unused_parameters": False,  # every weight that learns is used in every pass
        "use_cpu": local.device.type == "cpu",
        **settings.trainer_args,
    }


def build_arguments(
    kind: type[A],
    settings: TrainerSettings | GrpoSettings,
    base: Mapping[str, Any],
    fixed: Mapping[str, Any],
) -> A:
    """The library's arguments class from `base`, which the settings' `trainer_args` may change, and `fixed`, which not.

    Raises ConfigError naming the key of `trainer_args` that it does not have, cannot take, or may not change.
    """
    given = _checked(kind, settings.trainer_args, fixed)
    check_reporting(given.get("report_to"), "trainer_args.report_to")
    try:
        made: A = kind(**{**base, **given, **fixed})
    except (TypeError, ValueError, ImportError, RuntimeError) as error:
        raise ConfigError(f"trainer_args: {reason_of(error)}") from None
    return made


def _checked(kind: type[TrainingArguments], given: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The values given, as the types that `kind` declares."""
    known = {field.name for field in fields(kind) if field.init}
    types = get_type_hints(kind)
    checked = {}
    for key, value in given.items():
        if key in fixed:
            raise ConfigError(f"trainer_args.{key}: Solon sets it itself ({fixed[key]!r}); leave it out")
        if key not in known:
            raise ConfigError(f"trainer_args.{key}: {kind.__name__} has no such argument{_near(key, known)}")
        checked[key] = _typed(key, value, types[key])
    return checked


def _typed(key: str, value: Any, wanted: Any) -> Any:
    try:
        return TypeAdapter(wanted, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except PydanticSchemaGenerationError:
        return value  # a type of theirs that pydantic does not know: their class looks at it
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise ConfigError(f"trainer_args.{key}: {problem} (given: {str(value)[:60]!r})") from None


def check_reporting(names: str | list[str] | None, field: str) -> None:
    """Where numbers are to be reported: each must be known and installed before anything is trained.

    Raises ConfigError, naming the `field` that said so.
    """
    available = get_available_reporting_integrations()
    for name in [names] if isinstance(names, str) else names or []:
        if name not in (*INTEGRATION_TO_CALLBACK, "none", "all"):
            raise ConfigError(
                f"{field}: {name!r} is unknown{_near(name, INTEGRATION_TO_CALLBACK)}; "
                f"choose among: none, {', '.join(sorted(INTEGRATION_TO_CALLBACK))}"
            )
        if name not in (*available, "none", "all"):
            raise ConfigError(f"{field}: {name} is not installed; pip install {name}, or leave it out")


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""

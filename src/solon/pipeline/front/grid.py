"""The variants of a front: every combination of the values of its axes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from solon.errors import ConfigError
from solon.pipeline.recipe import Recipe, load_recipe
from solon.types import digest

MOST = 256  # variants: a grid beyond it is a slip of the keyboard
NAME_CHARS = 80  # of a folder
UNVARIED = ("evaluate", "select", "name")  # what all points of a front have in common


@dataclass(frozen=True, slots=True)
class Axis:
    """A key of the recipe and the values it takes, as written."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One point of the grid: the folder's name, its value on every axis, the recipe with them."""

    name: str
    values: dict[str, str]
    recipe: Recipe


def axis(text: str) -> Axis:
    """`KEY=v1,v2` as an axis; commas within brackets, braces or quotes part nothing. Raises ConfigError."""
    key, equals, values = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--over: '{text}' is not KEY=v1,v2 (such as rl_cai.method=ppo,dpo)")
    found = tuple(part.strip() for part in _split(values))
    if any(not part for part in found):
        raise ConfigError(f"--over {key}: a value is missing in '{values}'; write values with commas between them")
    if key.partition(".")[0] in UNVARIED:
        raise ConfigError(f"--over {key}: all points of a front share {key.partition('.')[0]}; set it as an override")
    if len({repr(_read(value)) for value in found}) < len(found):
        raise ConfigError(f"--over {key}: '{values}' holds a value twice; name each once")
    return Axis(key, found)


def _split(text: str) -> list[str]:
    """The parts between commas that are in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += 0 if quote else (character in "[{(") - (character in "]})")
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _read(value: str) -> Any:
    """A value as YAML reads it, for 1 and 1.0 are two values and 1 and '1 ' are one."""
    try:
        return YAML(typ="safe", pure=True).load(value)
    except YAMLError:
        return value


def grid(recipe: str, overrides: tuple[str, ...], over: Sequence[str]) -> list[Variant]:
    """Every combination of the axes that `over` names, as recipes. Raises ConfigError for what cannot be one."""
    axes = [axis(text) for text in over]
    if not axes:
        raise ConfigError("--over: nothing varies; name at least one KEY=v1,v2 (such as rl_cai.method=ppo,dpo)")
    _refuse_twice(axes, overrides)
    many = 1
    for one in axes:
        many *= len(one.values)
    if many > MOST:
        raise ConfigError(f"--over: {many:,} variants, more than {MOST}; name fewer values")
    return [
        _variant(recipe, overrides, dict(zip([one.key for one in axes], values, strict=True)))
        for values in itertools.product(*(one.values for one in axes))
    ]


def _refuse_twice(axes: Sequence[Axis], overrides: tuple[str, ...]) -> None:
    keys = [one.key for one in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"--over {key}: named twice; give all its values at once, {key}=v1,v2")
        if any(override.partition("=")[0] == key for override in overrides):
            raise ConfigError(f"--over {key}: also an override; drop one of the two")


def _variant(recipe: str, overrides: tuple[str, ...], values: dict[str, str]) -> Variant:
    changed = (*overrides, *(f"{key}={value}" for key, value in values.items()))
    return Variant(_folder(values), values, load_recipe(recipe, changed))


def _folder(values: dict[str, str]) -> str:
    """A folder's name that says the values, and is another's only where the values are."""
    said = "+".join(f"{key.rpartition('.')[2]}={value}" for key, value in values.items())
    plain = re.sub(r"[^A-Za-z0-9._+=-]+", "-", said)
    exact = (
        plain == said and len(plain) <= NAME_CHARS and len({key.rpartition(".")[2] for key in values}) == len(values)
    )
    return plain if exact else f"{plain[: NAME_CHARS - 9]}-{digest(values)[:8]}"

"""What a recipe may say, from the settings themselves: docs/recipe.md in words, docs/recipe.schema.json for editors.

Names, defaults, ranges and choices are those that loading checks; what keys mean is the text below each field.
"""

from __future__ import annotations

import difflib
import inspect
import json
from fnmatch import fnmatch
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from solon.data.aims import AIMS
from solon.errors import ConfigError
from solon.pipeline.recipe import Recipe, sections_in, sections_of

ID = "urn:solon:recipe:1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


# --- in words --------------------------------------------------------------------------------------------


def reference() -> str:
    """Every section of a recipe as a heading, what it is, and a table of its keys: Markdown.

    A section that stands in several places is described in the first of them.
    """
    described: dict[tuple[type[BaseModel], str], str] = {}
    parts = []
    for path, section in sections_in(Recipe).items():
        same = described.setdefault((section, json.dumps(_defaults_at(path), default=str)), path)
        heading = f"### {path or 'The top'}"
        known = f"The keys and defaults of [{same}](#{_anchor(same)})."
        parts.append(f"{heading}\n\n{_described(path, section) if same == path else known}")
    return "\n\n".join(parts) + "\n"


def keys_at(path: str) -> str:
    """The reference of one section, or of one key; of "" all of it. Raises ConfigError where there is none."""
    if not path:
        return reference()
    found = sections_in(Recipe)
    keys = {f"{at}.{key}".lstrip("."): at for at, section in found.items() for key in section.model_fields}
    named = keys | {at: at for at in found}
    section = next((at for name, at in named.items() if fnmatch(path, name)), None)
    if section is None:
        near = difflib.get_close_matches(path, named, 1)
        raise ConfigError(f"recipe keys: no key '{path}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    key = "" if fnmatch(path, section) else path.rpartition(".")[2]
    return f"{_described(section, found[section], key)}\n"


def _described(path: str, section: type[BaseModel], only: str = "") -> str:
    """What a section is, and the table of its keys, or of one."""
    defaults = _defaults_at(path)
    fields = {name: field for name, field in section.model_fields.items() if only in ("", name)}
    rows = [_row(name, field, defaults.get(name)) for name, field in fields.items()]
    table = "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows])
    return f"{inspect.cleandoc(section.__doc__ or '')}\n\n{table}"


def _anchor(path: str) -> str:
    return "".join(c for c in path if c.isalnum() or c == "_")


def _defaults_at(path: str) -> dict[str, Any]:
    """The defaults of the section at `path` where the sections above it are left out, by key."""
    model: type[BaseModel] = Recipe
    value: BaseModel | None = None
    for name in path.split(".") if path else ():
        if name == "*":
            value = None
            continue
        field = model.model_fields[name]
        found = getattr(value, name) if value is not None else field.get_default()
        value = found if isinstance(found, BaseModel) else None
        model = sections_of(field.annotation)[0][0]
    if value is not None:
        return {name: getattr(value, name) for name in model.model_fields}
    return {name: field.get_default() for name, field in model.model_fields.items()}


def _row(name: str, field: FieldInfo, default: Any) -> str:
    shown = "required" if field.is_required() else _shown(default)
    cells = (f"`{name}`", _values(field), shown, " ".join((field.description or "").split()))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _shown(value: Any) -> str:
    """A default as YAML has it; a section's own table has its defaults."""
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return f"`{json.dumps([v.model_dump(mode='json', exclude_defaults=True) for v in value])}`"
    if isinstance(value, float):
        return f"`{value:.4g}`"
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def _values(field: FieldInfo) -> str:
    """What a key may hold: "number > 0", "`a` or `b`", "section"."""
    return _kind(field.annotation, field.metadata)


def _kind(kind: Any, limits: Any = ()) -> str:
    words = {
        int: "whole number",
        float: "number",
        bool: "true or false",
        str: "text",
        NoneType: "null",
        Any: "anything",
    }
    if hasattr(kind, "__metadata__"):
        return _kind(get_args(kind)[0], kind.__metadata__)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "section"
    if kind in words:
        return f"{words[kind]}{_range(limits) if kind in (int, float) else ''}"
    parts = get_args(kind)
    if get_origin(kind) is dict:
        return f"{_kind(parts[1])} by {'key' if parts[1] is Any else 'name'}"
    if get_origin(kind) is tuple:
        one = _kind(parts[0])
        return f"list of {one}" if parts[-1] is Ellipsis else f"list of {len(parts)} of {one}"
    if all(isinstance(part, str) for part in parts):
        return ", ".join(f"`{part}`" for part in parts)
    return " or ".join(_kind(part, limits) for part in parts)


def _range(limits: Any) -> str:
    found = [
        f"{sign} {getattr(limit, name):g}" for limit in limits for name, sign in _SIGNS.items() if hasattr(limit, name)
    ]
    return f" {' and '.join(found)}" if found else ""


# --- for editors -----------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe file.

    It knows keys, types, ranges and choices. What depends on several keys, such as a knob that another method has, and
    what lies in files, loading says. In one thing it is stricter: numbers are not written in quotes.
    """
    made = Recipe.model_json_schema()
    kinds = made["properties"]["prompts"]
    kind = kinds.pop("additionalProperties")
    named = {"anyOf": [kind, {"type": "string", "description": "A file of prompts."}, {"type": "null"}]}
    kinds["properties"] = {name: _without_aims(made, kind, named, aim) for name, aim in AIMS.items()}
    kinds["additionalProperties"] = {"anyOf": [kind, {"type": "null"}]}
    kinds["propertyNames"] = {"pattern": "^[a-z][a-z0-9_]{0,39}$"}
    _tidied(made)
    return {"$schema": DIALECT, "$id": ID, **made, "title": "Solon recipe"}


def _without_aims(made: dict[str, Any], kind: dict[str, Any], named: dict[str, Any], aim: str) -> dict[str, Any]:
    """A kind whose name says its aim: a file alone will do, and so will a section without aims."""
    whole = made["$defs"][kind["$ref"].rpartition("/")[2]]
    loose = {**whole, "required": ["file"], "properties": dict(whole["properties"])}
    aims = loose["properties"]["aims"]
    loose["properties"]["aims"] = {"anyOf": [aims, {"type": "null"}], "description": aims.get("description", "")}
    return {"anyOf": [loose, *named["anyOf"][1:]], "description": f"Led by the aim {aim} unless aims says another."}


def _tidied(node: Any) -> None:
    """In place: titles, which repeat the names of keys, go; descriptions are one line."""
    if isinstance(node, list):
        for one in node:
            _tidied(one)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            node.pop("title")
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        for one in node.values():
            _tidied(one)


def to_json() -> str:
    """The schema as the file in docs/ has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"

"""The model that a run started from, as somebody else can get it: its name, its weights' hash and its licence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solon.engines.local.source import ModelSource, identify, resolve
from solon.errors import ModelError
from solon.pipeline.recipe import Role

_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_LICENCE = re.compile(r"^license:\s*[\"']?([A-Za-z0-9][A-Za-z0-9.-]*)[\"']?\s*$", re.MULTILINE)
_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")


@dataclass(frozen=True, slots=True)
class Base:
    """The base model of a run.

    `name` is a hub id, or the last part of the path of a folder or GGUF file; `hub` says that it is a hub id. `weights`
    is the SHA-256 that the run recorded. `licence` is its identifier as its card or GGUF header gives it, None where
    neither does; `licence_file` the text of it, where the folder holds one.
    """

    name: str
    hub: bool
    gguf: bool
    weights: str
    licence: str | None
    licence_file: Path | None


def base_of(role: Role) -> Base:
    """The base that the role `policy` names, as it lies here; nothing is fetched. Unknown parts are empty."""
    hub = bool(_HUB_ID.match(role.model)) and not Path(role.model).expanduser().exists()
    source = _known(role.model)
    if source is None:
        return Base(role.model, hub, role.model.endswith(".gguf"), "", None, None)
    if source.folder.is_file():
        return Base(source.name, False, True, source.weights, _gguf_licence(source.folder), None)
    texts = [source.folder / name for name in _LICENCE_FILES]
    found = next((path for path in texts if path.is_file()), None)
    name = role.model if hub else source.name
    return Base(name, hub, False, source.weights, _card_licence(source.folder), found)


def base_source(role: Role) -> ModelSource:
    """The files of the base, fetched or converted if need be. Raises ModelError."""
    return resolve(role.model, role.precision)


def _known(name: str) -> ModelSource | None:
    try:
        return identify(name)
    except ModelError:  # gone since the run: the adapter can still be taken away
        return None


def _card_licence(folder: Path) -> str | None:
    """`license` in the front matter of the folder's README.md."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")[:20_000]
    front = text.split("---", 2)[1] if text.startswith("---") and text.count("---") > 1 else ""
    found = _LICENCE.search(front)
    return found[1] if found else None


def _gguf_licence(path: Path) -> str | None:
    from gguf import GGUFReader

    field: Any = GGUFReader(path).get_field("general.license")
    value = str(field.contents()) if field is not None else ""
    return value if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", value) else None

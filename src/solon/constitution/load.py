"""A constitution from a YAML file or from the library, with every mistake in one line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from solon.constitution.model import Constitution, Principle
from solon.errors import ConfigError
from solon.files import explain, read_yaml

_KEYS = (*Constitution.model_fields, *Principle.model_fields)


def library() -> dict[str, Path]:
    """The constitutions we ship, by name."""
    folder = Path(str(files("solon.constitution") / "library"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_constitution(name_or_path: str | Path) -> Constitution:
    """The constitution named in the library, or the file at that path.

    Raises ConfigError (one line) for a missing file, broken YAML, unknown keys, no principles,
    duplicate ids, or a phase without principles.
    """
    shipped = library()
    path = shipped.get(str(name_or_path), Path(name_or_path))
    if not path.exists():
        raise ConfigError(f"constitution: no such file: {name_or_path} (in the library: {', '.join(shipped)})")
    data = read_yaml(path, "constitution")
    if not data.get("principles"):
        raise ConfigError(f"constitution: {path}: has no principles; add at least one under 'principles:'")
    try:
        constitution = Constitution.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"constitution: {path}: {explain(error, _KEYS)}") from None
    for phase in ("revise", "compare"):
        if not constitution.for_phase(phase):
            raise ConfigError(f"constitution: {path}: no principle has the phase '{phase}'; add it to at least one")
    return constitution

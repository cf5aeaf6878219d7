"""The shipped demonstrations, which keep critique and revision apart and show a judge what a verdict is.

They teach the form, whatever the principle, so they carry their own requests: editing a principle changes
no call that does not ask about it. A constitution may bring its own instead, and a principle some more.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from solon.constitution.model import Constitution, Exemplars
from solon.errors import ConfigError
from solon.files import explain
from solon.yaml import read_yaml


@cache
def load_exemplars(path: Path | None = None) -> Exemplars:
    """The shipped demonstrations, or those in `path`. Raises ConfigError."""
    source = path or Path(str(files("solon.prompts") / "library" / "exemplars.yaml"))
    try:
        return Exemplars.model_validate(read_yaml(source, "exemplars"))
    except ValidationError as error:
        raise ConfigError(f"exemplars: {source}: {explain(error)}") from None


def shared_exemplars(constitution: Constitution) -> Exemplars:
    """The demonstrations that every call of a run shares: of each kind the constitution's own, or the shipped ones."""
    own, shipped = constitution.exemplars or Exemplars(), load_exemplars()
    return Exemplars(revision=own.revision or shipped.revision, comparison=own.comparison or shipped.comparison)

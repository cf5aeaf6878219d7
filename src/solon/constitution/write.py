"""A constitution as YAML for people to read: nothing that is a default is written out."""

from __future__ import annotations

from typing import Any

from solon.constitution.model import Constitution, Written
from solon.yaml import dump_yaml


def as_data(constitution: Constitution | Written) -> dict[str, Any]:
    """Plain data that validates back to an equal object; name and version always said."""
    data: dict[str, Any] = constitution.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return {"name": constitution.name, "version": constitution.version, **{k: v for k, v in data.items() if v != {}}}


def to_yaml(constitution: Constitution | Written, header: str = "") -> str:
    """YAML text; `header` stands above it as a comment."""
    return dump_yaml(as_data(constitution), header)

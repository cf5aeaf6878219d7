"""Files that Solon reads as they are need no import."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from solon.constitution import markdown
from solon.constitution.importers.model import Source, refusal
from solon.constitution.model import Written
from solon.errors import ConfigError


def refuse_own(source: Source) -> None:
    """Raise ConfigError when the file is a constitution in Solon's own format."""
    data = source.data
    if source.is_markdown and isinstance(data, str):
        try:
            data = markdown.parse(data, source.path).data
        except (ConfigError, NotImplementedError):
            return
    if not isinstance(data, Mapping) or not ({"principles", "extends"} & set(data)):
        return
    try:
        Written.model_validate(data)
    except ValidationError:
        return
    raise refusal(
        source.path,
        "already is a constitution in Solon's own format",
        f"use it as it is; check it with: solon constitution lint {source.path}",
    )

"""What all knobs have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Settings(BaseModel):
    """Frozen, strict about names, numbers finite. The text below a field is its documentation: docs/recipe.md and the
    JSON Schema are made of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Omitting(BaseModel):
    """Leaves the fields that `OMITTED` names out of what is dumped where they hold their default.

    Keys of steps are made of what is dumped: whoever does not use such a field keeps what was made without it.
    """

    OMITTED: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _dumped(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        unused = {name for name in self.OMITTED if getattr(self, name) == fields[name].default}
        return {name: value for name, value in dump(self).items() if name not in unused}

"""`solon constitution schema`."""

from __future__ import annotations


def schema() -> None:
    """The JSON Schema of the YAML form, for editors: hover help, completion, mistakes as you type.

    It is JSON Schema draft 2020-12; its $id changes when a file that was valid no longer is.
    """
    from solon.constitution.schema import to_json

    print(to_json(), end="")

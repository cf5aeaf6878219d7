"""`solon constitution convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.constitution.load import Document

ENDINGS = {".yaml": "YAML", ".yml": "YAML", ".md": "Markdown", ".markdown": "Markdown"}


def convert(
    constitution: Annotated[str, typer.Argument(help="A YAML or Markdown file, or a name from the library.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write; else it is printed.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """YAML as Markdown, or Markdown as YAML: as it is written, with its comments; extends is not resolved."""
    from solon.constitution import markdown
    from solon.constitution.load import read_document
    from solon.errors import ConfigError
    from solon.files import write_atomic

    document = read_document(constitution)
    form = ENDINGS.get(document.path.suffix.lower(), "YAML")
    if out is not None:
        _check(form, document, out)
        if out.exists() and not force:
            raise ConfigError(f"convert: {out} exists; give another name, or --force to write over it")
    make = markdown.from_yaml if form == "YAML" else markdown.to_yaml
    text = make(document.text, document.path)
    if out is None:
        print(text, end="")
    else:
        write_atomic(out, text)
        _warn(document, out)


def _check(form: str, document: Document, out: Path) -> None:
    """That `out` is to hold the other form."""
    from solon.errors import ConfigError

    other = ENDINGS.get(out.suffix.lower())
    if other is None:
        raise ConfigError(f"convert: --out {out}: must end in {', '.join(ENDINGS)}")
    if other == form:
        to = ".md for Markdown" if form == "YAML" else ".yaml for YAML"
        raise ConfigError(f"convert: {document.path} is {form} already; let --out end in {to}")


def _warn(document: Document, out: Path) -> None:
    """Say so when the file that is extended is not where the new file will look for it."""
    import sys

    from solon.constitution import library

    extends = document.written.extends
    if extends and extends not in library() and not (out.parent / extends).exists():
        print(f"note: {out} extends {extends}, which is not beside it", file=sys.stderr)

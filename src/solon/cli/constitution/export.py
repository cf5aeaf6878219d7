"""`solon constitution export`: for other tools to read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

To = Literal["safeguard", "litellm", "petri-judge", "petri-seeds", "rubric"]


def export(
    constitution: Annotated[str, typer.Argument(help="A name from the library, a YAML or Markdown file, or a run.")],
    to: Annotated[To, typer.Option("--to", help="What is to read it.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write; else it is printed.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """A constitution for another tool; what that tool has no place for is said.

    safeguard: a policy prompt for gpt-oss-safeguard. litellm: a judge guardrail of LiteLLM's proxy. petri-judge and
    petri-seeds: dimensions and seed instructions of Petri. rubric: a JSON list of criteria with weights.
    """
    import sys

    from solon.constitution import load_constitution
    from solon.constitution.exports import export
    from solon.errors import ConfigError
    from solon.files import write_atomic

    if out is not None and out.exists() and not force:
        raise ConfigError(f"export: {out} exists; give another name, or --force to write over it")
    made = export(load_constitution(constitution), to)
    for loss in made.lost:
        print(f"left out: {loss}", file=sys.stderr)
    if out is None:
        print(made.text, end="")
    else:
        write_atomic(out, made.text)

"""`solon constitution import`: a constitution from another project's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.constitution.importers import Imported


def import_(
    file: Annotated[Path, typer.Argument(help="JSON, JSON lines, YAML, Markdown or text that holds principles.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The YAML to write; else it is printed.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The constitution's name; else the file's own.")] = None,
    exemplars: Annotated[
        Path | None, typer.Option("--exemplars", help="A few-shot file: demonstrations of critique and revision.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="JSON lines to write the prompts to that came along.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that exist.")] = False,
) -> None:
    """Make a constitution from another format; say what was recognised and what was left out.

    What is no constitution (few-shot demonstrations, preference data, prompts, prose) is refused.
    """
    from solon.constitution.importers import import_file
    from solon.constitution.importers.publish import as_yaml, question_lines
    from solon.errors import ConfigError
    from solon.files import write_atomic

    for path in (out, questions):
        if path is not None and path.exists() and not force:
            raise ConfigError(f"import: {path} exists; give another name, or --force to write over it")
    if out is not None and questions is not None and out.resolve() == questions.resolve():
        raise ConfigError(f"import: --out and --questions are one file, {out}; give two names")
    imported = import_file(file, exemplars, name)
    text = as_yaml(imported, file)
    _tell(imported, questions)
    if questions is not None:
        write_atomic(questions, question_lines(imported.questions))
    if out is None:
        print(text, end="")
    else:
        write_atomic(out, text)


def _tell(imported: Imported, questions: Path | None) -> None:
    """Print to stderr what was recognised, kept and left out."""
    from rich.console import Console
    from rich.markup import escape

    from solon.constitution.importers.account import kept

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"recognised: {escape(imported.format)}")
    console.print(f"kept: {escape(kept(imported.written))}")
    for note in imported.notes:
        console.print(f"  {escape(note)}")
    told = [(d.where, d.what, d.why) for d in imported.dropped]
    if imported.questions:
        count = f"{len(imported.questions)} prompts that came along"
        if questions is None:
            told.append(("questions", count, "are no principles; keep them with --questions OUT.jsonl"))
        else:
            console.print(f"questions: {escape(count)}, written to {escape(str(questions))}")
    console.print(f"left out: {len(told)}" if told else "left out: nothing")
    for where, what, why in told:
        console.print(f"  {escape(where)}: {escape(what)}: {escape(why)}")

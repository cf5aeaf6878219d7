"""`solon constitution list` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from solon.constitution import Constitution

Reference = Annotated[str, typer.Argument(help="A name from the library, a YAML or Markdown file, or a run's folder.")]


def list_() -> None:
    """The constitutions that ship with Solon."""
    from rich.console import Console
    from rich.table import Table

    from solon.constitution import library, load_constitution

    table = Table("name", "version", "principles", "aims", "description", box=None, header_style="bold", pad_edge=False)
    for name in library():
        law = load_constitution(name)
        aims = [p.aim for p in law.principles]
        counted = ", ".join(f"{aims.count(aim)} {aim}" for aim in dict.fromkeys(aims))
        table.add_row(name, law.version, str(len(aims)), counted, law.description)
    Console().print(table)


def show(
    constitution: Reference,
    format: Annotated[
        Literal["text", "yaml", "markdown", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "text",
) -> None:
    """A constitution as it works: what it extends is resolved, every request written out."""
    import json

    from rich.console import Console

    from solon.constitution import load_constitution, markdown
    from solon.constitution.write import to_yaml

    law = load_constitution(constitution)
    if format == "json":
        print(json.dumps(law.model_dump(mode="json"), indent=1, ensure_ascii=False))
    elif format == "yaml":
        print(to_yaml(law), end="")
    elif format == "markdown":
        print(markdown.to_markdown(law), end="")
    else:
        _print(Console(highlight=False), law)


def _print(console: Console, law: Constitution) -> None:
    from rich.markup import escape

    from solon.constitution.assign import shares
    from solon.prompts.chain import critique_request
    from solon.prompts.compare import comparison_question

    console.print(f"[bold]{escape(law.name)}[/] {law.version}  {len(law.principles)} principles")
    console.print(escape(law.description), end="\n\n")
    for p in law.principles:
        drawn = ", ".join(f"{phase} {shares(law, phase)[p.id]:.1%}" for phase in p.phases)
        console.print(f"[bold]{p.id}[/]  {p.aim}, drawn: {drawn}")
        console.print(f"  {escape(p.text)}")
        if p.source:
            console.print(f"  [dim]source: {escape(p.source)}[/]")
        if p.critique_request and "revise" in p.phases:
            console.print(f"  [dim]critique request: {escape(critique_request(p))}[/]")
        if p.comparison_question and "compare" in p.phases:
            console.print(f"  [dim]comparison question: {escape(comparison_question(p))}[/]")
        console.print()

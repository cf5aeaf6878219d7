"""`solon constitution list` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from solon.constitution import Constitution

Reference = Annotated[str, typer.Argument(help="A name from the library, a YAML or Markdown file, or a run's folder.")]


def list_() -> None:
    """The constitutions that ship with Solon."""
    from rich.console import Console

    from solon.constitution import library, load_constitution

    console = Console(highlight=False)
    for name in library():
        law = load_constitution(name)
        aims = [p.aim for p in law.principles]
        counted = ", ".join(f"{aims.count(aim)} {aim}" for aim in dict.fromkeys(aims))
        console.print(f"[bold]{name}[/] {law.version}  {len(aims)} principles: {counted}", soft_wrap=True)
        _wrapped(console, "", law.description)


def show(
    constitution: Reference,
    format: Annotated[
        Literal["text", "yaml", "markdown", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "text",
    requests: Annotated[
        bool, typer.Option("--requests", help="Write out the requests that are derived from the texts, too.")
    ] = False,
) -> None:
    """A constitution as it works: what it extends is resolved, and how often each principle is drawn."""
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
        _print(Console(highlight=False), law, requests)


def _print(console: Console, law: Constitution, requests: bool) -> None:
    from rich.text import Text

    from solon.constitution.assign import shares
    from solon.prompts.chain import critique_request, revision_request
    from solon.prompts.compare import comparison_question

    _line(console, Text.assemble((law.name, "bold"), f" {law.version}  {len(law.principles)} principles"))
    console.print(Text(law.description))
    if law.priorities:
        _line(console, Text(f"priorities: {', '.join(f'{aim} {share:g}' for aim, share in law.priorities.items())}"))
    for p in law.principles:
        drawn = ", ".join(f"{phase} {shares(law, phase)[p.id]:.1%}" for phase in p.phases)
        shown = len(p.exemplars.revision) + len(p.exemplars.comparison)
        own = f", {shown} exemplar{'s' * (shown != 1)} of its own" if shown else ""
        rank = f", {p.authority} authority" if p.authority else ""
        told = f"  {p.aim}, weight {p.weight:g}{rank}; drawn: {drawn}{own}"
        _line(console, Text.assemble("\n", (p.id, "bold"), told))
        _wrapped(console, "", p.text)
        if p.source:
            _wrapped(console, "source: ", p.source)
        if "revise" in p.phases and (requests or p.critique_request):
            _wrapped(console, "critique request: ", critique_request(p))
        if "revise" in p.phases and (requests or p.revision_request):
            _wrapped(console, "revision request: ", revision_request(p))
        if "compare" in p.phases and (requests or p.comparison_question):
            _wrapped(console, "comparison question: ", comparison_question(p))


def _line(console: Console, text: Text) -> None:
    """One line however long: `grep` finds an id and what is said of it together."""
    console.print(text, soft_wrap=True)


def _wrapped(console: Console, label: str, text: str) -> None:
    """`label` and `text`, indented on every line."""
    from rich.text import Text

    for line in Text.assemble((label, "dim"), text).wrap(console, max(console.width - 2, 20)):
        line.rstrip()
        console.print(Text("  ") + line, soft_wrap=True)

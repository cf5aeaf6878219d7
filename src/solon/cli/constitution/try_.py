"""`solon constitution try`: drafts, critiques and revisions of a few prompts, before any run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solon.cli.engine import BaseUrl, Model, Precision

if TYPE_CHECKING:
    from rich.console import Console, Group

    from solon.authoring.preview import Preview, Tried
    from solon.constitution import Constitution
    from solon.types import Prompt


def try_(
    prompts: Annotated[list[str], typer.Argument(help="Prompts in quotes, files of them, or hub:OWNER/NAME.")],
    constitution: Annotated[
        list[str] | None, typer.Option("--constitution", "-c", help="Library name or file; several are compared.")
    ] = None,
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    principle: Annotated[
        list[str] | None,
        typer.Option(
            "--principle",
            help="Revise by this principle alone; several are tried beside each other. N=ID: of the Nth prompt only.",
        ),
    ] = None,
    principles: Annotated[
        str | None,
        typer.Option(
            "--principles",
            help="relevant: those that the model says speak to the prompt (the default); "
            "random: as a run draws them; all: each of them alone.",
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Critique-and-revision steps.")] = 1,
    tokens: Annotated[int, typer.Option(min=1, help="Limit of draft and revision; critiques get as many.")] = 120,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    sentences: Annotated[int | None, typer.Option(min=1, help="Most that a revision is asked for.")] = None,
    exemplars: Annotated[int, typer.Option(min=0, help="Shared demonstrations in front of every critique.")] = 6,
    limit: Annotated[int, typer.Option(min=1, help="Prompts taken from each file.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Which principles are drawn at random.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the page and the stored answers.")] = Path("runs/try"),
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """See what each constitution makes of a few prompts: draft, critique and revision side by side.

    Each prompt is printed as soon as it is done. Answers are stored in the folder, so after an edit only what it
    touches is asked again.
    With --json: a list of {prompt, draft, tried: [{constitution, version, steps: [...]}]}.
    """
    import asyncio
    import json

    from rich.console import Console

    from solon.authoring.preview import preview
    from solon.choosing import Chooser
    from solon.cli.engine import asked
    from solon.constitution import load_constitution
    from solon.errors import ConfigError
    from solon.pipeline.progress import Progress
    from solon.report.preview import write_preview
    from solon.revision import ChainSettings

    if model is None:
        raise ConfigError(
            "try: which model? --model HuggingFaceTB/SmolLM2-1.7B-Instruct loads weights here; "
            "--base-url http://127.0.0.1:11434/v1 --model NAME asks a server"
        )
    laws = [load_constitution(name) for name in constitution or ["balanced"]]
    settings = ChainSettings(rounds, (), tokens, tokens, temperature, seed, sentences)
    chosen = [prompt for name in prompts for prompt in _prompts(name, limit)]
    under = _under(laws, principle or [], principles, len(chosen))
    console, progress, done = Console(highlight=False), Progress(), list["Preview"]()
    page = out / "try.html"
    with asked(model, base_url, precision, out, "reviser") as engine:
        chooser = None if principles in ("random", "all") else Chooser(engine)

        def take(one: Preview) -> None:
            done.append(one)
            write_preview(page, done, engine.fingerprint.model)
            if not json_:
                _print(console, one)
                console.file.flush()  # into a pipe, too, as it comes

        places = {id(prompt): place for place, prompt in enumerate(chosen)}
        with progress.bar("drafts and chains", sum(map(len, under)) + len(chosen)) as bar:
            work = preview(
                engine,
                lambda prompt: under[places[id(prompt)]],
                chosen,
                settings,
                exemplars,
                chooser=chooser,
                take=take,
                step=bar.step,
            )
            asyncio.run(work)
        live, stored = engine.usage.of("reviser").live, engine.usage.of("reviser").stored
    if chooser is not None and (said := chooser.said()):
        progress.warn(f"try: {said}")
    if json_:
        print(json.dumps([_as_dict(p) for p in done], indent=1, ensure_ascii=False))
        return
    console.print(
        f"{live:,} calls made, {stored:,} stored. Side by side: {page}",
        markup=False,
        soft_wrap=True,
    )


def _under(
    laws: list[Constitution], named: list[str], principles: str | None, prompts: int
) -> list[list[Constitution]]:
    """The constitutions that each prompt is tried under. Raises ConfigError."""
    from solon.authoring.preview import alone, only
    from solon.errors import ConfigError

    if principles not in (None, "relevant", "random", "all"):
        raise ConfigError(f"--principles: {principles!r} is none of relevant, random and all; --principle names one")
    if named and principles is not None:
        raise ConfigError("--principle names what is tried and --principles how it is chosen: give one of them")
    if principles == "all":
        return [[each for law in laws for each in alone(law)]] * prompts
    if not named:
        return [laws] * prompts
    tried: list[list[Constitution]] = []
    for place in range(1, prompts + 1):
        ids = [name.partition("=")[2] or name for name in named if "=" not in name or name.startswith(f"{place}=")]
        tried.append([only(law, name) for name in ids for law in laws] or laws)
    for name in named:
        number = name.partition("=")[0]
        if "=" in name and not (number.isdecimal() and 1 <= int(number) <= prompts):
            raise ConfigError(f"--principle: {name}: there is no prompt {number}; number them from 1 to {prompts}")
    return tried


def _prompts(name: str, limit: int) -> list[Prompt]:
    """A prompt, or the first ones of a file."""
    import sys

    from solon.data.prompts import load_prompt_sets
    from solon.data.rows import names_a_file
    from solon.errors import ConfigError
    from solon.types import Prompt, digest

    if names_a_file(name):
        sets = load_prompt_sets({"try": name})
        if sets.bad:
            first = f"{sets.bad[0].file}:{sets.bad[0].line}: {sets.bad[0].reason}"
            print(f"warning: {len(sets.bad)} rows set aside; first: {first}", file=sys.stderr)
        for note in sets.notes:
            print(f"warning: {note}", file=sys.stderr)
        return sets.prompts["try"][:limit]
    text = name.strip()
    if not text:
        raise ConfigError("try: a prompt is empty")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ConfigError("try: a prompt is not UTF-8; save it in a file, encoded so")
    return [Prompt(digest(text)[:12], text)]


def _as_dict(one: Preview) -> dict[str, object]:
    from dataclasses import asdict

    tried = [
        {"constitution": t.constitution.name, "version": t.constitution.version, "steps": [asdict(s) for s in t.steps]}
        for t in one.tried
    ]
    return {"prompt": one.prompt.text, "draft": one.draft, "tried": tried}


def _print(console: Console, one: Preview) -> None:
    from rich.columns import Columns
    from rich.padding import Padding
    from rich.text import Text

    from solon.report.words import excerpt

    console.rule(style="dim")
    console.print(Text(excerpt(one.prompt.text), style="bold"))
    console.print(Padding(Text.assemble(("draft  ", "dim"), excerpt(one.draft)), (0, 0, 1, 2)))
    width = max(4, (console.width - 2) // min(len(one.tried), max(1, console.width // 38)))
    console.print(Padding(Columns([_column(t) for t in one.tried], width=width - 3, padding=(0, 3)), (0, 0, 1, 2)))


def _column(tried: Tried) -> Group:
    from rich.console import Group
    from rich.text import Text

    from solon.report.words import excerpt

    law = tried.constitution
    parts: list[Text] = [Text(excerpt(f"{law.name} {law.version}"), style="bold underline")]
    for step in tried.steps:
        parts.append(Text.assemble(("by ", "dim"), (step.principle, "cyan")))
        parts.append(Text.assemble(("critique  ", "dim"), excerpt(step.critique)))
        note = f" ({step.failure})" if step.failure else " (nothing changed)" if step.revision == step.before else ""
        parts.append(Text.assemble((f"revision{note}  ", "dim"), (excerpt(step.revision), "green")))
    return Group(*parts)

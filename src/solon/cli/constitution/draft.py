"""`solon constitution draft`: principles from prose, each with the passage that it comes from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solon.cli.engine import BaseUrl, Model, Precision

if TYPE_CHECKING:
    from rich.console import Console

    from solon.authoring.outcome import Draft
    from solon.authoring.passages import Split


def draft(
    policy: Annotated[Path, typer.Argument(help="A policy, a code of conduct: Markdown or plain text.")],
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The YAML file to write, else standard output.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The constitution's name, else the file's.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            help="P(Yes) from which a passage is a rule; by default set on control passages.",
            min=0,
            max=1,
        ),
    ] = None,
    trail: Annotated[
        Path | None, typer.Option("--trail", help="Write here what became of every passage, as JSON lines.")
    ] = None,
    store: Annotated[Path, typer.Option("--store", help="Where the model's answers are kept.")] = Path("runs/draft"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out and --trail.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every passage.")] = False,
) -> None:
    """A constitution drafted from a policy in prose, every principle quoting the passage it comes from.

    The model is asked of each sentence and list item whether it is a rule that a reply can follow, and to put
    each that is as a principle. What it writes is checked; what fails is set aside, counted and, with
    --verbose or --trail, listed. A draft wants reading: compare each principle with its source.

    A trail has one line for each passage: line, text, heading, lead (what leads into its list), p_yes (null:
    unreadable), outcome (kept, merged, not a rule, unreadable, set aside), why, wrote (by the model), principle
    (an id); and one for each table, code block and the like, with the outcome "not read".
    """
    from rich.console import Console

    from solon.authoring.passages import read_passages
    from solon.constitution.write import to_yaml
    from solon.errors import ConfigError
    from solon.files import sha256_file, write_atomic

    if model is None:
        raise ConfigError(
            "draft: no model; give a hub id or folder with --model ID, or a server's with --model NAME --base-url URL"
        )
    _refuse(policy, out, trail, force)
    split = read_passages(policy)
    title = _named(name, policy)
    file = "".join(c if c.isprintable() else "?" for c in policy.name)
    said, result = _ask(split, file, model, base_url, precision, store, threshold)
    console = Console(stderr=True, highlight=False)
    if trail:
        write_atomic(trail, _trail(result))
    if verbose:
        _list(console, result)
    _count(console, result)
    header = (
        f"Drafted by `solon constitution draft` from {file} (SHA-256 {sha256_file(policy)[:16]}…)\n"
        f"with {said}; a passage is a rule from P(Yes) {result.threshold:.2f} on.\n"
        "Compare every principle with its source, which quotes the document, before you use it."
    )
    text = to_yaml(result.written(title), header)
    if out:
        write_atomic(out, text)
        console.print(f"wrote {out}", markup=False, soft_wrap=True)
    else:
        print(text, end="")


def _refuse(policy: Path, out: Path | None, trail: Path | None, force: bool) -> None:
    """Refuse, before a model is asked, what could not be written afterwards."""
    from solon.errors import ConfigError

    if out and out.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"--out: {out}: must end in .yaml; for Markdown: solon constitution show FILE -f markdown")
    for option, path in (("--out", out), ("--trail", trail)):
        if path is None:
            continue
        if path.is_dir() or path.resolve() == policy.resolve() or (path is trail and path == out):
            raise ConfigError(f"{option}: {path} cannot be written there; give a file of its own")
        if path.exists() and not force:
            raise ConfigError(f"{option}: {path} exists; give another name, or --force to overwrite it")


def _named(name: str | None, policy: Path) -> str:
    """The constitution's name. Raises ConfigError where it can be none."""
    from pydantic import ValidationError

    from solon.constitution.model import Written
    from solon.errors import ConfigError
    from solon.files import explain

    try:
        return Written(name=policy.stem if name is None else name).name
    except ValidationError as error:
        raise ConfigError(f"--{explain(error)}; give another --name") from None


def _ask(
    split: Split, file: str, model: str, base_url: str | None, precision: str, store: Path, threshold: float | None
) -> tuple[str, Draft]:
    """The model's name and the draft, with a bar for each kind of question."""
    import asyncio
    from contextlib import ExitStack

    from solon.authoring import draft as drafting
    from solon.cli.engine import asked
    from solon.pipeline.progress import Bar, Progress

    progress = Progress()
    bars: dict[str, Bar] = {}
    with asked(model, base_url, precision, store, "drafter") as engine, ExitStack() as open_bars:

        def tick(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                open_bars.close()
                bars[stage] = open_bars.enter_context(progress.bar(stage, total))
            bars[stage].to(done)

        async def work() -> Draft:
            try:
                return await drafting.draft(engine, split, file, threshold=threshold, tick=tick)
            finally:
                await engine.close()

        return engine.fingerprint.model, asyncio.run(work())


def _trail(result: Draft) -> str:
    import json

    lines = [(s.passage.line, s.as_dict()) for s in result.settled]
    lines += [(s.line, {"line": s.line, "outcome": "not read", "why": s.kind}) for s in result.skipped]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for _, row in sorted(lines, key=lambda pair: pair[0]))


def _list(console: Console, result: Draft) -> None:
    """Every passage on a line of its own, what the model made of it below."""
    from rich.markup import escape

    from solon.authoring.passages import shortened

    for s in result.settled:
        sure = "  - " if s.p_yes is None else f"{s.p_yes:.2f}"
        style = {"kept": "green", "merged": "green", "not a rule": "dim"}.get(s.outcome, "yellow")
        where = f"{result.file}:{s.passage.line}"
        console.print(
            f"[{style}]{escape(where)}  {sure}  {s.outcome}[/]  {escape(shortened(s.passage.full, 120))}",
            soft_wrap=True,
        )
        if s.principle:
            console.print(f"    {s.principle}: {escape(s.wrote)}", soft_wrap=True)
        if s.why:
            wrote = "".join(c if c.isprintable() else "\ufffd" for c in s.wrote)
            shown = f": {shortened(wrote, 160)}" if wrote and not s.principle else ""
            console.print(f"    {escape(s.why + shown)}", style="dim", soft_wrap=True)


def _count(console: Console, result: Draft) -> None:
    """What became of the passages, in numbers."""
    skipped = Counter(s.kind for s in result.skipped)
    kinds = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
    lines = [f"{result.file}: {len(result.settled)} passages" + (f"; not read: {kinds}" if kinds else "")]
    sure = [s.p_yes for s in result.settled if s.p_yes is not None]
    rules = sum(p >= result.threshold for p in sure)
    unreadable = result.count("unreadable")
    lines.append(
        f"  {rules} read as rules (P(Yes) ≥ {result.threshold:.2f}), {result.count('not a rule')} do not, "
        f"{unreadable} unreadable"
    )
    lines.append(
        f"  {len(result.principles)} principles kept, {result.count('merged')} merged into one that says the same, "
        f"{result.count('set aside')} set aside"
    )
    reasons = Counter(s.why for s in result.settled if s.outcome == "set aside")
    lines += [f"    {count} × {why}" for why, count in reasons.most_common()]
    doubts = sum(bool(s.why) for s in result.settled if s.outcome == "kept")
    lines += [f"    {doubts} × aim unreadable, taken as own"] if doubts else []
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)

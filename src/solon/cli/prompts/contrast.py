"""`solon prompts contrast`: twins of prompts on the other side of harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from solon.cli.engine import BaseUrl, Model, Precision

if TYPE_CHECKING:
    from rich.console import Console

    from solon.engines import MemoisedEngine
    from solon.promptsets.twins import Twins, TwinSettings
    from solon.types import Prompt


def contrast(
    file: Annotated[str, typer.Argument(metavar="[KIND=]FILE", help="The prompts that get twins.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The prompt file to write.")],
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    judge: Annotated[
        str | None, typer.Option("--judge", help="Who says which side a twin is on, as --model; by default the writer.")
    ] = None,
    judge_base_url: Annotated[
        str | None, typer.Option("--judge-base-url", help="The judge's server, as --base-url.")
    ] = None,
    towards: Annotated[
        Literal["harmless", "harmful"], typer.Option("--towards", help="Which side of harm the twins are on.")
    ] = "harmless",
    kind: Annotated[
        str | None, typer.Option("--kind", help="The twins' kind of prompt; else lookalike, or red_team.")
    ] = None,
    twins: Annotated[
        list[str] | None, typer.Option("--twin", help="Kinds of twins, such as homonyms; all ten by default.")
    ] = None,
    per_prompt: Annotated[int, typer.Option("--per-prompt", min=1, help="Twins of each prompt.")] = 1,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Texts that are asked for until one passes.")] = 3,
    temperature: Annotated[float, typer.Option("--temperature", min=0.0, help="0 is greedy.")] = 0.7,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which kinds are drawn, and the sampling.")] = 0,
    threshold: Annotated[
        float | None, typer.Option("--threshold", min=0, max=1, help="P(harmful) of harm; else set on controls.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first prompts.")] = None,
    refused: Annotated[
        Path | None, typer.Option("--refused", help="Where refused texts go; else beside --out, as NAME.refused.jsonl.")
    ] = None,
    store: Annotated[Path, typer.Option("--store", help="Where answers are kept.")] = Path("runs/contrast"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out and --refused.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Twins of prompts: alike in style, on the other side of harm. Ten kinds, such as homonyms and figures of speech.

    Each text is checked: not empty, cut off, refused, or a near-repeat of a prompt or another twin; of about the
    length and of the mood of its source; and on the other side, as the judge says. A judge must first tell 16
    controls apart. What is refused goes to a file of its own, with the reason. Twins name their source (twin_of)
    and stay on its side of the split. Run it again after any stop: it goes on where it was.
    """
    import json

    from rich.console import Console

    from solon.errors import DataError

    aside = refused or out.with_name(f"{out.stem}.refused.jsonl")
    settings = _settings(towards, twins, per_prompt, tries, temperature, seed, threshold)
    _refuse(file, model, judge, judge_base_url, out, aside, force)
    assert model is not None
    prompts = _prompts(file, towards, limit)
    with _engines(model, base_url, judge, judge_base_url, precision, store) as (writer, judging):
        found = _ask(writer, judging, prompts, settings)
    made = kind or ("lookalike" if towards == "harmless" else "red_team")
    _write(aside, [one.refused() for one in found.refused])
    if not found.passed:
        raise DataError(f"contrast: none of {len(found.refused)} texts passed; {aside} says why; {out} is not written")
    _write(out, [one.row(made) for one in found.passed])
    if json_:
        print(json.dumps(_facts(found, prompts), indent=1, ensure_ascii=False))
    else:
        _print(Console(highlight=False), found, prompts, out, aside)


def _settings(
    towards: Literal["harmless", "harmful"],
    twins: list[str] | None,
    per_prompt: int,
    tries: int,
    temperature: float,
    seed: int,
    threshold: float | None,
) -> TwinSettings:
    """Raises ConfigError."""
    from solon.errors import ConfigError
    from solon.prompts.contrast import NAMES, kinds_named
    from solon.promptsets.twins import TwinSettings

    for name in twins or ():
        if name not in NAMES:
            raise ConfigError(f"--twin: no kind '{name}'; choose from {', '.join(NAMES)}")
    kinds = kinds_named(list(dict.fromkeys(twins or ())))
    if per_prompt > len(kinds):
        raise ConfigError(f"--per-prompt: {per_prompt} is more than the {len(kinds)} kinds of twins to choose from")
    return TwinSettings(towards, kinds, per_prompt, tries, temperature, seed, threshold)


def _refuse(
    file: str, model: str | None, judge: str | None, judge_base_url: str | None, out: Path, aside: Path, force: bool
) -> None:
    """Raises ConfigError for what cannot be meant, before anything is asked."""
    from solon.errors import ConfigError

    if model is None:
        raise ConfigError(
            "contrast: no model; give a hub id or folder with --model ID, or a server's with --model NAME "
            "--base-url URL"
        )
    if judge_base_url and judge is None:
        raise ConfigError("--judge-base-url: which model of that server? Give --judge NAME")
    source = Path(file.partition("=")[2] or file)
    for option, path in (("--out", out), ("--refused", aside)):
        if path.is_dir() or path.resolve() == source.resolve() or (path is aside and path == out):
            raise ConfigError(f"{option}: {path} cannot be written there; give a file of its own")
        if path.exists() and not force:
            raise ConfigError(f"{option}: {path} exists; give another name, or --force to overwrite it")


def _prompts(file: str, towards: str, limit: int | None) -> list[Prompt]:
    """The prompts of the file, its rows that were set aside named on stderr."""
    from dataclasses import replace

    from solon.cli.prompts.given import prompt_file
    from solon.data.prompts import load_prompt_files
    from solon.pipeline.progress import Progress

    named = prompt_file(file, "FILE")
    named = named if named.kind else replace(named, kind="red_team" if towards == "harmless" else "helpful")
    sets = load_prompt_files([named])
    if sets.bad:
        first = sets.bad[0]
        Progress().warn(f"{len(sets.bad)} rows set aside; first: {first.file}:{first.line}: {first.reason}")
    return sets.prompts[named.kind][:limit]


@contextmanager
def _engines(
    model: str, base_url: str | None, judge: str | None, judge_base_url: str | None, precision: str, store: Path
) -> Iterator[tuple[MemoisedEngine, MemoisedEngine]]:
    """Writer and judge; their answers are kept in `store`."""
    from solon.engines import MemoisedEngine, Usage
    from solon.pipeline.roles import build_engine, memo_in, named_role

    usage = Usage()
    with memo_in(store) as memo:
        writer = MemoisedEngine(build_engine(named_role(model, base_url, precision), "writer"), memo, "writer", usage)
        other = build_engine(named_role(judge, judge_base_url, precision), "judge") if judge else writer.inner
        judging = MemoisedEngine(other, memo, "judge", usage)
        try:
            yield writer, judging
        finally:
            usage.note_in(memo, {"writer": writer.fingerprint, "judge": judging.fingerprint})


def _ask(writer: MemoisedEngine, judge: MemoisedEngine, prompts: list[Prompt], settings: TwinSettings) -> Twins:
    """The twins, with a bar for each stage."""
    import asyncio
    from contextlib import ExitStack

    from solon.pipeline.progress import Bar, Progress
    from solon.promptsets.twins import write_twins

    progress = Progress()
    bars: dict[tuple[str, int], Bar] = {}
    with ExitStack() as open_bars:

        def tick(stage: str, done: int, total: int) -> None:
            if (stage, total) not in bars or done == 1:
                open_bars.close()
                bars[stage, total] = open_bars.enter_context(progress.bar(stage, total))
            bars[stage, total].to(done)

        async def work() -> Twins:
            try:
                return await write_twins(writer, judge, prompts, settings, tick)
            finally:
                await writer.close()
                await judge.close()

        return asyncio.run(work())


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    import json

    from solon.files import write_atomic

    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _facts(found: Twins, prompts: list[Prompt]) -> dict[str, Any]:
    sources = len({one.source.id for one in found.passed})
    judge = {"threshold": found.threshold, "auc": found.qualification.auc if found.qualification else None}
    kinds = dict(Counter(one.kind for one in found.passed))
    counts = {"prompts": len(prompts), "with_twin": sources, "twins": len(found.passed), "refused": len(found.refused)}
    return {**counts, "kinds": kinds, "reasons": found.reasons(), "judge": judge}


def _print(console: Console, found: Twins, prompts: list[Prompt], out: Path, aside: Path) -> None:
    facts = _facts(found, prompts)
    judge = facts["judge"]
    sure = "" if judge["auc"] is None else f", which tells controls apart with AUC {judge['auc']:.2f}"
    reasons = ", ".join(f"{count} × {reason}" for reason, count in facts["reasons"].items())
    kinds = ", ".join(f"{count} × {kind}" for kind, count in facts["kinds"].items())
    many = "1 twin" if facts["twins"] == 1 else f"{facts['twins']:,} twins"
    lines = [
        f"{out}: {many} of {facts['with_twin']} of {facts['prompts']} prompts ({kinds})",
        f"{aside}: {facts['refused']} texts refused" + (f" ({reasons})" if reasons else ""),
        f"harmful from P(Yes) {judge['threshold']:.2f} of the judge{sure}",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)

"""`solon label FILE`: a judge's soft labels for the pairs of any file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from solon.cli.engine import BaseUrl, Model, Precision
from solon.cli.feedback import Ask, Constitution, Judge, Principles, Seed, Settings
from solon.cli.truncated import Truncated

if TYPE_CHECKING:
    from solon.engines import MemoisedEngine
    from solon.pipeline.labels import Responder
    from solon.pipeline.recipe import Role


def label(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Pairs, prompts with responses, or bare prompts: a file, or hub:OWNER/NAME."
        ),
    ],
    judge: Judge = None,
    model: Model = None,
    base_url: BaseUrl = None,
    precision: Precision = "float32",
    ask: Ask = None,
    principles: Principles = None,
    settings: Settings = None,
    constitution: Constitution = None,
    seed: Seed = None,
    calibration_card: Annotated[
        Path | None, typer.Option("--calibration-card", help="The judge's card, from solon judge qualify.")
    ] = None,
    unqualified: Annotated[
        Literal["stop", "use"], typer.Option("--unqualified", help="What to do where the card says no.")
    ] = "stop",
    responder: Annotated[
        str | None, typer.Option("--responder", help="Who answers bare prompts, twice; by default the judge's model.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Limit of such an answer.")] = 256,
    format: Annotated[
        str | None, typer.Option("--format", help="FILE's format (docs/data.md), or prompts; else its columns tell it.")
    ] = None,
    truncated_pairs: Truncated = "leave_out",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first rows.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; by default runs/label-<name of FILE>.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print labels.json instead of the summary.")] = False,
) -> None:
    """Label every pair of a file: which reply better follows the constitution, and how surely.

    Writes preferences.parquet (TRL's columns, soft label, every verdict), unlabelled.jsonl, quarantine.jsonl and
    labels.json. Labels that the file has are compared with. Run it again after any stop: it goes on where it was.
    """
    import asyncio
    import gc
    import json

    from solon.cli.feedback import feedback_settings, judge_role, judging
    from solon.cli.label.summary import print_summary
    from solon.constitution import load_constitution
    from solon.feedback.qualification import load_card
    from solon.pipeline.labels import QUARANTINE, LabelJob, label_file, open_source, vouched
    from solon.pipeline.progress import Progress
    from solon.pipeline.roles import named_role
    from solon.runs import Run

    card = load_card(calibration_card) if calibration_card else None
    feedback = feedback_settings(ask, principles, settings, card.settings if card else None)
    role, law = judge_role(judge, model, base_url, precision), load_constitution(constitution or "balanced")
    folder, progress = out or Path("runs") / f"label-{Path(file).stem}", Progress(quiet or json_)
    source = open_source(file, format, limit)
    run = Run(folder)
    with run.locked(), judging([("judge", role, feedback.ask)], folder) as engines:
        vouched(card, engines, law, feedback, unqualified)
        job = LabelJob(file, limit, law, feedback, seed or 0, card, truncated_pairs)
        named = named_role(responder, base_url, precision) if responder else None
        answers = _responder(named, role, engines[0][1], max_tokens, job.seed) if source.bare else None

        async def work() -> dict[str, Any]:
            try:
                with progress.bar("AI labels", source.total) as bar:
                    return await label_file(job, source, engines, answers, folder, bar)
            finally:
                for engine in [engines[0][1], *([answers.engine] if answers else [])]:
                    await engine.close()

        gc.freeze()  # what is loaded by now stays: the collector would visit it over and over
        found = asyncio.run(work())
    if found["set_aside"]:
        progress.warn(f"{found['set_aside']:,} rows set aside: {folder / QUARANTINE}")
    if json_:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    elif not quiet:
        print_summary(found, folder, engines[0][1].usage)


def _responder(named: Role | None, role: Role, judge: MemoisedEngine, max_tokens: int, seed: int) -> Responder:
    """Who answers bare prompts: the role that was named, else the judge's own model. Raises ConfigError."""
    from solon.engines import MemoisedEngine
    from solon.errors import ConfigError
    from solon.pipeline.labels import Responder
    from solon.pipeline.roles import build_engine

    if named is None and role.engine == "recorded":
        raise ConfigError("label: FILE has prompts without responses, and a recorded judge cannot answer: --responder")
    engine = build_engine(named, "responder") if named else judge.inner
    return Responder(MemoisedEngine(engine, judge.memo, "responder", judge.usage), max_tokens, seed=seed)

"""`solon best`: several answers to each prompt, the one that a judge ranks highest kept, and what that was worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from solon.cli.engine import BaseUrl, Model, Precision
from solon.cli.feedback import Ask, Constitution, Judge, Principles, Seed, Settings

if TYPE_CHECKING:
    from solon.data.candidates import Candidates
    from solon.feedback.qualification import Card
    from solon.pipeline.best import Sampling
    from solon.pipeline.best_cast import Cast
    from solon.pipeline.best_files import BestTally
    from solon.pipeline.progress import Progress
    from solon.pipeline.qualifying import Engines
    from solon.pipeline.recipe import Role
    from solon.settings import FeedbackSettings

ANSWERS = 8


def best(
    prompts: Annotated[
        str, typer.Argument(help="Prompts, with a list of responses each or bare: a file, or hub:OWNER/NAME.")
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
        str | None, typer.Option("--responder", help="The model that answers; by default the judge's own.")
    ] = None,
    responder_url: Annotated[str | None, typer.Option("--responder-url", help="The responder's server.")] = None,
    answers: Annotated[
        int | None, typer.Option("--answers", "-n", min=2, help=f"Answers to each prompt; {ANSWERS} by default.")
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Of the answers, above 0.")] = 1.0,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Of each answer.")] = 256,
    gold: Annotated[
        str | None, typer.Option("--gold", help="Measure the picks by a second judge too: the judge asked this way …")
    ] = None,
    gold_model: Annotated[
        str | None, typer.Option("--gold-model", help="… or this model, asked as --gold says.")
    ] = None,
    gold_url: Annotated[str | None, typer.Option("--gold-url", help="The second judge's server.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first rows.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for what is written and stored answers.")] = Path(
        "runs/best"
    ),
    json_: Annotated[bool, typer.Option("--json", help="Print best.json instead of a table.")] = False,
) -> None:
    """Keep the best of n answers to each prompt by a judge or reward model, and measure what that was worth.

    Writes best.jsonl (TRL's prompt and completion), pairs.parquet (the best against the worst, labelled),
    responses.jsonl (every answer and its score) and, last, best.json. Model calls are stored in the folder: run it
    again to resume.
    """
    from solon.cli.best_table import show
    from solon.cli.feedback import feedback_settings, judge_role, judging
    from solon.constitution import load_constitution
    from solon.data.candidates import data_facts, load_candidates
    from solon.feedback.qualification import load_card
    from solon.pipeline.best_cast import Cast
    from solon.pipeline.best_files import write_summary
    from solon.pipeline.best_roles import BestRoles
    from solon.pipeline.labels import vouched
    from solon.pipeline.progress import Progress
    from solon.runs import Run

    card = load_card(calibration_card) if calibration_card else None
    asked, bad = load_candidates(prompts)
    asked = asked[:limit]
    _answered(prompts, asked)
    first = feedback_settings(ask, principles, settings, card.settings if card else None)
    roles = BestRoles(
        judge_role(judge, model, base_url, precision),
        first,
        _sampling(asked, answers, temperature, max_tokens, seed or 0),
        _other("responder", responder, responder_url, precision),
        _second(gold, first),
        _other("gold-model", gold_model, gold_url, precision),
    )
    roles.check()
    law, progress, run = load_constitution(constitution or "balanced"), Progress(quiet=json_), Run(out)
    for row in bad[:1]:
        progress.warn(f"{len(bad)} rows set aside; first: {row.file}:{row.line}: {row.reason}")
    with run.locked(), judging(roles.named(), out) as engines:
        cast = Cast.of(roles, engines, law, seed or 0, card)
        vouched(card, [(first.ask, cast.judge)], law, first, unqualified)
        _caution(card, progress)
        tally = _picked(cast, engines, asked, progress, out)
        facts = {"data": data_facts(prompts, len(asked), len(bad)), **cast.facts()}
        show(out, write_summary(out, facts, tally, bad), cast.judge.usage, json_)


def _answered(name: str, asked: Sequence[Candidates]) -> None:
    """Raises DataError where replies stand beside the prompts that are about to be answered anew."""
    from solon.data.formats.beside import unread
    from solon.data.rows import data_path
    from solon.errors import DataError

    if not asked[0].responses and (columns := unread(data_path(name))):
        raise DataError(
            f"{name}: beside the prompt, or after it, stand {columns}: replies or labels that best does not know, "
            "and it would draw others; make them a list of texts under responses, or take them out"
        )


def _caution(card: Card | None, progress: Progress) -> None:
    """Say what does not vouch for the judge."""
    if card is None:
        progress.warn(
            "nothing vouches for this judge: measure it with solon judge qualify, give its --calibration-card"
        )
    elif not card.qualified:
        progress.warn(
            f"the judge did not qualify ({'; '.join(card.reasons)}); it picks all the same (--unqualified use)"
        )


def _sampling(
    asked: Sequence[Candidates], answers: int | None, temperature: float, max_tokens: int, seed: int
) -> Sampling | None:
    """How answers are drawn; None where the file holds the responses. Raises ConfigError."""
    from solon.errors import ConfigError
    from solon.pipeline.best import Sampling

    if not asked[0].responses:
        return Sampling(answers or ANSWERS, temperature, max_tokens, seed)
    if answers is not None:
        raise ConfigError("--answers: the file holds the responses, nothing is drawn; leave it out")
    return None


def _other(option: str, model: str | None, url: str | None, precision: str) -> Role | None:
    """The role that a second model plays. Raises ConfigError, naming the option."""
    from solon.errors import ConfigError
    from solon.pipeline.roles import named_role

    if model is not None:
        return named_role(model, url, precision)
    if url is not None:
        raise ConfigError(f"--{option}: which model of {url}?")
    return None


def _second(gold: str | None, first: FeedbackSettings) -> FeedbackSettings | None:
    """How the second judge is asked: as the first but for the way, and not calibrated: the card is not its own."""
    from solon.cli.feedback import feedback_settings

    if gold is None:
        return None
    return feedback_settings(gold, None, None, first.model_copy(update={"calibration": "none"}))


def _picked(
    cast: Cast,
    engines: Engines,
    asked: Sequence[Candidates],
    progress: Progress,
    out: Path,
) -> BestTally:
    """What the picks come to; they are written to `out`. Raises DataError where there is none."""
    import asyncio

    from solon.errors import DataError
    from solon.pipeline.best import Picked, pick_each
    from solon.pipeline.best_files import BestTally, best_files

    tally = BestTally()
    answers, ranks, measures = cast.answers(), cast.ranks(), cast.measures()

    async def work() -> None:
        try:
            with best_files(out) as write, progress.bar("prompts", len(asked)) as bar:

                def take(picked: Picked) -> None:
                    tally.take(picked)
                    write(picked)

                await pick_each(asked, answers, ranks, measures, take, bar.step)
                if not tally.ranked:
                    raise DataError(f"best: nothing could be picked for any of {tally.prompts} prompts: {tally.first}")
        finally:
            for _, engine in engines:
                await engine.close()

    asyncio.run(work())
    return tally

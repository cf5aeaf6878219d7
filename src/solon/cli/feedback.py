"""The options that say who judges and how, shared by the verbs that label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.engines import MemoisedEngine
    from solon.pipeline.recipe import Role
    from solon.settings import Ask as AskedAs
    from solon.settings import FeedbackSettings, QualifySettings

Ask = Annotated[
    str | None,
    typer.Option("--ask", help="choice, chain_of_thought, score, pointwise, likelihood or reward_model."),
]
Principles = Annotated[
    str | None, typer.Option("--principles", help="How many principles each label asks about, or all.")
]
Constitution = Annotated[str | None, typer.Option("--constitution", "-c", help="Library name or file.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Which principles are drawn.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other feedback setting, such as --set samples=5 --set orders=one."),
]
Judge = Annotated[
    str | None, typer.Option("--judge", help="recorded: the judge that the quickstart ships; or a recording's file.")
]


def feedback_settings(
    ask: str | None, principles: str | None, settings: Sequence[str] | None, base: FeedbackSettings | None = None
) -> FeedbackSettings:
    """`base` (or the defaults) with the options over it. Raises ConfigError in one line.

    A setting is `key=value`; the key may be written as in a recipe, `rl_cai.feedback.key`.
    """
    from pydantic import ValidationError

    from solon.errors import ConfigError
    from solon.files import explain
    from solon.pipeline.recipe import apply_override
    from solon.settings import FeedbackSettings

    values = (base or FeedbackSettings()).model_dump()
    for text in settings or ():
        apply_override(values, text.removeprefix("rl_cai.").removeprefix("feedback."), "--set")
    if ask is not None:
        values["ask"] = ask
    if principles is not None:
        values["principles"] = int(principles) if principles.isdecimal() else principles
    try:
        return FeedbackSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"feedback: {explain(error, FeedbackSettings.model_fields)}") from None


def qualify_settings(
    data: str | None,
    format: str | None,
    limit: int | None,
    attacks: int | None,
    bar: Sequence[str] | None,
    labelled_by: str | None = None,
    base: QualifySettings | None = None,
) -> QualifySettings:
    """`base` (or the defaults) with the options over it: what a judge is measured on, what it must reach.

    Raises ConfigError in one line.
    """
    from pydantic import ValidationError

    from solon.errors import ConfigError
    from solon.files import explain
    from solon.pipeline.recipe import apply_override
    from solon.settings import Bar, QualifySettings

    values = (base or QualifySettings()).model_dump()
    if data is not None or values["data"] is None:  # what a recipe says of its file is for the recipe's own file
        values |= {"data": data or "shipped", "format": None, "limit": None, "labelled_by": None}
    given = {"format": format, "limit": limit, "attacks": attacks, "labelled_by": labelled_by}
    values |= {name: value for name, value in given.items() if value is not None}
    for text in bar or ():
        apply_override(values["bar"], text, "--bar")
    try:
        return QualifySettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"qualify: {explain(error, Bar.model_fields)}") from None


def judge_role(judge: str | None, model: str | None, base_url: str | None, precision: str) -> Role:
    """The judge that `--judge` or `--model` names. Raises ConfigError where neither or both do."""
    from solon.errors import ConfigError
    from solon.pipeline.recipe import Role
    from solon.pipeline.roles import named_role

    if judge is not None and (model is not None or base_url is not None):
        raise ConfigError("--judge replays a recording and --model asks a live one: give one of them")
    if judge is not None:
        return Role(engine="recorded", model="judge", recording="quickstart" if judge == "recorded" else judge)
    if model is None:
        raise ConfigError(
            "which judge? --judge recorded replays the quickstart's; --model Qwen/Qwen2.5-7B-Instruct loads weights "
            "here; --base-url http://127.0.0.1:11434/v1 --model NAME asks a server"
        )
    return named_role(model, base_url, precision)


@contextmanager
def judging(
    judges: Sequence[tuple[str, Role, AskedAs]], folder: Path
) -> Iterator[list[tuple[AskedAs, MemoisedEngine]]]:
    """The engines of judges (name, role, way of asking); answers are stored in `folder`: asking again costs nothing."""
    from solon.engines import MemoisedEngine, Usage
    from solon.pipeline.roles import build_judge_engine, memo_in

    usage = Usage()
    with memo_in(folder) as memo:
        engines = [
            (ask, MemoisedEngine(build_judge_engine(role, name, ask), memo, name, usage)) for name, role, ask in judges
        ]
        try:
            yield engines
        finally:
            # A plan for a run beside this folder takes its rates from here.
            usage.note_in(memo, {engine.role: engine.fingerprint for _, engine in engines})

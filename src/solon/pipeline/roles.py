"""The engine that a role names, and the one that a command line names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from solon.engines import Engine, MemoisedEngine
from solon.engines.address import valid_key
from solon.engines.recorded import RecordedEngine, load_recording, recording_path
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError, StorageError
from solon.files import explain
from solon.memo import Memo
from solon.pipeline.recipe import Recipe, Role
from solon.settings import Ask, FeedbackSettings

SCRIPT = "script:"


def build_engine(role: Role, name: str) -> Engine:
    """The engine of `role`; `name` is who it plays, which a recording needs to know."""
    if role.engine == "recorded":
        return RecordedEngine(load_recording(recording_path(role.recording)), role.model or name)
    if role.engine == "scripted":
        return ScriptedEngine.load(Path(role.model) if role.model else None)
    if role.engine == "openai":
        from solon.engines.openai import OpenAIEngine

        key = valid_key(os.environ.get(role.api_key_env), role.api_key_env)
        return OpenAIEngine(
            role.model, role.base_url or "", api_key=key, concurrency=role.concurrency, limits=role.time_limits
        )
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine

    return TransformersEngine(LocalModel.load(role.model, role.precision), max_batch=role.batch_size)


def build_judge_engine(role: Role, name: str, ask: str | None) -> Engine:
    """The engine of `role`, which judges: a reward model where it is asked as one. Raises ConfigError."""
    if ask != "reward_model" or role.engine == "recorded":
        return build_engine(role, name)
    from solon.pipeline.rewards import reward_engine

    return reward_engine(role)


def judge_roles(recipe: Recipe, settings: FeedbackSettings) -> list[tuple[str, Role, Ask]]:
    """The judge and the rest of its panel by name, each with the way it is asked."""
    first = recipe.roles.judge or recipe.roles.policy
    panel = [(f"judge {n}", role, role.ask or settings.ask) for n, role in enumerate(recipe.roles.panel, 2)]
    return [("judge", first, settings.ask), *panel]


def named_role(model: str, base_url: str | None, precision: str) -> Role:
    """The role that `--model` and `--base-url` name: a server's model when there is a URL, a scripted one for
    `script:FILE`, else weights in this process. Raises ConfigError.
    """
    if model.startswith(SCRIPT):
        fields = {"engine": "scripted", "model": model.removeprefix(SCRIPT)}
    elif base_url:
        fields = {"engine": "openai", "model": model, "base_url": base_url}
    else:
        fields = {"engine": "transformers", "model": model, "precision": precision}
    try:
        return Role.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"--model: {explain(error)}") from None


def named_engine(model: str, base_url: str | None, precision: str, memo: Memo, role: str) -> MemoisedEngine:
    """The engine that `--model` and `--base-url` name, behind `memo`. Raises ConfigError."""
    return MemoisedEngine(build_engine(named_role(model, base_url, precision), role), memo, role)


@contextmanager
def memo_in(folder: Path) -> Iterator[Memo]:
    """The memo of a command's own folder, which is made if need be. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}; choose another folder") from None
    memo = Memo(folder / "memo.sqlite")
    try:
        yield memo
    finally:
        memo.close()

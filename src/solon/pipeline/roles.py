"""The engine that a role names, and the one that a command line names."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from solon.engines import Engine, MemoisedEngine
from solon.engines.recorded import RecordedEngine, load_recording, recording_path
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError
from solon.files import explain
from solon.memo import Memo
from solon.pipeline.recipe import Role

SCRIPT = "script:"


def build_engine(role: Role, name: str) -> Engine:
    """The engine of `role`; `name` is who it plays, which a recording needs to know."""
    if role.engine == "recorded":
        return RecordedEngine(load_recording(recording_path(role.recording)), role.model or name)
    if role.engine == "scripted":
        return ScriptedEngine.load(Path(role.model) if role.model else None)
    if role.engine == "openai":
        from solon.engines.openai import OpenAIEngine

        key = os.environ.get(role.api_key_env)
        return OpenAIEngine(role.model, role.base_url or "", api_key=key, concurrency=role.concurrency)
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine

    return TransformersEngine(LocalModel.load(role.model, role.precision), max_batch=role.batch_size)


def named_engine(model: str, base_url: str | None, precision: str, memo: Memo, role: str) -> MemoisedEngine:
    """The engine that `--model` and `--base-url` name, behind `memo`: a server's model when there is a URL, a
    scripted one for `script:FILE`, else weights in this process. Raises ConfigError.
    """
    if model.startswith(SCRIPT):
        fields = {"engine": "scripted", "model": model.removeprefix(SCRIPT)}
    elif base_url:
        fields = {"engine": "openai", "model": model, "base_url": base_url}
    else:
        fields = {"engine": "transformers", "model": model, "precision": precision}
    try:
        configured = Role.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"--model: {explain(error)}") from None
    return MemoisedEngine(build_engine(configured, role), memo, role)

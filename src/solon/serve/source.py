"""The engine and the constitution that a command line names. Imports torch only for weights in this process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from solon.constitution import Constitution, load_constitution
from solon.engines import Engine
from solon.errors import ConfigError
from solon.pipeline.along import kept, known_steps, model_of
from solon.pipeline.context import adapter_folder
from solon.pipeline.recipe import Recipe, load_recipe
from solon.pipeline.selection import FRONT, POLICY, Named, the_model
from solon.serve.settings import ServeSettings

MODELS = {"policy": "the RL-CAI policy", "sl_cai": "the SL-CAI model", "base": "the base"}


@dataclass(frozen=True, slots=True)
class Source:
    """What to serve. `warning` is one line the user should see, or ""; `model` says which of a run's models it is."""

    engine: Engine
    constitution: Constitution
    settings: ServeSettings
    warning: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Upstream:
    """An OpenAI-compatible server: its base address (ending in /v1, as a rule) and a model it has."""

    url: str
    model: str

    def engine(self) -> Engine:
        """Raises ConfigError when the address is none."""
        from solon.engines.openai import OpenAIEngine

        try:
            # Behind a load balancer names change by the answer: nothing is stored here, so nothing can mix.
            key = os.environ.get("OPENAI_API_KEY")
            return OpenAIEngine(self.model, self.url, api_key=key, retries=2, one_model=False)
        except ConfigError as error:
            raise ConfigError(str(error).replace("base_url:", "upstream:", 1)) from None


def from_run(folder: Path, upstream: Upstream | None = None, what: str | None = None) -> Source:
    """A finished run, or a front's picked one: its model (or `upstream`), constitution, seed and revision settings.

    The model is `what`, else the one that the recipe's rule picked, else the policy. Reads the folder only: no lock, no
    memo. Raises ConfigError when the run is not finished.
    """
    if what is not None and model_of(what)[0] not in MODELS:
        raise ConfigError(f"--what: '{what}' is no model to serve; choose one of {', '.join(MODELS)}")
    named = Named(folder, POLICY) if upstream and not (folder / FRONT).is_file() else the_model(folder, what)
    folder = named.folder
    if not (folder / "recipe.yaml").is_file():
        raise ConfigError(f"run: no recipe.yaml in {folder}; give the folder of a finished run (runs/quickstart)")
    recipe = load_recipe(str(folder / "recipe.yaml"))
    constitution = load_constitution(recipe.constitution)
    engine = upstream.engine() if upstream else _model(recipe, folder, named.model)
    revision = recipe.sl_cai.revision
    settings = ServeSettings(
        model=upstream.model if upstream else recipe.name,
        seed=recipe.seed,
        critique_tokens=revision.critique_tokens,
        sentences=revision.sentences,
        temperature=revision.temperature,
    )
    picked = f", picked by the rule: {named.by}" if named.by else ""
    said = f"{_said(named.model)} of {folder}{picked}"
    return Source(engine, constitution, settings, _changed(folder, constitution), "" if upstream else said)


def _said(what: str) -> str:
    model, step = model_of(what)
    return MODELS[model] + (f" after step {step}" if step is not None else "")


def from_upstream(constitution: str, upstream: Upstream) -> Source:
    """Any constitution in front of any server. Raises ConfigError."""
    return Source(upstream.engine(), load_constitution(constitution), ServeSettings(upstream.model))


def _model(recipe: Recipe, folder: Path, what: str) -> Engine:
    """One of the run's models, loaded into this process."""
    if what == "base":
        return _base(recipe)
    if (step := model_of(what)[1]) is not None and (step not in kept(folder) or not what.startswith(POLICY)):
        raise ConfigError(f"--what: '{what}' is no checkpoint of {folder}; {known_steps(folder)}")
    adapter = folder / adapter_folder(what)
    if not (adapter / "adapter_config.json").is_file():
        raise ConfigError(f"run: {folder} has no trained policy yet ({adapter}); let `solon run` finish first")
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine
    from solon.training.adapters import adapter_hash, load_adapter

    role = recipe.roles.policy
    local = LocalModel.load(role.model, role.precision)
    load_adapter(local, what, adapter)
    return TransformersEngine(local, what, adapter_hash(adapter), role.batch_size)


def _base(recipe: Recipe) -> Engine:
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine

    role = recipe.roles.policy
    return TransformersEngine(LocalModel.load(role.model, role.precision), max_batch=role.batch_size)


def _changed(folder: Path, constitution: Constitution) -> str:
    """A warning when the constitution is not the one the run was made with, as its manifest says."""
    try:
        trained = json.loads((folder / "manifest.json").read_text())["constitution"]["hash"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if trained == constitution.hash:
        return ""
    return f"the constitution '{constitution.name}' has changed since this run was trained; serving the new text"

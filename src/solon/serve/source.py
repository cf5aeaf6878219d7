"""The engine and the constitution that a command line names. Imports torch only for weights in this process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from solon.constitution import Constitution, load_constitution
from solon.engines import Engine
from solon.engines.address import address_of
from solon.errors import ConfigError
from solon.pipeline.along import kept, known_steps, model_of
from solon.pipeline.context import adapter_folder
from solon.pipeline.places import CONSTITUTION, constitution_of, finishing, refuse_no_run
from solon.pipeline.recipe import Recipe, load_recipe
from solon.pipeline.selection import FRONT, POLICY, Named, the_model
from solon.pipeline.trained import Trained
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

        address_of(self.url, "upstream")
        key = os.environ.get("OPENAI_API_KEY")
        # Behind a load balancer names change by the answer: nothing is stored here, so nothing can mix.
        return OpenAIEngine(self.model, self.url, api_key=key, retries=2, one_model=False)


def from_run(
    folder: Path,
    upstream: Upstream | None = None,
    what: str | None = None,
    constitution: str | None = None,
    base: str | None = None,
) -> Source:
    """A run, or a front's picked one: its model (or `upstream`), constitution, seed and revision settings.

    The model is `what`, else the one that the recipe's rule picked, else the policy; the constitution is the one that
    the run used, unless `constitution` names another. `base` is where the base's weights lie now. Reads the folder
    only: no lock, no memo. Raises ConfigError where there is no such model.
    """
    if what is not None and model_of(what)[0] not in MODELS:
        raise ConfigError(f"--what: '{what}' is no model to serve; choose one of {', '.join(MODELS)}")
    named = Named(folder, POLICY) if upstream and not (folder / FRONT).is_file() else the_model(folder, what)
    folder = named.folder
    refuse_no_run(folder)
    recipe = load_recipe(str(folder / "recipe.yaml"))
    recipe = recipe if base is None else recipe.with_policy(base)
    used = constitution_of(folder, recipe.constitution)
    law = load_constitution(constitution) if constitution else used
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
    kept = (folder / CONSTITUTION).is_file()
    warning = _changed(used, recipe.constitution) if kept and not constitution else _trained_by_another(folder, law)
    return Source(engine, law, settings, warning, "" if upstream else said)


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
        raise ConfigError(f"run: {folder} has no trained {what} yet ({adapter}); make it with {finishing(folder)}")
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine
    from solon.training.adapters import adapter_hash, load_adapter
    from solon.training.base import refuse_other_base

    role = recipe.roles.policy
    local = LocalModel.load(role.model, role.precision)
    refuse_other_base(adapter, None, local.source)
    load_adapter(local, what, adapter)
    return TransformersEngine(local, what, adapter_hash(adapter), role.batch_size)


def _base(recipe: Recipe) -> Engine:
    from solon.engines.local.model import LocalModel
    from solon.engines.transformers import TransformersEngine

    role = recipe.roles.policy
    return TransformersEngine(LocalModel.load(role.model, role.precision), max_batch=role.batch_size)


def _changed(used: Constitution, named: str) -> str:
    """A warning when the file that the recipe names has another text by now than the run used."""
    try:
        now = load_constitution(named)
    except ConfigError:  # gone, or being written: the run has its own
        return ""
    if now.hash == used.hash:
        return ""
    return (
        f"the constitution '{used.name}' is served as the run used it, and {named} has changed since; "
        f"--constitution {named} serves the new text"
    )


def _trained_by_another(folder: Path, law: Constitution) -> str:
    """A warning when the constitution is not the one the run was made with, as its manifest says."""
    try:
        trained = json.loads((folder / "manifest.json").read_text())["constitution"]["hash"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if trained == law.hash:
        return ""
    return f"{folder} was trained by another constitution than '{law.name}' as it is now, or that has changed since"


def from_training(folder: Path, constitution: str | None, what: str | None = None, base: str | None = None) -> Source:
    """What solon train made in `folder`, or with `what` its base, under a constitution. Raises ConfigError."""
    trained = Trained.load(folder)
    trained.refuse_silent("serve")
    if what not in (None, POLICY, "base"):
        raise ConfigError(f"--what: a training on files has the models policy and base, not '{what}'")
    if constitution is None:
        raise ConfigError(f"serve: {folder} was trained on a file, without a constitution; add --constitution balanced")
    law = load_constitution(constitution)
    engines = list(trained.engines(base))
    engine = engines[0 if what == "base" else 1][1]
    name = trained.folder.resolve().name
    said = "the base" if what == "base" else f"the model of {trained.verb}"
    return Source(engine, law, ServeSettings(name), "", f"{said} in {trained.folder}")

"""What `solon train` made in a folder, read: which model, of which base, and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.engines.local.source import HUB_ID
from solon.errors import ConfigError
from solon.pipeline.recipe import Role
from solon.pipeline.training.aside import QUARANTINE
from solon.pipeline.training.record import FORMAT
from solon.pipeline.training.run import CHECKPOINTS, HISTORY, MANIFEST, MODEL
from solon.pipeline.training.start import CONFIG, WEIGHTS

if TYPE_CHECKING:
    from solon.engines import Engine

# What a reward model is for, by the command that cannot use it.
ADVICE = {
    "serve": "pick answers with it: solon best PROMPTS --ask reward_model --model {model} --responder MODEL",
    "evaluate": "its figures on held-out pairs are in {folder}/manifest.json; measure it on pairs of your own with "
    "solon judge qualify --ask reward_model --model {model} --data PAIRS",
}


def training_in(folder: Path) -> Path | None:
    """The folder of the training that `folder` is of, finished or not: itself, or the one above its `model`; None
    where it is of none."""
    for one in (folder, folder.parent) if folder.name == MODEL else (folder,):
        if _manifest(one).get("format") == FORMAT or _begun(one):
            return one
    return None


def _begun(folder: Path) -> bool:
    """Whether the folder holds what a training leaves before it is finished, and nothing else."""
    left = {"steps", "lock", QUARANTINE, CHECKPOINTS, MODEL, HISTORY}
    if not (folder / QUARANTINE).is_file():
        return False
    # Besides, a killed process leaves hidden files, and solon evaluate a memo.
    return {path.name for path in folder.iterdir() if not path.name.startswith((".", "memo.sqlite"))} <= left


def refuse_training(folder: Path, command: str) -> None:
    """Raises ConfigError where `folder` holds a training on files, which `command` does not take."""
    if (own := training_in(folder)) is not None:
        raise ConfigError(
            f"{command}: {own} holds a training on files (solon train), not a run of a recipe; "
            f"solon evaluate {own} PROMPTS measures it, solon export {own} takes it away"
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """The finished training in `folder`; `manifest` is its account of itself."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Trained:
        """Raises ConfigError where there is none, or it is not finished."""
        own = training_in(folder)
        if own is None:
            raise ConfigError(f"{folder} holds no training; solon train makes one")
        manifest = _manifest(own)
        if not manifest:
            raise ConfigError(
                f"{own} holds a training that is not finished; give the same command of solon train again"
            )
        if not all((own / MODEL / name).is_file() for name in (CONFIG, WEIGHTS)):
            raise ConfigError(f"{own}: {MODEL}/{WEIGHTS} is not there; give the same command of solon train again")
        return cls(own, manifest)

    @property
    def verb(self) -> str:
        """As commands say it: "best-of-n"."""
        return str(self.manifest["verb"]).replace("_", "-")

    @property
    def rewards(self) -> bool:
        """Whether it is a reward model."""
        return bool(self.manifest["verb"] == "reward")

    @property
    def adapter(self) -> Path:
        return self.folder / MODEL

    def refuse_silent(self, command: str) -> None:
        """Raises ConfigError for a reward model, which writes no answers."""
        if self.rewards:
            advice = ADVICE[command].format(folder=self.folder, model=self.adapter)
            raise ConfigError(f"{command}: {self.folder} holds a reward model, which writes no answers; {advice}")

    def role(self, base: str | None = None) -> Role:
        """The base that the adapter is of, in the training's precision; `base` is where it lies now.

        Raises ConfigError where it is not where it was.
        """
        said = self.manifest["model"]
        config = json.loads((self.adapter / CONFIG).read_text(encoding="utf-8"))
        known = [said.get("given"), config.get("base_model_name_or_path"), said["name"]]
        named = [str(name) for name in known if name]
        found = base or next((name for name in named if _may_be_here(name)), None)
        if found is None:
            raise ConfigError(
                f"{self.folder} was trained on {said['name']} (weights {said['weights'][:12]}), which is not at "
                f"{named[0]} any more; name where it is with --model"
            )
        return Role(model=found, precision=said["precision"])

    def engines(self, base: str | None = None) -> Iterator[tuple[str, Engine]]:
        """The base and what was made of it, by name, on one copy of the weights. Raises ModelError."""
        from solon.engines.local.model import LocalModel
        from solon.engines.transformers import TransformersEngine
        from solon.training.adapters import adapter_hash, load_adapter
        from solon.training.base import refuse_other_base

        role = self.role(base)
        local = LocalModel.load(role.model, role.precision)
        refuse_other_base(self.adapter, None, local.source)
        yield "base", TransformersEngine(local)
        load_adapter(local, "policy", self.adapter)
        yield self.verb, TransformersEngine(local, "policy", adapter_hash(self.adapter))


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _may_be_here(name: str) -> bool:
    """Whether the name can be one of a model here: a path that is there, a package's file, a hub id."""
    return Path(name).expanduser().exists() or name.startswith("package:") or HUB_ID.match(name) is not None

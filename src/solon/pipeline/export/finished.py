"""A finished run, read for export: which of its models there are, what it was made of and what it showed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from solon.constitution import Constitution
from solon.errors import ConfigError
from solon.feedback.qualification import Card
from solon.pipeline.along import kept, known_steps, model_of
from solon.pipeline.context import ADAPTERS, REWARD_FOLDER, adapter_folder
from solon.pipeline.places import constitution_of, finishing, refuse_no_run
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import Recipe, load_recipe
from solon.runs import Run

What = Literal["policy", "sl_cai", "reward_model"]
WHATS: tuple[What, ...] = get_args(What)
STEPS: dict[What, str] = {"policy": "policy", "sl_cai": "sft", "reward_model": "reward_model"}
FOLDERS: dict[What, str] = {**ADAPTERS, "reward_model": REWARD_FOLDER}  # type: ignore[dict-item]


@dataclass(frozen=True)
class FinishedRun:
    """The run in `folder`; `manifest` is its account of itself, empty of one that was stopped before its end.

    `base` is where the weights of the policy's base lie now (None: where the recipe says).
    """

    folder: Path
    manifest: dict[str, Any]
    base: str | None = None

    @classmethod
    def load(cls, folder: Path, base: str | None = None) -> FinishedRun:
        """Raises ConfigError where there is no such folder, or no run in it."""
        refuse_no_run(folder)
        path = folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError:
            raise ConfigError(f"run: {path} is not JSON; make it again with {finishing(folder)}") from None
        return cls(folder, manifest, base)

    @cached_property
    def recipe(self) -> Recipe:
        recipe = load_recipe(str(self.folder / "recipe.yaml"))
        return recipe if self.base is None else recipe.with_policy(self.base)

    @cached_property
    def constitution(self) -> Constitution:
        """As the run used it."""
        return constitution_of(self.folder, self.recipe.constitution)

    @cached_property
    def card(self) -> Card | None:
        """The card of the judge as it labelled; None where none was measured."""
        cards = cards_in(self.folder)
        return cards[0] if cards else None

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What evaluation measured; empty where the run did not come to it."""
        path = self.folder / "evaluation/metrics.json"
        return dict(_json(path)) if path.is_file() else {}

    def facts(self, step: str) -> dict[str, Any]:
        """What a step said of itself; empty where the run did not come to it."""
        path = self.folder / "steps" / f"{step}.json"
        return dict(_json(path)["facts"]) if path.is_file() else {}

    def _others(self, kind: What) -> str:
        """The models that there are, for who asked for one that is not."""
        run = Run(self.folder, read_only=True)
        there = [name for name in WHATS if name != kind and run.finished(STEPS[name]) is not None]
        return f", or take what there is: --what {there[0]}" if there else ""

    def model(self, what: str) -> Path:
        """The folder of a model, or of policy@STEP. Raises ConfigError where it was not made, or changed since."""
        kind, step = checked(what), model_of(what)[1]
        if step is not None and step not in kept(self.folder):
            raise ConfigError(f"--what: '{what}' is no checkpoint of {self.folder}; {known_steps(self.folder)}")
        folder = FOLDERS[kind] if step is None else adapter_folder(what)
        if kind == "reward_model" and self.recipe.rl_cai.reward_model.per == "aim":
            raise ConfigError(
                f"run: {self.folder} has a reward model for each aim, in folders of {folder}; solon train takes "
                "one of them as --reward, and only the one of rl_cai.reward_model.per=all can be exported"
            )
        record = Run(self.folder, read_only=True).finished(STEPS[kind])
        if record is None:
            raise ConfigError(
                f"run: {self.folder} has no finished {folder}, or it was changed since it was made; "
                f"make it with {finishing(self.folder)}{self._others(kind)}"
            )
        return self.folder / folder


def checked(what: str) -> What:
    """Which of the models of a run `what` is; policy@STEP is the policy. Raises ConfigError for another name."""
    name, step = model_of(what)
    for known in WHATS:
        if name == known and (step is None or name == "policy"):
            return known
    raise ConfigError(f"--what: '{what}' is no model of a run; choose one of {', '.join(WHATS)}")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"run: cannot read {path}: {str(error).splitlines()[0]}") from None

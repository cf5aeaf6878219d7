"""The run folder, read: manifest, evaluation, step facts and the few rows that are shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from solon.constitution import Constitution, load_constitution
from solon.errors import ConfigError, DataError
from solon.evaluation import Rate
from solon.feedback.qualification import Card
from solon.feedback.qualification.card import seal
from solon.files import explain, read_text
from solon.pipeline.along import ANSWERS as ALONG_ANSWERS
from solon.pipeline.along import model_of
from solon.pipeline.qualifying import CARDS
from solon.pipeline.selection import SELECTED
from solon.yaml import read_yaml

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of. Parts that a run lacks are empty.

    `cards` are those of the judge: first as it labelled, then as it was asked in other ways to compare with.
    `selection` is what the recipe's rule (select) picked, None of a recipe without one.
    """

    folder: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    answers: dict[str, list[Row]]
    cards: list[Card]
    facts: dict[str, dict[str, Any]]
    recipe: dict[str, Any]
    recipe_text: str
    constitution: Constitution | None
    selection: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        """The model that the report calls the aligned one: what the recipe's rule picked, else RL-CAI."""
        picked = (self.selection or {}).get("model")
        return picked if picked in self.answers else "rl_cai"

    def setting(self, *path: str) -> Any:
        """A value of the recipe, or None."""
        value: Any = self.recipe
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def revisions(self, columns: list[str], prompt_ids: list[str] | None = None) -> list[Row]:
        """Columns of the revision steps, of all prompts or some."""
        return _rows(self.folder / "sl_cai/revisions.parquet", columns, prompt_ids)

    def preferences(self, columns: list[str]) -> list[Row]:
        """Columns of the labelled pairs."""
        return _rows(self.folder / "rl_cai/preferences.parquet", columns)

    def measure(self, kind: str, model: str, what: str) -> Rate | None:
        """One of the metrics file's rates: `what` is declined, declined_change or reward_change."""
        found = self.metrics.get(kind, {}).get(model, {}).get(what)
        return Rate(**found) if found else None


def read_material(folder: Path) -> Material:
    """Everything small of a finished run. Raises DataError when `folder` holds none."""
    manifest = _json(folder / "manifest.json")
    if not isinstance(manifest, dict):
        raise DataError(f"report: {folder} holds no finished run (no manifest.json); run the recipe first")
    recipe_file = folder / "recipe.yaml"
    has_recipe = recipe_file.is_file()
    recipe = read_yaml(recipe_file, "recipe") if has_recipe else {}
    steps = sorted((folder / "steps").glob("*.json"))
    made = Material(
        folder=folder,
        manifest=manifest,
        metrics=_json(folder / "evaluation/metrics.json") or {},
        answers=_json(folder / "evaluation/answers.json") or {},
        cards=_cards(folder / CARDS),
        facts={path.stem: (_json(path) or {}).get("facts") or {} for path in steps},
        recipe=recipe,
        recipe_text=read_text(recipe_file, "recipe") if has_recipe else "",
        constitution=_constitution(recipe),
        selection=_json(folder / SELECTED),
    )
    return _as_picked(made)


def _as_picked(m: Material) -> Material:
    """Where the rule picked a checkpoint along the policy's training, that one is the report's RL-CAI."""
    picked = str((m.selection or {}).get("model") or "")
    model, step = model_of(picked)
    if step is None:
        return m
    along = _json(m.folder / ALONG_ANSWERS) or {}
    metrics = {
        kind: {**models, **({model: models[picked]} if picked in models else {})} for kind, models in m.metrics.items()
    }
    chosen = {**(m.selection or {}), "model": model}
    repeated = m.facts.get("evaluate", {}).get("most_repeated") or {}
    own = {**repeated, model: repeated[picked]} if picked in repeated else repeated
    facts = {**m.facts, "evaluate": {**m.facts.get("evaluate", {}), "most_repeated": own}}
    answers = {**m.answers, model: along.get(picked, [])}
    return replace(m, answers=answers, metrics=metrics, selection=chosen, facts=facts)


def _json(path: Path) -> Any:
    """The value in a JSON file; None when there is no such file. Raises DataError when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"report: cannot read {path}: {error}") from None


def _cards(path: Path) -> list[Card]:
    """The judge's cards. Raises DataError when one is none, or was changed since it was sealed."""
    written = _json(path) or []
    try:
        cards = [Card.model_validate(card) for card in written]
    except (TypeError, ValidationError) as error:
        why = explain(error) if isinstance(error, ValidationError) else "not a list of cards"
        raise DataError(f"report: {path}: {why}; run the recipe again") from None
    for card, raw in zip(cards, written, strict=True):
        if card.digest and card.digest != seal(raw):
            raise DataError(f"report: {path}: a card was changed after it was sealed; run the recipe again")
    return cards


def _constitution(recipe: dict[str, Any]) -> Constitution | None:
    """The constitution, if it is still where the recipe says."""
    try:
        return load_constitution(recipe["constitution"])
    except (ConfigError, KeyError):
        return None


def _rows(path: Path, columns: list[str], prompt_ids: list[str] | None = None) -> list[Row]:
    """Only the columns and prompts that are needed: a run may hold a million rows."""
    if not path.is_file():
        return []
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(f"report: {path}: {str(error).splitlines()[0]}") from None
    if prompt_ids is not None:
        table = table.filter(pc.is_in(table["prompt_id"], pa.array(prompt_ids, pa.string())))
    rows: list[Row] = table.to_pylist()
    return rows

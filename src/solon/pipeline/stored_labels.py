"""The labeller of a finished run: what makes labels of the verdicts that it stored. It can ask nobody."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from solon.constitution import Constitution
from solon.errors import ConfigError
from solon.feedback import Labeller
from solon.feedback.calibration import Calibration
from solon.feedback.judges import PanelJudge
from solon.files import explain
from solon.pipeline.qualifying import cards_in
from solon.settings import FeedbackSettings
from solon.yaml import read_yaml


def unasked(constitution: Constitution, settings: FeedbackSettings, folder: Path) -> Labeller:
    """A labeller with these settings and the calibration that the run in `folder` fitted."""
    cards = cards_in(folder) if settings.calibration != "none" else []
    calibration = cards[0].fitted if cards else Calibration()
    return Labeller(PanelJudge(()), constitution, settings, calibration=calibration)


def labeller_in(folder: Path, constitution: Constitution) -> Labeller:
    """The labeller of the run in `folder`; with the default settings where it keeps no recipe. Raises ConfigError."""
    path = folder / "recipe.yaml"
    recipe = read_yaml(path, "recipe") if path.is_file() else {}
    rl_cai = recipe.get("rl_cai") if isinstance(recipe, dict) else None
    written = rl_cai.get("feedback", {}) if isinstance(rl_cai, dict) else {}
    try:
        settings = FeedbackSettings.model_validate(written)
    except ValidationError as error:
        raise ConfigError(f"{path}: rl_cai.feedback: {explain(error, FeedbackSettings.model_fields)}") from None
    return unasked(constitution, settings, folder)

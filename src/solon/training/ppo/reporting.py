"""Where each step's numbers go besides the report: trackio, wandb, tensorboard and whatever else accelerate knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from accelerate import Accelerator

from solon.settings import PpoSettings
from solon.training.arguments import check_reporting


class Reporter:
    """Sends numbers to the trackers of `settings.report_to`; to none, it does nothing.

    `folder` is for trackers that write files. Raises ConfigError for one that is unknown or not installed.
    """

    def __init__(self, settings: PpoSettings, folder: Path, *, cpu: bool) -> None:
        names = list(settings.report_to)
        check_reporting(names, "report_to")
        self._accelerator = Accelerator(cpu=cpu, log_with=names, project_dir=folder) if names else None
        if self._accelerator is not None:
            self._accelerator.init_trackers("solon", config=settings.model_dump(exclude={"report_to"}))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._accelerator is not None:
            self._accelerator.log(dict(numbers), step=step)

    def close(self) -> None:
        if self._accelerator is not None:
            self._accelerator.end_training()

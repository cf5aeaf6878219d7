"""One training on a file, whatever the verb: locked, resumed, published whole, the manifest last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solon.engines.local.source import ModelSource, resolve
from solon.errors import ConfigError, DataError, EngineError
from solon.files import write_json
from solon.pipeline.progress import Progress
from solon.pipeline.training.aside import QUARANTINE, Aside
from solon.pipeline.training.job import Job
from solon.pipeline.training.loaded import Loaded
from solon.pipeline.training.record import Inputs, finished, inputs_of, manifest_of, outputs_in, plain
from solon.pipeline.training.scoring import check_goal
from solon.pipeline.training.start import REFERENCE, load_start
from solon.pipeline.training.ways import WAYS
from solon.pipeline.training.work import Made, Work
from solon.runs import Run
from solon.settings import no_repair

if TYPE_CHECKING:
    from solon.training.checkpoints import Checkpoints

MODEL, HISTORY, MANIFEST = "model", "history.json", "manifest.json"
CHECKPOINTS = "checkpoints"


def train(job: Job, progress: Progress) -> tuple[dict[str, Any], bool]:
    """Do what the job asks for, or what is left of it; returns the manifest, and whether all was done before.

    Of several processes the first alone writes. Raises RunLocked where another command works in the folder,
    Interrupted after saving where a signal asked to stop, and every other SolonError in one line.
    """
    if job.verb == "reward" and job.settings.per != "all":
        raise ConfigError(
            f"--set per={job.settings.per}: one reward model is trained on the file; give a file of pairs of each aim, "
            "or set rl_cai.reward_model.per in a recipe"
        )
    if job.goal is not None:
        check_goal(job.goal)
        if why := no_repair(job.goal.guards, job.verb, job.settings):
            raise ConfigError(f"--guard: {why}")
    source, loaded = resolve(job.model, job.precision), WAYS[job.verb].read(job)
    inputs = inputs_of(job, source, loaded.format)
    from solon.training.checkpoints import Checkpoints
    from solon.training.processes import join, rank

    join()
    main = rank() == 0
    run = Run(job.out, read_only=not main)
    with run.locked() if main else nullcontext():
        checkpoints = Checkpoints(job.out / CHECKPOINTS, inputs.key)
        done = finished(job.out, MANIFEST, inputs, force=job.force)
        if done is None:
            training = Training(job, source, loaded, inputs, run, progress if main else Silent(), main)
            return training.run_to_end(checkpoints), False
        if main:
            checkpoints.clear()  # where a process was killed right before it did
        return done, True


class Silent(Progress):
    """What the processes beside the first say: it has said it."""

    def __init__(self) -> None:
        super().__init__(quiet=True)

    def warn(self, text: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is not done yet. `main` says that this process writes."""

    job: Job
    source: ModelSource
    loaded: Loaded[Any]
    inputs: Inputs
    run: Run
    progress: Progress
    main: bool

    def run_to_end(self, checkpoints: Checkpoints) -> dict[str, Any]:
        """Train and publish; returns the manifest. Raises DataError where the file has no usable row."""
        started = time.monotonic()
        aside = Aside(self.job.out if self.main else None, self.progress)
        aside.add(self.loaded.bad)
        if self.loaded.said:
            self.progress.warn(f"{self.job.file}: {self.loaded.said}")
        if not self.loaded.items:
            first = self.loaded.bad[0] if self.loaded.bad else None
            why = f"; line {first.line}: {first.reason}" if first else " (the file is empty)"
            raise DataError(f"{self.job.file} has no usable row{why}")
        made = self._made(checkpoints, aside)
        manifest = self._manifest(made, aside, started)
        if self.main:
            self._publish(made, manifest)
            checkpoints.clear()
        return manifest

    def _made(self, checkpoints: Checkpoints, aside: Aside) -> Made:
        from solon.training.guards.line import progress_line

        job, way = self.job, WAYS[self.job.verb]
        with self._enough_memory():
            local = load_start(job.model, job.precision, job.adapter, self.progress.warn)
        if local.chat.remark:
            self.progress.warn(local.chat.remark)
        with self._enough_memory(), self.progress.bar(f"{job.verb} steps", 1) as bar:
            work = Work(
                job=job,
                local=local,
                reference=REFERENCE if job.adapter else None,
                format=self.loaded.format,
                items=self.loaded.items,
                checkpoints=checkpoints,
                tick=lambda step, total, numbers: bar.to(step, total, progress_line(numbers)),
                set_aside=aside.add,
                tell=self.progress.warn,
            )
            return way.train(work)

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        from torch import OutOfMemoryError

        try:
            yield
        except OutOfMemoryError:
            raise EngineError(
                f"{self.job.verb}: out of GPU memory; --set a lower {WAYS[self.job.verb].lower}; nothing finished "
                "before is lost"
            ) from None

    def _manifest(self, made: Made, aside: Aside, started: float) -> dict[str, Any]:
        history = plain(made.history)
        return {
            **manifest_of(self.job, self.inputs, self.source, self.loaded.format),
            "rows": len(self.loaded.items) + len(self.loaded.bad) - len(aside.rows),
            "set_aside": len(aside.rows),
            **self.loaded.facts,
            "metrics": {"steps": history[-1]["step"], "first": history[0], "last": history[-1]},
            **made.facts,
            "seconds": round(time.monotonic() - started, 2),
        }

    def _publish(self, made: Made, manifest: dict[str, Any]) -> None:
        """Model, then history, then the manifest, which vouches for both and is gone while they are replaced."""
        folder = self.job.out
        (folder / MANIFEST).unlink(missing_ok=True)
        with self.run.building(MODEL) as building:
            made.save(building)
        write_json(folder / HISTORY, plain(made.history))
        manifest["outputs"] = outputs_in(folder, (MODEL, HISTORY, QUARANTINE))
        write_json(folder / MANIFEST, manifest)

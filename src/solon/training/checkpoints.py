"""Checkpoints that survive: written aside, synced, sealed by a manifest of hashes, renamed; resumed from the newest
that verifies.

    root/step-00000012/   whatever the trainer wrote, and MANIFEST last: the key and every file's SHA-256
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from solon.errors import Interrupted, StorageError
from solon.files import sha256_file, sync_folder
from solon.training.processes import gathered, world
from solon.training.state import load_optimizer, load_state, optimizer_state, save_state

__all__ = ["Checkpoints", "load_optimizer", "load_state", "optimizer_state", "save_state"]

MANIFEST = "solon_checkpoint.json"
MINUTES = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)

_LOG = logging.getLogger("solon.training")


class Checkpoints:
    """The checkpoints of one training, in `root`; `key` names what it depends on: others' are not resumed from.

    `minutes` is the least time between two; 0 saves every step. `keep` of them are kept, the newest. `root` belongs to
    one training at a time; of several processes, the main one alone calls `saving`.
    """

    def __init__(self, root: Path, key: str, minutes: float = MINUTES, keep: int = 2) -> None:
        self.root, self.key, self.minutes, self.keep = root, key, minutes, keep
        self._last = time.monotonic()
        self.stopping = False  # set by a signal: save, then leave

    def within(self, name: str) -> Checkpoints:
        """Those of a part of this training, in a folder of their own."""
        return Checkpoints(self.root / name, self.key, self.minutes, self.keep)

    @property
    def due(self) -> bool:
        """Whether the step that just ended should be saved. Every process must ask; all hear the same.

        Were they to disagree, one would leave and the others wait for it for ever.
        """
        late = time.monotonic() - self._last >= 60 * self.minutes
        asked = gathered([(self.stopping, late)], world())
        self.stopping = any(stopping for stopping, _ in asked)
        return self.stopping or any(late for _, late in asked)

    # --- writing ---------------------------------------------------------------------------------

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """A temporary folder that becomes the checkpoint of `step` when the block ends well: whole or not at all.

        Raises StorageError when it cannot be written; the checkpoints before it stay as they are.
        """
        try:
            with self._building(step) as folder:
                yield folder
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StorageError(
                f"checkpoint of step {step}: cannot write {self.root}: {reason}; free space or fix permissions, "
                "then run the same command again to resume from the checkpoint before"
            ) from None
        self._drop_older(step)
        self._last = time.monotonic()

    @contextmanager
    def _building(self, step: int) -> Iterator[Path]:
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        temporary = Path(tempfile.mkdtemp(prefix=".step-", suffix=".tmp", dir=self.root))
        try:
            yield temporary
            self._seal(temporary, step)
            self._publish(temporary, self._folder(step))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _folder(self, step: int) -> Path:
        return self.root / f"step-{step:08d}"

    def _seal(self, folder: Path, step: int) -> None:
        """Sync every file, then the manifest that vouches for them, then the folders that name them."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for file in files:
            _sync(file)
        hashes = {file.relative_to(folder).as_posix(): sha256_file(file) for file in files}
        manifest = folder / MANIFEST
        manifest.write_text(json.dumps({"key": self.key, "step": step, "files": hashes}, indent=1))
        _sync(manifest)
        for inner in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
            sync_folder(inner)

    def _publish(self, temporary: Path, final: Path) -> None:
        if final.exists():  # the same step saved again, or one that did not verify
            shutil.rmtree(final)
        temporary.rename(final)
        sync_folder(self.root)

    def _drop_older(self, step: int) -> None:
        """Keep the newest up to `step`; one beyond it was skipped when resuming, so it is foreign or broken."""
        steps = sorted((found for found in self._steps() if found <= step and self._is_ours(found)), reverse=True)
        for found in set(self._steps()) - set(steps[: self.keep]):
            shutil.rmtree(self._folder(found), ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what a killed process left half-written."""
        for leftover in self.root.glob(".step-*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)

    def clear(self) -> None:
        """Remove them all: the training has ended, and what it made is published."""
        shutil.rmtree(self.root, ignore_errors=True)

    # --- reading ---------------------------------------------------------------------------------

    def newest(self) -> tuple[int, Path] | None:
        """Step and folder of the newest checkpoint that has our key and whose every file verifies.

        What is skipped is said in one line each.
        """
        for step in sorted(self._steps(), reverse=True):
            fault = self._fault(step)
            if fault is None:
                return step, self._folder(step)
            _LOG.warning("checkpoint %s is not used: %s", self._folder(step), fault)
        return None

    def _steps(self) -> list[int]:
        names = [path.name.removeprefix("step-") for path in self.root.glob("step-*")]
        return [int(name) for name in names if name.isdecimal()]

    def _manifest(self, step: int) -> dict[str, Any]:
        """The manifest; empty when there is none that can be read."""
        try:
            manifest = json.loads((self._folder(step) / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return {}
        return manifest if isinstance(manifest, dict) else {}

    def _is_ours(self, step: int) -> bool:
        return self._manifest(step).get("key") == self.key

    def _fault(self, step: int) -> str | None:
        """Why this checkpoint cannot be resumed from, or None."""
        manifest = self._manifest(step)
        files = manifest.get("files")
        if not isinstance(files, dict) or manifest.get("step") != step:
            return f"its manifest {MANIFEST} is missing or damaged"
        if manifest.get("key") != self.key:
            return "it was made with other settings, data or weights"
        for name, expected in files.items():
            path = self._folder(step) / name
            if not path.is_file():
                return f"{name} is missing"
            if sha256_file(path) != expected:
                return f"{name} is not what was written (cut off or changed)"
        return None

    # --- signals ---------------------------------------------------------------------------------

    @contextmanager
    def watching_signals(self) -> Iterator[None]:
        """Inside the block SIGTERM and SIGINT set `stopping`; a second one acts as it did outside, at once.

        Does nothing outside the main thread, where Python allows no handlers.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def stop(*_: object) -> None:
            self.stopping = True
            restore()

        for number in SIGNALS:
            signal.signal(number, stop)
        try:
            yield
        finally:
            restore()

    def leave_if_asked(self, step: int) -> None:
        """Call once `step` is saved. Raises Interrupted when a signal asked to stop."""
        if self.stopping:
            raise Interrupted(step)


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())

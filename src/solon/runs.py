"""The run folder: who holds it, what is finished in it, and the manifest that is written last."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.errors import ConfigError, RunLocked, StorageError
from solon.files import sha256_file, share, sync_folder, write_json
from solon.types import digest


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finished step left: its key, what went into it, the hashes of its files, facts for the report.

    `inputs` holds a hash by name of each part of the key, so that a plan can say which of them changed.
    """

    key: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    facts: dict[str, Any]


class Run:
    """One run folder. Raises StorageError when it cannot be written, unless it is only to be read."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        if read_only:
            return
        try:
            (folder / "steps").mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe.{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise StorageError(f"run folder {folder}: {error.strerror}; choose another with --out") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, without what a killed process left half-written. Raises RunLocked as `held` does."""
        with held(self.folder):
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a killed process left half-written."""
        for leftover in [*self.folder.rglob(".*.tmp"), *self.folder.rglob(".*.building")]:
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    @property
    def begun(self) -> bool:
        """Whether a step was finished here."""
        return any((self.folder / "steps").glob("*.json"))

    def take_over(self, other: Path) -> None:
        """Begin with what the run in `other` finished: its files are linked, not copied, and stay as they are there.

        Files are replaced whole, never written in place, so what is made here does not reach `other`. Raises
        ConfigError where `other` is no run.
        """
        if not (other / "steps").is_dir():
            raise ConfigError(f"--from: {other} holds no run (no steps folder); name one that solon run made")
        for record in sorted((other / "steps").glob("*.json")):
            for name in _outputs(record):
                _link(other / name, self.folder / name)
            _link(record, self.folder / "steps" / record.name)  # after what it vouches for

    def adopt(self, step: str, key: str, other: Path) -> Finished | None:
        """Take a finished step with this key over from the run in `other`: its files are linked, then its record.

        None where `other` has no such step, or its files are not what the record vouches for.
        """
        record = other / "steps" / f"{step}.json"
        if _key(record) != key or (found := Run(other, read_only=True).finished(step)) is None:
            return None
        for name in found.outputs:
            _link(other / name, self.folder / name)
        _link(record, self.folder / "steps" / record.name)
        return found

    def finished(self, step: str) -> Finished | None:
        """The record of a finished step, if it is whole and its files are all there and unchanged."""
        record = read_record(self.folder / "steps" / f"{step}.json")
        if record is None:
            return None
        for name, expected in record.outputs.items():
            path = self.folder / name
            if not path.is_file() or sha256_file(path) != expected:
                return None
        return record

    def finish(
        self, step: str, key: str, inputs: dict[str, str], outputs: list[Path], facts: dict[str, Any]
    ) -> Finished:
        """Record a step as finished: after its files, never before."""
        hashes: dict[str, str] = {}
        for output in outputs:
            for file in sorted(output.rglob("*")) if output.is_dir() else [output]:
                if file.is_file():
                    hashes[str(file.relative_to(self.folder))] = sha256_file(file)
        record = Finished(key, inputs, hashes, facts)
        said = json.loads(json.dumps(asdict(record)))
        # What the report says of a step stands in its record: one that was changed is no record of it any more.
        write_json(self.folder / "steps" / f"{step}.json", {**said, "hash": digest(said)})
        return record

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        """A temporary folder that becomes `name` when the block ends well: whole or not at all."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".building", dir=target.parent))
        try:
            yield temporary
            share(temporary)
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as handle:
                        os.fsync(handle.fileno())
            sync_folder(temporary)
            temporary.chmod(0o755)
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise StorageError(
                f"cannot write {target}: {error.strerror or error}; free space or fix permissions"
            ) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def read_record(record: Path) -> Finished | None:
    """A step's record as it was written; older ones carry no hash, and need the right shape. None of any other."""
    try:
        said = json.loads(record.read_text())
        hashed = said.pop("hash", None)
        found = Finished(**said)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    shapes = isinstance(found.key, str) and all(
        isinstance(part, dict) for part in (found.inputs, found.outputs, found.facts)
    )
    return found if shapes and hashed in (None, digest(said)) else None


def _outputs(record: Path) -> list[str]:
    """The files that a step's record names; none where it is damaged, for the step is made again then."""
    try:
        return [str(name) for name in json.loads(record.read_text())["outputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _key(record: Path) -> str:
    """The key of a step's record; "" where there is none, or it is damaged."""
    try:
        return str(json.loads(record.read_text())["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _link(source: Path, target: Path) -> None:
    """Let `target` be the file `source`; one that is missing stays missing, and its step is made again.

    What is there is replaced at once. Raises StorageError.
    """
    if not source.is_file():
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        try:
            os.link(source, beside)
        except OSError:  # another file system
            shutil.copy2(source, beside)
        beside.replace(target)
        beside.unlink(missing_ok=True)  # where both were one file, renaming did nothing
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}; free space or fix permissions") from None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder. Raises RunLocked, naming the holder, when another process does.

    The kernel drops the lock when the holder dies, however it dies.
    """
    path = folder / "lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text().strip() or "another process"
            raise RunLocked(f"run folder {folder} is in use by {holder}; wait or use --out") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)

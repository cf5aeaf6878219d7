"""Checkpoints: whole or not at all, resumed from the newest that verifies, and the resumed run is the unbroken one."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from solon.errors import ConfigError, EngineError, Interrupted, StorageError
from solon.training.checkpoints import (
    MANIFEST,
    Checkpoints,
    load_optimizer,
    load_state,
    optimizer_state,
    save_state,
)
from solon.training.state import NUMBERS, TENSORS
from solon.training.trainer import fit


def write(checkpoints: Checkpoints, step: int, text: str = "weights") -> Path:
    with checkpoints.saving(step) as folder:
        (folder / "inner").mkdir()
        (folder / "weights").write_text(text)
        (folder / "inner" / "rest").write_text(str(step))
    return checkpoints.root / f"step-{step:08d}"


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_the_newest_is_found_and_older_ones_go(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", "key", keep=2)
    assert checkpoints.newest() is None
    for step in (9, 10, 11):
        write(checkpoints, step)
    assert names(checkpoints.root) == ["step-00000010", "step-00000011"]
    assert Checkpoints(tmp_path / "c", "key").newest() == (11, checkpoints.root / "step-00000011")
    checkpoints.clear()
    assert checkpoints.newest() is None


@pytest.mark.parametrize("file", ["weights", "inner/rest", MANIFEST])
@pytest.mark.parametrize("damage", ["cut off", "flipped", "gone"])
def test_a_damaged_newest_is_skipped_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str, damage: str
) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    before, newest = write(checkpoints, 1), write(checkpoints, 2)
    raw = (newest / file).read_bytes()
    if damage == "gone":
        (newest / file).unlink()
    else:
        flipped = bytes([raw[0] ^ 1]) + raw[1:]
        (newest / file).write_bytes(raw[: len(raw) // 2] if damage == "cut off" else flipped)
    assert checkpoints.newest() == (1, before)
    (record,) = caplog.records
    assert str(newest) in record.getMessage()
    assert file.rsplit("/")[-1] in record.getMessage()
    assert "\n" not in record.getMessage()


def test_every_byte_counts(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    folder = write(checkpoints, 1, "abcd")
    for position in range(4):
        raw = bytearray(b"abcd")
        raw[position] ^= 0x80
        (folder / "weights").write_bytes(raw)
        assert checkpoints.newest() is None
    (folder / "weights").write_bytes(b"abcd")
    assert checkpoints.newest() == (1, folder)


def test_checkpoints_of_other_settings_are_not_resumed_from(tmp_path: Path) -> None:
    write(Checkpoints(tmp_path, "theirs", keep=1), 7)
    ours = Checkpoints(tmp_path, "ours", keep=1)
    assert ours.newest() is None
    folder = write(ours, 3)
    assert ours.newest() == (3, folder)  # a newer one of others does not crowd it out
    assert names(tmp_path) == ["step-00000003"]


def test_a_killed_process_leaves_the_one_before(tmp_path: Path) -> None:
    folder = write(Checkpoints(tmp_path, "key"), 1)
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, signal, sys; from pathlib import Path; from solon.training.checkpoints import Checkpoints\n"
            "with Checkpoints(Path(sys.argv[1]), 'key').saving(2) as folder:\n"
            "    (folder / 'weights').write_text('half')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n",
            str(tmp_path),
        ],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2  # its temporary folder is still there
    checkpoints = Checkpoints(tmp_path, "key")
    assert checkpoints.newest() == (1, folder)
    write(checkpoints, 3)
    assert names(tmp_path) == ["step-00000001", "step-00000003"]


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key", keep=1)
    folder = write(checkpoints, 1)
    failure = pytest.raises(StorageError, match="checkpoint of step 2: cannot write")
    with small_files(100), failure as caught, checkpoints.saving(2) as aside:
        save_state(aside, {"weights": torch.zeros(1000)}, {})
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["step-00000001"]
    assert checkpoints.newest() == (1, folder)


def test_a_full_disk_at_the_sync_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    write(checkpoints, 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device; free space"):
        write(checkpoints, 2)
    assert names(tmp_path) == ["step-00000001"]


def test_a_root_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Not a directory"):
        write(Checkpoints(tmp_path / "file" / "c", "key"), 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_and_a_second_one_does_not(tmp_path: Path, number: signal.Signals) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    seen: list[int] = []
    before = signal.signal(number, lambda *_: seen.append(1))
    try:
        with checkpoints.watching_signals():
            checkpoints.leave_if_asked(4)
            assert not checkpoints.due
            signal.raise_signal(number)
            assert checkpoints.stopping
            assert checkpoints.due
            assert not seen
            signal.raise_signal(number)
            assert seen
        with pytest.raises(
            Interrupted, match="stopped at step 5, which is saved; run the same command again"
        ) as caught:
            checkpoints.leave_if_asked(5)
        assert caught.value.exit_code == 130
        signal.raise_signal(number)
        assert len(seen) == 2
    finally:
        signal.signal(number, before)


def test_signals_are_left_alone_outside_the_main_thread(tmp_path: Path) -> None:
    handlers: list[Any] = []

    def work() -> None:
        with Checkpoints(tmp_path, "key").watching_signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_the_state_is_read_back_as_written(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"a": shared, "b": shared.t(), "c": torch.tensor(3, dtype=torch.int64)}
    save_state(tmp_path, tensors, {"history": [{"loss": 0.1}], "none": None})
    read, numbers = load_state(tmp_path)
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert numbers == {"history": [{"loss": 0.1}], "none": None}


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_an_optimizer_goes_on_from_tensors_and_json(tmp_path: Path, kind: Any) -> None:
    def steps(layer: nn.Linear, optimizer: torch.optim.Optimizer, numbers: range) -> None:
        for n in numbers:
            optimizer.zero_grad()
            layer(torch.full((1, 3), float(n))).sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    unbroken, broken = nn.Linear(3, 2), nn.Linear(3, 2)
    broken.load_state_dict(unbroken.state_dict())
    one, two = (kind(layer.parameters(), lr=0.1, weight_decay=0.1) for layer in (unbroken, broken))
    steps(unbroken, one, range(6))
    steps(broken, two, range(3))
    save_state(tmp_path, *optimizer_state(two))
    again = kind(broken.parameters(), lr=7.0)
    load_optimizer(again, *load_state(tmp_path))
    steps(broken, again, range(3, 6))
    assert torch.equal(unbroken.weight, broken.weight)


# --- fit ------------------------------------------------------------------------------------------------------------


class Noisy(nn.Module):
    """A layer that learns, one that does not, and noise from all three generators."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.learning = nn.Linear(4, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        noise = random.random() + float(np.random.rand()) + random.gauss(0, 1) + float(np.random.normal())
        y: Tensor = self.learning(self.drop(self.frozen(x))) + noise
        return y


class NoisyTrainer(Trainer):  # type: ignore[misc]
    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any) -> Any:
        loss = (model(inputs["x"]) ** 2).mean()
        return (loss, None) if return_outputs else loss


ROWS = [{"x": [float(n), 1.0, -float(n), 2.0], "length": n % 5} for n in range(22)]


def noisy(folder: Path, rate: float = 1e-2, **arguments: Any) -> NoisyTrainer:
    torch.manual_seed(3)
    config = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=3,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        learning_rate=rate,
        lr_scheduler_type="cosine",
        warmup_steps=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        **{"train_sampling_strategy": "group_by_length", **arguments},
    )
    return NoisyTrainer(model=Noisy(), args=config, train_dataset=Dataset.from_list(ROWS))


def silent(*_: object) -> None:
    return None


def stopper(checkpoints: Checkpoints, at: int) -> Any:
    def tick(step: int, *_: object) -> None:
        if step == at:
            checkpoints.stopping = True

    return tick


class Counter:
    """Something beside the trainer that a checkpoint keeps."""

    def __init__(self) -> None:
        self.count = 0

    def tick(self, *_: object) -> None:
        self.count += 1

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: Any) -> None:
        self.count = state["count"]


def test_a_resumed_run_is_the_unbroken_one_wherever_it_stopped(tmp_path: Path) -> None:
    # 22 rows, batches of 2, 2 a step: 6 steps in each of 3 epochs, the last of one batch only.
    whole = noisy(tmp_path / "a")
    history = fit(whole, silent)
    assert len(history) == 18
    for strategy in ("group_by_length", "random"):
        if strategy == "random":
            whole = noisy(tmp_path / "a", train_sampling_strategy=strategy)
            history = fit(whole, silent)
        for at in (1, 6, 8, 17, 18):
            root = tmp_path / strategy / str(at)
            checkpoints = Checkpoints(root, "key")
            with pytest.raises(Interrupted, match=f"stopped at step {at},"):
                fit(noisy(tmp_path / "b", train_sampling_strategy=strategy), stopper(checkpoints, at), checkpoints)
            resumed = noisy(tmp_path / "c", train_sampling_strategy=strategy)
            again = fit(resumed, silent, Checkpoints(root, "key"))
            assert again == history, (strategy, at)
            assert torch.equal(resumed.model.learning.weight, whole.model.learning.weight)


def test_a_run_stopped_twice_goes_on_with_what_is_beside_it(tmp_path: Path) -> None:
    whole, counter = noisy(tmp_path), Counter()
    fit(whole, counter.tick)
    for at in (4, 9):
        checkpoints, beside = Checkpoints(tmp_path / "c", "key", minutes=0), Counter()

        def tick(step: int, *_: object, c: Checkpoints = checkpoints, b: Counter = beside, at: int = at) -> None:
            b.tick()
            c.stopping = step == at

        with pytest.raises(Interrupted):
            fit(noisy(tmp_path), tick, checkpoints, beside=beside)
    beside, last = Counter(), noisy(tmp_path)
    fit(last, beside.tick, Checkpoints(tmp_path / "c", "key"), beside=beside)
    assert beside.count == counter.count == 18
    assert torch.equal(last.model.learning.weight, whole.model.learning.weight)


@pytest.mark.parametrize("file", [TENSORS, NUMBERS, "trainer_state.json"])
def test_training_goes_on_from_the_one_before_a_truncated_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    whole = noisy(tmp_path)
    fit(whole, silent)
    checkpoints = Checkpoints(tmp_path / "c", "key", minutes=0)
    with pytest.raises(Interrupted):
        fit(noisy(tmp_path), stopper(checkpoints, 8), checkpoints)
    newest = tmp_path / "c" / "step-00000008" / file
    newest.write_bytes(newest.read_bytes()[:-7])
    steps: list[int] = []
    resumed = noisy(tmp_path)
    fit(resumed, lambda step, *_: steps.append(step), Checkpoints(tmp_path / "c", "key"))
    assert steps[0] == 8  # from step 7, whose checkpoint is whole
    assert file in caplog.text
    assert torch.equal(resumed.model.learning.weight, whole.model.learning.weight)


def test_sigterm_within_a_step_is_saved_and_resumable(tmp_path: Path) -> None:
    whole = noisy(tmp_path)
    fit(whole, silent)
    checkpoints = Checkpoints(tmp_path / "c", "key")

    class Struck(NoisyTrainer):
        def training_step(self, *arguments: Any) -> Tensor:
            if self.state.global_step == 6 and not checkpoints.stopping:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().training_step(*arguments)

    struck = noisy(tmp_path)
    struck.__class__ = Struck
    with pytest.raises(Interrupted, match="stopped at step 7"):
        fit(struck, silent, checkpoints)
    resumed = noisy(tmp_path)
    fit(resumed, silent, Checkpoints(tmp_path / "c", "key"))
    assert torch.equal(resumed.model.learning.weight, whole.model.learning.weight)


def test_only_what_learns_is_saved_and_nothing_that_runs(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", "key")
    with pytest.raises(Interrupted):
        fit(noisy(tmp_path), stopper(checkpoints, 2), checkpoints)
    found = checkpoints.newest()
    assert found is not None
    tensors, numbers = load_state(found[1])
    assert {name for name in tensors if name.startswith("weights/")} == {
        "weights/learning.weight",
        "weights/learning.bias",
    }
    assert names(found[1]) == [MANIFEST, NUMBERS, TENSORS, "trainer_state.json"]
    assert [h["step"] for h in numbers["history"]] == [1, 2]
    assert names(tmp_path) == ["c"]  # transformers wrote no checkpoint of its own


def test_numbers_logged_seldom_do_not_delay_a_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", "key")
    trainer = noisy(tmp_path)
    trainer.args.logging_steps = 5
    with pytest.raises(Interrupted, match="step 3,"):
        fit(trainer, stopper(checkpoints, 3), checkpoints)


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", "key")
    with pytest.raises(Interrupted):
        fit(noisy(tmp_path), stopper(checkpoints, 2), checkpoints)
    found = checkpoints.newest()
    assert found is not None
    tensors, numbers = load_state(found[1])
    with checkpoints.saving(2) as folder:
        save_state(folder, tensors, numbers | {"processes": 2})
    with pytest.raises(ConfigError, match="was made by 2 processes, but these are 1: launch as before, or remove"):
        fit(noisy(tmp_path), silent, Checkpoints(tmp_path / "c", "key"))


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Diverging(NoisyTrainer):
        def compute_loss(self, *arguments: Any, **named: Any) -> Any:
            loss = super().compute_loss(*arguments, **named)
            return loss * float("inf") if self.state.global_step == 3 else loss

    trainer = noisy(tmp_path)
    trainer.__class__ = Diverging
    checkpoints = Checkpoints(tmp_path / "c", "key", minutes=0)
    with pytest.raises(EngineError, match=r"loss is not finite at step 4; lower learning_rate \(now 0.01\)"):
        fit(trainer, silent, checkpoints)
    found = checkpoints.newest()
    assert found is not None
    assert found[0] == 3
    tensors, _ = load_state(found[1])
    assert all(bool(tensor.isfinite().all()) for name, tensor in tensors.items() if name.startswith("weights/"))


def test_a_full_gpu_says_what_to_lower(tmp_path: Path) -> None:
    class Full(NoisyTrainer):
        def compute_loss(self, *_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nAnd more.")

    trainer = noisy(tmp_path)
    trainer.__class__ = Full
    with pytest.raises(EngineError, match=r"out of GPU memory at step 1; lower batch_size \(now 2\)") as caught:
        fit(trainer, silent, Checkpoints(tmp_path / "c", "key"))
    assert "\n" not in str(caught.value)


def test_a_full_disk_ends_training_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path / "c", "key", minutes=0)

    def tick(step: int, *_: object) -> None:
        if step == 3:
            monkeypatch.setattr("solon.training.trainer.save_state", full)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageError, match=r"checkpoint of step 3: cannot write .*No space left"):
        fit(noisy(tmp_path), tick, checkpoints)
    assert names(tmp_path / "c") == ["step-00000001", "step-00000002"]


def test_the_manifest_vouches_for_every_file(tmp_path: Path) -> None:
    folder = write(Checkpoints(tmp_path, "key"), 1)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert set(manifest["files"]) == {"weights", "inner/rest"}

"""Two processes train what one does, for every trainer, under `accelerate launch` with the configuration that we ship.

Both see the same rows in the same step, so what differs is the order in which floats are added: a relative 1e-6 here.
The bounds are 1e-5. Plain gradient descent keeps such differences as small as they are; Adam, which PPO has, divides
by the gradient's size and makes more of them where a gradient is all but 0.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from trainers_child import CASES, train

from solon.training import processes
from solon.training.checkpoints import Checkpoints
from solon.training.task import History

CHILD = Path(__file__).with_name("trainers_child.py")
CONFIG = str(files("solon") / "launch" / "cpu-2.yaml")
STOPPED = {"sft_stopped": "sft_unbroken", "ppo_resumed": "ppo"}
PATIENCE = 300.0  # seconds


def launch(*arguments: object) -> subprocess.Popen[str]:
    """Two processes with these arguments, started as a user would."""
    accelerate = str(Path(sys.executable).with_name("accelerate"))
    # Any free port, for two of these may run at once.
    command = [accelerate, "launch", "--config_file", CONFIG, "--main_process_port", "0", str(CHILD)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHILD.parent.parent)}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def stopped(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where PPO in two processes was saved, whose launcher was told to stop at step 2."""
    out = tmp_path_factory.mktemp("two")
    launcher = launch(tiny_folder, out, "ppo_resumed@2")
    end = time.monotonic() + PATIENCE
    while not (out / "waiting").exists() and launcher.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    launcher.send_signal(signal.SIGTERM)
    _, said = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode != 0
    assert "Interrupted" in said, said[-3000:]
    return out


@pytest.fixture(scope="module")
def two(stopped: Path, tiny_folder: Path) -> Path:
    """What two processes made of every case, the stopped PPO resumed."""
    launcher = launch(tiny_folder, stopped, *CASES)
    _, said = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 0, said[-3000:]
    return stopped


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where one process, this one, writes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path_factory.mktemp("one")
    torch.set_num_threads(threads)


def weights(out: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(out / f"{name}.safetensors")


def history(out: Path, name: str) -> History:
    made: History = json.loads((out / f"{name}.json").read_text())
    return made


@pytest.mark.parametrize("name", sorted(CASES.keys() - STOPPED.keys()))
def test_two_processes_train_what_one_does(name: str, one: Path, two: Path, tiny_folder: Path) -> None:
    train(name, tiny_folder, one)
    expected = history(one, name)
    assert len(history(two, name)) == len(expected) > 1
    for row, found in zip(expected, history(two, name), strict=True):
        assert found == pytest.approx(row, rel=5e-5, abs=3e-5, nan_ok=True)
    found_weights = weights(two, name)
    moved = 0.0  # the adapter's second matrices start at 0
    for key, weight in weights(one, name).items():
        torch.testing.assert_close(found_weights[key], weight, rtol=0, atol=1e-5)
        moved = max(moved, float(weight.abs().max()) if "lora_B" in key else 0.0)
    assert moved > 1e-3, "too little was learnt to tell"


def test_a_signal_to_the_launcher_leaves_a_verified_checkpoint(stopped: Path) -> None:
    newest = Checkpoints(stopped / "ppo_resumed" / "checkpoints", "key").newest()
    assert newest is not None
    assert newest[0] == 2


@pytest.mark.parametrize("name", STOPPED)
def test_two_processes_resumed_end_where_unbroken_ones_do(name: str, two: Path) -> None:
    unbroken = weights(two, STOPPED[name])
    for key, weight in weights(two, name).items():
        assert torch.equal(weight, unbroken[key]), key
    assert history(two, name) == history(two, STOPPED[name])


@pytest.mark.parametrize(
    ("rows", "own"),
    [
        (8, [2, 2]),
        (9, [1, 0]),
        (10, [2, 0]),
        (11, [2, 1]),
    ],
)
def test_the_last_batches_hold_rows_that_are_fillers(
    rows: int, own: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "world", lambda: 2)
    for process, count in enumerate(own):
        monkeypatch.setattr(processes, "rank", lambda process=process: process)
        assert processes.own_rows(rows, 2) == count

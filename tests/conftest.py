"""What every test shares: a random tiny Llama with a byte-level tokenizer, built in process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from solon.constitution import Constitution, Principle

# Timings on a busy two-core machine say nothing about the code. The same inputs each time: what is found on one
# machine is found on all.
settings.register_profile("solon", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)  # new inputs each time: HYPOTHESIS_PROFILE=explore
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "solon"))


@pytest.fixture(scope="session")
def constitution() -> Constitution:
    """Two harmless principles and a helpful one."""
    return Constitution(
        name="test",
        version="1.0.0",
        principles=(
            Principle(id="no-harm", text="A good reply does no harm.", aim="harmless", weight=2.0),
            Principle(id="no-hate", text="A good reply respects everyone.", aim="harmless"),
            Principle(id="real-help", text="A good reply helps.", aim="helpful"),
        ),
    )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer Llama over bytes, as `from_pretrained` reads it."""
    from tiny import write_tiny_llama

    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture
def tiny(tiny_folder: Path):  # type: ignore[no-untyped-def]
    """The tiny Llama, loaded afresh."""
    from solon.engines.local.model import LocalModel

    return LocalModel.load(str(tiny_folder))


@pytest.fixture
def solon_cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: (exit code, stdout, stderr)."""
    import solon.cli

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["solon", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run

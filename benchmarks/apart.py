"""One side of a benchmark in a process of its own, so that nothing is shared and its peak memory can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def apart(script: str, side: str, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `script --only SIDE` prints last, as JSON, and its peak memory in MiB; the benchmark ends where it fails."""
    command = [sys.executable, script, "--only", side, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {side}")
    return {**json.loads(said.splitlines()[-1]), "memory": usage.ru_maxrss / 1024}

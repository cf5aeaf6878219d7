"""A run in a process of its own, which logs every live model call before it is answered.

usage: child.py LOG RECIPE RUN_FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from solon.engines.scripted import ScriptedEngine
from solon.memo import call_key


def log_calls(path: Path) -> None:
    """Make the scripted engine append the key of every call to `path`, on disk before it answers."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for verb in ("generate", "choose"):
        plain = getattr(ScriptedEngine, verb)

        async def logged(self: ScriptedEngine, request: Any, plain: Any = plain) -> Any:
            os.write(handle, (call_key(self.fingerprint, request) + "\n").encode())
            return await plain(self, request)

        setattr(ScriptedEngine, verb, logged)


if __name__ == "__main__":
    log, recipe, folder = sys.argv[1:]
    log_calls(Path(log))
    from solon.pipeline.progress import Progress
    from solon.pipeline.recipe import load_recipe
    from solon.pipeline.run import run_recipe

    run_recipe(load_recipe(recipe), Path(folder), Progress(quiet=True))

"""A front in a process of its own, which logs every live model call before it is answered.

usage: front_child.py LOG RECIPE FOLDER KEY=v1,v2 ...
"""

from __future__ import annotations

import sys
from pathlib import Path

from child import log_calls

if __name__ == "__main__":
    log, recipe, folder, *over = sys.argv[1:]
    log_calls(Path(log))
    from solon.pipeline.front import grid, run_front
    from solon.pipeline.progress import Progress

    run_front(grid(recipe, (), over), Path(folder), Progress(quiet=True))

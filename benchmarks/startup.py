"""How long the command line takes to say what it can do, and a second quickstart run to do nothing.

python benchmarks/startup.py            (after `make run`)
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(*command: str, times: int = 5) -> float:
    """Median wall-clock seconds of a command."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    solon = str(Path(sys.executable).with_name("solon"))
    bare, described = seconds(sys.executable, "-c", "pass"), seconds(solon, "--help")
    print(f"python -c pass  {bare:.2f} s")
    print(f"solon --help    {described:.2f} s  ({described / bare:.1f} x; wanted < 0.5 s)")
    if Path("runs/quickstart/manifest.json").exists():
        print(f"second run      {seconds(solon, 'run', 'quickstart', times=1):.2f} s  (wanted < 30 s)")


if __name__ == "__main__":
    main()

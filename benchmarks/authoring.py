"""How long lint, diff, stats and plan take on a large run, and how much memory.

Makes a run of N prompts with scripted engines (once; N = 100,000 takes about half an hour and 5 GB, mostly for
the stored calls), then times each command in a process of its own. Peak memory is the process's high-water mark.

    python benchmarks/authoring.py --prompts 100000 --folder /tmp/authoring
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from solon.constitution import library

SOLON = (sys.executable, "-m", "solon")
RECIPE = """\
name: authoring
seed: 3
constitution: balanced
prompts: {{red_team: {prompts}}}
roles:
  policy: {{engine: scripted}}
  responder: {{engine: scripted}}
sl_cai:
  revision: {{rounds: 4}}
"""
OLD, NEW = "as a capable adult", "as a grown-up"
ADDED = '\nprinciples:\n  - {id: plain-words, text: "A good reply uses plain words that its reader knows."}\n'


def prepare(folder: Path, count: int) -> tuple[Path, Path]:
    """The recipe and the finished run."""
    folder.mkdir(parents=True, exist_ok=True)
    prompts, recipe, run = folder / "prompts.jsonl", folder / "recipe.yaml", folder / "runs" / "authoring"
    with prompts.open("w") as file:
        for n in range(count):
            text = f"Request number {n}: tell me what you would say to somebody who asks for it, and why."
            file.write(json.dumps({"id": f"r{n}", "prompt": text, "split": "train"}) + "\n")
    recipe.write_text(RECIPE.format(prompts=prompts))
    subprocess.run([*SOLON, "run", recipe, "--out", run, "--until", "preferences", "--quiet"], check=True)
    balanced = library()["balanced"].read_text()
    (folder / "reworded.yaml").write_text(balanced.replace(OLD, NEW))
    (folder / "added.yaml").write_text(balanced.replace("\nprinciples:\n", ADDED))
    return recipe, run


def measure(*arguments: object) -> tuple[float, float]:
    """Seconds and MiB of one command."""
    started = time.perf_counter()
    process = subprocess.Popen([*SOLON, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: solon {' '.join(map(str, arguments))}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/authoring"))
    options = parser.parse_args()
    recipe, run = prepare(options.folder, options.prompts)
    reworded, added = options.folder / "reworded.yaml", options.folder / "added.yaml"
    plan = ("plan", recipe, "--out", run, "--until", "preferences")
    commands: dict[str, tuple[object, ...]] = {
        "lint": ("constitution", "lint", reworded),
        "diff, a principle reworded": ("constitution", "diff", run, reworded),
        "diff, a principle added": ("constitution", "diff", run, added),
        "stats": ("constitution", "stats", run),
        "plan, nothing changed": plan,
        "plan, a principle reworded": (*plan, f"constitution={reworded}"),
        "plan, a principle added": (*plan, f"constitution={added}"),
        "plan, another seed": (*plan, "seed=4"),
        "plan, nothing made yet": (*plan[:3], options.folder / "none", *plan[4:]),
    }
    print(f"{options.prompts:,} prompts, 4 revisions each")
    for name, command in commands.items():
        seconds, megabytes = measure(*command)
        print(f"  {name:<28} {seconds:6.1f} s  {megabytes:6.0f} MiB")


if __name__ == "__main__":
    main()

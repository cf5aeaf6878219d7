"""Record the quickstart's model calls again, with any engine as reviser and judge.

Runs the quickstart recipe with live models and writes the calls of drafter, reviser, responder and judge
to a recording. The policy's drafts and its SL-CAI answers are part of it: critiques and labels answer
those very texts. A stopped recording resumes, for it is a run like any other.

    python scripts/record_quickstart.py --engine transformers --model model.gguf --precision bfloat16
    python scripts/record_quickstart.py --engine openai --model qwen2.5:14b --base-url http://127.0.0.1:11434/v1
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from solon.engines.recorded import SHIPPED, recording_path, write_recording
from solon.errors import SolonError
from solon.memo import Memo
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.types import Fingerprint

RECORDED = ("drafter", "reviser", "responder", "judge")


def overrides(options: argparse.Namespace) -> tuple[str, ...]:
    """The quickstart with live roles: the policy drafts and responds, the given model revises and judges."""
    live = f"{{engine: {options.engine}, model: {options.model!r}, precision: {options.precision}"
    live += f", base_url: {options.base_url!r}}}" if options.base_url else "}"
    return (
        "roles.drafter=null",
        "roles.responder=null",
        f"roles.reviser={live}",
        f"roles.judge={live}",
        *options.override,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--engine", choices=("transformers", "openai"), required=True)
    arguments.add_argument("--model", required=True, help="hub id, folder or GGUF file; or the server's model name")
    arguments.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    arguments.add_argument("--base-url", help="for --engine openai")
    arguments.add_argument("--run", type=Path, default=Path("runs/record"), help="run folder, kept to resume")
    arguments.add_argument("--out", type=Path, default=recording_path(SHIPPED), help="the recording to write")
    arguments.add_argument("override", nargs="*", help="changes to the recipe, such as rl_cai.ask=choice")
    options = arguments.parse_args()
    manifest = run_recipe(load_recipe("quickstart", overrides(options)), options.run, Progress())
    engines = {role: Fingerprint(**manifest["engines"][role]) for role in RECORDED}
    memo = Memo(options.run / "memo.sqlite")
    count = write_recording(options.out, engines, (call for call in memo.calls() if call.role in RECORDED))
    memo.close()
    print(f"{count} calls recorded in {options.out}")
    for role, fingerprint in engines.items():
        print(f"  {role}: {asdict(fingerprint)}")


if __name__ == "__main__":
    try:
        main()
    except SolonError as error:
        sys.exit(f"record: {error}")

"""Record the quickstart's model calls again, with any engine as reviser and judge.

Runs the quickstart recipe with live models and writes the calls of drafter, reviser, responder and judge
to a recording. The policy's drafts and its SL-CAI answers are part of it: critiques and labels answer
those very texts, so the recording names the policy and what its SL-CAI model was made of. Calls that the
recording to be written holds already are not made again, where the same models are asked, and a stopped
recording resumes, for it is a run like any other.

    python scripts/record_quickstart.py --engine transformers --model model.gguf --precision bfloat16
    python scripts/record_quickstart.py --engine openai --model qwen2.5:14b --base-url http://127.0.0.1:11434/v1
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from solon.engines.recorded import SHIPPED, load_recording, recording_path, write_recording
from solon.errors import SolonError
from solon.files import numbered_lines
from solon.memo import Memo, unpack
from solon.pipeline.origin import recorded_policy
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import RoleName, load_recipe
from solon.pipeline.run import opened, run_recipe
from solon.types import ChooseRequest, GenerateRequest, Message, Request

ROLES: tuple[RoleName, ...] = ("drafter", "reviser", "responder", "judge")


def recorded_roles() -> tuple[RoleName, ...]:
    """The roles that the quickstart plays from its recording."""
    roles = load_recipe("quickstart").roles
    return tuple(name for name in ROLES if (role := getattr(roles, name)) is not None and role.engine == "recorded")


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


def seed(memo: Path, recording: Path) -> int:
    """Put the calls of a recording into a new memo; returns how many."""
    if memo.exists() or not recording.exists():
        return 0
    engines, shared, count = load_recording(recording).engines, [], 0
    memo.parent.mkdir(parents=True, exist_ok=True)
    with closing(Memo(memo)) as store:
        for _, line in numbered_lines(recording, "recording"):
            row = json.loads(line)
            if "engines" in row:
                shared = row["shared"]
                continue
            answer = unpack(json.dumps(row["answer"]))
            store.put(engines[row["role"]], request_of(row["request"], shared), answer, 0.0, row["role"], row["key"])
            count += 1
    return count


def request_of(row: dict[str, Any], shared: list[dict[str, str]]) -> Request:
    """A recorded request, messages that many calls share in their places."""
    turns = (shared[turn["shared"]] if "shared" in turn else turn for turn in row["messages"])
    messages = tuple(Message(turn["role"], turn["content"]) for turn in turns)
    if row["verb"] == "choose":
        return ChooseRequest(messages, tuple(row["choices"]))
    return GenerateRequest(messages, **{k: v for k, v in row.items() if k not in ("verb", "messages")})


def replayed(recording: Path, folder: Path, changes: list[str]) -> Path:
    """The memo of the quickstart run from `recording` alone: it has the calls that are asked, and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    recorded = (f"roles.{role}.recording={recording}" for role in recorded_roles())
    run_recipe(load_recipe("quickstart", (*recorded, *changes)), folder, Progress(), "preferences")
    return folder / "memo.sqlite"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--engine", choices=("transformers", "openai"), required=True)
    arguments.add_argument("--model", required=True, help="hub id, folder or GGUF file; or the server's model name")
    arguments.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    arguments.add_argument("--base-url", help="for --engine openai")
    arguments.add_argument("--run", type=Path, default=Path("runs/record"), help="run folder, kept to resume")
    arguments.add_argument("--out", type=Path, default=recording_path(SHIPPED), help="the recording to write")
    arguments.add_argument("override", nargs="*", help="changes to the recipe, such as rl_cai.feedback.ask=choice")
    options = arguments.parse_args()
    print(f"{seed(options.run / 'memo.sqlite', options.out)} calls taken over from {options.out}")
    run_recipe(load_recipe("quickstart", overrides(options)), options.run, Progress(), "preferences")
    with opened(options.run, Progress()) as context:
        policy = recorded_policy(context)
        engines = {role: context.engine(role).fingerprint for role in recorded_roles()}
    everything = options.run / "recording.jsonl"
    with closing(Memo(options.run / "memo.sqlite")) as memo:
        write_recording(everything, engines, (call for call in memo.calls() if call.role in engines), policy)
    with closing(Memo(replayed(everything, options.run / "replayed", options.override))) as memo:
        count = write_recording(options.out, engines, memo.calls(), policy)
    print(f"{count} calls recorded in {options.out}")
    for role, fingerprint in engines.items():
        print(f"  {role}: {asdict(fingerprint)}")


if __name__ == "__main__":
    try:
        main()
    except SolonError as error:
        sys.exit(f"record: {error}")

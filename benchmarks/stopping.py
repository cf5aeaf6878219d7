"""What `stop_after` spares: answers that end after so many sentences against whole ones, cut afterwards.

python benchmarks/stopping.py [--prompts 24] [--tokens 80] [--sentences 2] [--rounds 2] [--model NAME]

Greedy answers of the base to held-out prompts of the quickstart, in batches as the engine makes them, each way in turns
in one process; its cheaper round counts. The texts must be the same, but for rounding between batch shapes.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, replace

from engine import MODEL
from solon.data.prompts import load_prompts, split
from solon.engines.local.model import LocalModel
from solon.engines.transformers import TransformersEngine
from solon.flow import gather_window
from solon.sentences import stopped_after
from solon.types import Completion, GenerateRequest, user


@dataclass(frozen=True)
class Run:
    """One way, one round: seconds (CPU's: what a busy machine hides), token positions computed, answers as used."""

    seconds: float
    cpu: float
    computed: int
    answers: list[Completion]

    @property
    def written(self) -> int:
        return sum(answer.completion_tokens for answer in self.answers)


def asked(count: int, tokens: int) -> list[GenerateRequest]:
    """Held-out prompts, some of each kind."""
    kinds = ("red_team", "helpful", "lookalike")
    rows = [split(load_prompts(f"quickstart:{kind}", kind)[0], "heldout")[: -(-count // 3)] for kind in kinds]
    return [GenerateRequest((user(p.text),), tokens, 0.0) for kind in rows for p in kind][:count]


def measure(local: LocalModel, requests: list[GenerateRequest], sentences: int, *, early: bool) -> Run:
    """Answer all requests with an engine that has kept nothing."""
    engine = TransformersEngine(local)
    own = [replace(request, stop_after=sentences if early else None) for request in requests]
    started, cpu = time.perf_counter(), time.process_time()
    answers = asyncio.run(gather_window(own, engine.generate))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return Run(seconds, cpu, engine.work.computed, [stopped_after(answer, sentences) for answer in answers])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--prompts", type=int, default=24)
    arguments.add_argument("--tokens", type=int, default=80)
    arguments.add_argument("--sentences", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--model", default=MODEL)
    options = arguments.parse_args()
    local = LocalModel.load(options.model)
    requests = asked(options.prompts, options.tokens)
    measure(local, requests[:2], options.sentences, early=True)  # loads and warms up
    runs: dict[str, list[Run]] = {"cut afterwards": [], "stopped": []}
    for _ in range(options.rounds):
        for name, rounds in runs.items():
            rounds.append(measure(local, requests, options.sentences, early=name == "stopped"))
    best = {name: min(rounds, key=lambda run: run.cpu) for name, rounds in runs.items()}
    for name, run in best.items():
        print(
            f"{name:>15}: {run.seconds:.1f} s, {run.cpu:.1f} CPU s, {run.written} tokens written, "
            f"{run.computed} positions computed"
        )
    before, after = best.values()
    same = sum(one.text == two.text for one, two in zip(before.answers, after.answers, strict=True))
    faster, cheaper = before.seconds / after.seconds, before.cpu / after.cpu
    print(f"{faster:.2f} times as fast, {cheaper:.2f} by CPU; {same} of {len(requests)} texts the same")


if __name__ == "__main__":
    main()

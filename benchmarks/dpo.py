"""Tokens per second of DPO: `solon.training.dpo` against TRL's DPOTrainer with its defaults made fit for a CPU.

python benchmarks/dpo.py [--data runs/NAME/rl_cai/preferences.parquet] [--pairs 32] [--rounds 2] [--model NAME]

Pairs of a run, or else of the quickstart's lengths (a prompt, its draft and another's), with hard labels, for TRL has
no soft ones; the quickstart's adapter; the same token ids in the same order. TRL: no bfloat16 and no gradient
checkpointing, which cost time on a CPU, and the reference computed up front, as ours is. Each runs in a process of its
own, in turns, and the better of its rounds counts. Tokens are those of prompt and answer, both answers, padding apart:
a prompt that is read once counts twice. CPU seconds say what a busy machine hides.

What each part gave, in tokens per second of CPU on one core, 24 pairs of a quickstart run whose prompts are half of the
tokens: TRL 86; logits of the answers' tokens only, rows still padded, the prompt in both, 129; nothing padded and the
prompt read once, 221.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from apart import apart
from engine import MODEL, drafts_by_prompt
from solon.settings import DpoSettings, LoraSettings

SETTINGS = DpoSettings(
    learning_rate=2e-4,
    batch_size=8,
    lora=LoraSettings(rank=16, alpha=32, layers=12),
    trainer_args={"train_sampling_strategy": "sequential"},
)
KINDS = ("trl", "solon", "apart")  # apart: ours with padded rows, the prompt in both


def preferences(path: str | None, count: int) -> list[dict[str, Any]]:
    """Rows of a run's file, or drafts of the recording in pairs."""
    if path:
        import pandas as pd

        rows = pd.read_parquet(path).head(count).to_dict("records")
        return [{**row, "prob_chosen": 1.0} for row in rows]
    drafts = sorted(drafts_by_prompt().items())
    return [
        {
            "prompt": [{"role": "user", "content": prompt}],
            "chosen": [{"role": "assistant", "content": drafts[n + 1][1]}],
            "rejected": [{"role": "assistant", "content": draft}],
            "prob_chosen": 1.0,
        }
        for n, (prompt, draft) in enumerate(drafts[:count])
    ]


def solon_trainer(local: Any, pairs: list[Any], shared: bool, scratch: Path) -> Any:
    """Ours, its policy a copy of the reference."""
    from solon.training.adapters import copy_adapter
    from solon.training.checkpoints import Checkpoints
    from solon.training.dpo.run import build_trainer
    from solon.training.task import Task

    copy_adapter(local, "sl_cai", "policy")
    task = Task(local, [], [], None, None, Checkpoints(scratch, ""), 0, lambda *_: None)  # type: ignore[arg-type]
    return build_trainer(task, SETTINGS, pairs, shared, scratch)


def trl_trainer(local: Any, pairs: list[Any], scratch: Path) -> Any:
    """TRL's, on our token ids."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from solon.training.adapters import copy_adapter, trainable
    from solon.training.trainer import trainer_arguments

    class TokenRowsTrainer(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    copy_adapter(local, "sl_cai", "default")
    ours = trainer_arguments(SETTINGS, local, scratch, 0)
    config = DPOConfig(
        **ours, beta=SETTINGS.beta, precompute_ref_log_probs=True, bf16=False, gradient_checkpointing=False
    )
    rows = [{"prompt_ids": p.prompt, "chosen_ids": p.chosen, "rejected_ids": p.rejected} for p in pairs]
    trainer = TokenRowsTrainer(
        local.model, args=config, train_dataset=Dataset.from_list(rows), processing_class=local.tokenizer
    )
    trainable(local, "default")
    return trainer


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train once in this process: losses, seconds and tokens of the steps after the first, which warms up."""
    from solon.engines.local.model import LocalModel
    from solon.training.adapters import add_adapter
    from solon.training.dpo.pairs import encode_pairs
    from solon.training.dpo.reading import by_pair
    from solon.training.trainer import fit

    local = LocalModel.load(options.model)
    pairs = encode_pairs(local, preferences(options.data, options.pairs), SETTINGS.max_length, "dpo")
    add_adapter(local, "sl_cai", SETTINGS.lora, 0)
    times: list[tuple[float, float]] = []

    def now(*_: Any) -> None:
        times.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as scratch, by_pair(local, kind == "solon"):
        now()
        if kind == "trl":
            trainer = trl_trainer(local, pairs, Path(scratch))
        else:
            trainer = solon_trainer(local, pairs, kind == "solon", Path(scratch))
        now()
        history = fit(trainer, now)
    learnt = pairs[SETTINGS.batch_size :]
    tokens = sum(2 * len(p.prompt) + len(p.chosen) + len(p.rejected) for p in learnt)
    (start, _), (ready, _), (first, first_cpu), *_, (last, last_cpu) = times
    return {
        "losses": [h["loss"] for h in history],
        "before": ready - start,
        "seconds": last - first,
        "cpu": last_cpu - first_cpu,
        "tokens": tokens,
        "prompts": sum(2 * len(p.prompt) for p in learnt) / tokens,
    }


def run(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a process of its own, and its peak memory in MiB."""
    given = ["--pairs", str(options.pairs), "--model", options.model]
    given += ["--data", options.data] if options.data else []
    return apart(__file__, kind, given, {**os.environ, "TQDM_DISABLE": "1"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a run's rl_cai/preferences.parquet")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--only", choices=KINDS, help="one of them, in this process; prints JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options)))
        return
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    best: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for kind in KINDS:
            once = run(kind, options)
            rate, of_cpu = once["tokens"] / once["seconds"], once["tokens"] / once["cpu"]
            print(
                f"{kind:5} {rate:7.1f} tokens/s, {of_cpu:6.1f} per second of CPU; {once['before']:.1f} s before the "
                f"first step, peak {once['memory']:,.0f} MiB",
                flush=True,
            )
            if kind not in best or rate > best[kind]["rate"]:
                best[kind] = {**once, "rate": rate, "of_cpu": of_cpu}
    ours, theirs, apart = best["solon"], best["trl"], best["apart"]
    print(f"prompts are {ours['prompts']:.0%} of {ours['tokens']} tokens")
    print(f"tokens/s, solon / trl      {ours['rate'] / theirs['rate']:.2f}  (wanted >= 1.3)")
    print(f"tokens/s of CPU time       {ours['of_cpu'] / theirs['of_cpu']:.2f}")
    print(
        f"prompt read once / twice   {ours['rate'] / apart['rate']:.2f}, {ours['of_cpu'] / apart['of_cpu']:.2f} of CPU"
    )
    print(f"peak memory, solon / trl   {ours['memory'] / theirs['memory']:.2f}")
    worst = max(abs(a - b) for a, b in zip(ours["losses"], theirs["losses"], strict=True))
    print(f"losses, first and last     {ours['losses'][0]:.5f} {ours['losses'][-1]:.5f}")
    print(f"largest difference of one  {worst:.1e}  (wanted <= 1e-3: Adam's first steps amplify rounding)")


if __name__ == "__main__":
    main()

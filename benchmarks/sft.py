"""Tokens per second of SFT: `solon.training.sft` against TRL's SFTTrainer with its defaults made fit for a CPU.

python benchmarks/sft.py [--rows 64] [--rounds 2] [--model NAME]

Rows of the quickstart's lengths (a prompt and a draft; one in twelve a draft to criticise), the quickstart's adapter,
the same rows in the same order. TRL: no bfloat16 and no gradient checkpointing, which cost time on a CPU. Each runs in
a process of its own, in turns, and the better of its rounds counts; tokens are those of the rows, padding apart.
CPU seconds say what a busy machine hides.

What each part gave, in CPU seconds of two batches of 8 on one core: padded, with logits of learnt tokens only, 16.9;
nothing padded, one masked attention over the whole sequence, 12.8; attention row by row, 10.2. What gave nothing:
gathering the targets' logits by hand instead of `cross_entropy`, 10.1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from apart import apart
from engine import MODEL, drafts_by_prompt
from solon.constitution import load_constitution
from solon.data.sft import row
from solon.prompts.chain import ask_critique
from solon.settings import LoraSettings, SftSettings
from solon.types import user

SETTINGS = SftSettings(learning_rate=1e-3, batch_size=8, lora=LoraSettings(rank=16, alpha=32, layers=12))


def mixed_rows(count: int) -> list[dict[str, Any]]:
    """The quickstart's kinds of rows: prompt and answer, and now and then a draft and what is wrong with it."""
    principle = load_constitution("balanced").principles[0]
    drafts = sorted(drafts_by_prompt().items())[:count]
    rows = []
    for n, (prompt, draft) in enumerate(drafts):
        ask = ask_critique(principle, (user(prompt),), draft) if n % 12 == 0 else user(prompt)
        rows.append(row((ask,), draft, "benchmark", str(n)))
    return rows


def measure(kind: str, model: str, count: int) -> dict[str, Any]:
    """Train once in this process: losses, seconds and tokens of the steps after the first, which warms up."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from solon.engines.local.model import LocalModel
    from solon.training.adapters import add_adapter, trainable
    from solon.training.sft import CompletionTrainer, build_config, dataset, encode_rows
    from solon.training.trainer import fit

    local = LocalModel.load(model)
    encoded = encode_rows(local, mixed_rows(count), SETTINGS.max_length)
    add_adapter(local, "sl_cai", SETTINGS.lora, 0)
    trainable(local, "sl_cai")
    times = [(0.0, 0.0)]
    with tempfile.TemporaryDirectory() as scratch:
        config = build_config(local, SETTINGS, Path(scratch), 0)
        if kind == "solon":
            trainer = CompletionTrainer(
                model=local.model,
                args=config,
                train_dataset=dataset(encoded, SETTINGS),
                processing_class=local.tokenizer,
            )
        else:
            plain = SFTConfig(
                output_dir=scratch,
                seed=0,
                num_train_epochs=SETTINGS.epochs,
                learning_rate=SETTINGS.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=0.05,
                per_device_train_batch_size=SETTINGS.batch_size,
                completion_only_loss=True,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
            )
            trainer = SFTTrainer(
                model=local.model,
                args=plain,
                train_dataset=Dataset.from_list(encoded),
                processing_class=local.tokenizer,
            )
        history = fit(trainer, lambda *_: times.append((time.perf_counter(), time.process_time())))
    tokens = sum(len(one["input_ids"]) for one in encoded) * (len(history) - 1) / len(history)
    seconds, cpu = (end - begin for begin, end in zip(times[1], times[-1], strict=True))
    return {"losses": [h["loss"] for h in history], "seconds": seconds, "cpu": cpu, "tokens": tokens}


def run(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a process of its own, and its peak memory in MiB."""
    return apart(__file__, kind, ["--rows", str(options.rows), "--model", options.model])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--only", choices=("solon", "trl"), help="one of them, in this process; prints JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.model, options.rows)))
        return
    found: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for kind in ("trl", "solon"):
            once = run(kind, options)
            rate = once["tokens"] / once["seconds"]
            spent = f"{once['seconds']:.1f} s, {once['cpu']:.1f} s of CPU"
            print(f"{kind:5} {rate:7.1f} tokens/s ({spent}), peak {once['memory']:,.0f} MiB", flush=True)
            if kind not in found or rate > found[kind]["rate"]:
                found[kind] = {**once, "rate": rate}
    ours, theirs = found["solon"], found["trl"]
    print(f"tokens/s, solon / trl      {ours['rate'] / theirs['rate']:.2f}  (wanted >= 1.3)")
    print(f"tokens/s of CPU time       {theirs['cpu'] / ours['cpu']:.2f}")
    print(f"peak memory, solon / trl   {ours['memory'] / theirs['memory']:.2f}")
    worst = max(abs(a - b) for a, b in zip(ours["losses"], theirs["losses"], strict=True))
    print(f"losses, first and last     {ours['losses'][0]:.5f} {ours['losses'][-1]:.5f}")
    print(f"largest difference of one  {worst:.1e}  (wanted <= 1e-3: Adam's first steps amplify rounding)")


if __name__ == "__main__":
    main()

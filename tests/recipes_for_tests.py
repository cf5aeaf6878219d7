"""A recipe small enough for tests: the tiny Llama learns, scripts write and judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SCRIPT = """
name: steady
seconds: {seconds}
rules:
  - {{match: "Rewrite the assistant|Answer in words", reply: "I can't help with that, but I can help you stay safe."}}
"""


def write_prompts(folder: Path, kind: str, count: int) -> Path:
    """`count` prompts, every third held out."""
    path = folder / f"{kind}.jsonl"
    rows = [
        {"id": f"{kind}-{n}", "prompt": f"{kind} {n}?", "split": "heldout" if n % 3 == 2 else "train"}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_pairs(folder: Path, count: int) -> Path:
    """`count` pairs that people labelled, half of them with the better reply first."""
    path = folder / "pairs.jsonl"
    rows = [
        {"prompt": f"case {n}?", "response_a": f"yes, {n}", "response_b": f"no, {n}", "better": "ab"[n % 2]}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tiny_recipe(
    folder: Path, model: Path, *, prompts: int = 9, seconds: float = 0.0, labelled: int = 0, **changes: Any
) -> Path:
    """Write a recipe for `model` and its files under `folder`; returns its path.

    The judge is measured on so many `labelled` pairs, and labels whatever comes of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "script.yaml"
    script.write_text(SCRIPT.format(seconds=seconds))
    scripted = {"engine": "scripted", "model": str(script)}
    recipe: dict[str, Any] = {
        "name": "tiny",
        "seed": 3,
        "constitution": "balanced",
        "prompts": {
            "red_team": str(write_prompts(folder, "red_team", prompts)),
            "helpful": str(write_prompts(folder, "helpful", 6)),
        },
        "roles": {
            "policy": {"engine": "transformers", "model": str(model)},
            "drafter": dict(scripted),
            "reviser": dict(scripted),
            "responder": dict(scripted),
            "judge": dict(scripted),
        },
        "sl_cai": {
            "revision": {"rounds": 2, "exemplars": 1},
            "critique_share": 0.0,
            "sft": {"epochs": 1, "batch_size": 4, "max_length": 512},
        },
        "rl_cai": {
            "qualify": {"data": str(write_pairs(folder, labelled)) if labelled else None, "unqualified": "use"},
            "answers": {"max_tokens": 12},  # words of a script's own reply: with fewer all pairs would be cut off
            "reward_model": {"epochs": 1, "batch_size": 4, "unqualified": "use"},
            "ppo": {"steps": 2, "batch_size": 4, "minibatch_size": 2, "max_tokens": 6},
        },
        "evaluate": {"max_tokens": 6},
    }
    recipe |= changes
    path = folder / "recipe.yaml"
    with path.open("w") as handle:
        YAML(typ="safe", pure=True).dump(recipe, handle)
    return path

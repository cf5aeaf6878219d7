"""A training task on the tiny Llama: reward = vowels, nobody watching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from solon.engines.local.model import LocalModel
from solon.settings import LoraSettings
from solon.training.adapters import add_adapter
from solon.training.checkpoints import Checkpoints
from solon.training.task import History, Scores, Seen, Task
from solon.types import Turns, user


class Unwatched:
    """A watch that sees nothing wrong."""

    @property
    def stop(self) -> str | None:
        return None

    @property
    def best(self) -> int | None:
        return None

    def see(self, seen: Seen) -> dict[str, float]:
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        return None


def vowels(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool] = ()) -> Scores:
    """The share of lower-case vowels in twelve tokens: a reward with a known best answer."""
    return Scores([sum(c in "aeiou" for c in text) / 12 for text in answers])


def end_early(local: LocalModel) -> LocalModel:
    """Make the random model end its answers after a few tokens: the end's logit is that of all others together."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        states = local.decoder(input_ids=torch.randint(2, 258, (16, 32), generator=generator)).last_hidden_state
        mean = states.flatten(0, 1).mean(0)
        local.base.get_output_embeddings().weight[local.tokenizer.eos_token_id] = 4.4 * mean / mean.norm() ** 2
    return local


def asking(*texts: str) -> list[Turns]:
    """Conversations of one turn each."""
    return [(user(text),) for text in texts]


def task_of(local: LocalModel, root: Path, seed: int = 0, **fields: Any) -> Task:
    """A task whose reference, `sl_cai`, is a fresh adapter; checkpoints, where told to make one, go below `root`.

    A prompt that is a text is a conversation of one turn.
    """
    add_adapter(local, "sl_cai", LoraSettings(rank=8), seed)
    made: dict[str, Any] = {
        "prompts": ["go", "on", "then"],
        "preferences": [],
        "reward": vowels,
        "watch": Unwatched(),
        "checkpoints": Checkpoints(root / "checkpoints", "key"),
        "seed": seed,
        "tick": lambda *_: None,
    }
    made |= fields
    made["prompts"] = [(user(one),) if isinstance(one, str) else one for one in made["prompts"]]
    return Task(local=local, **made)


def history_of(history: History) -> list[dict[str, float]]:
    """A history to compare with another: rounded, for floats that went through a file."""
    return [{name: round(float(value), 6) for name, value in row.items()} for row in history]

"""What a saved reward model says of itself: how its rewards are made, and of which base and tokenizer it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from solon.engines.local.model import LocalModel
from solon.errors import ModelError
from solon.files import write_json
from solon.training.base import named_base
from solon.training.reward.data import Pair
from solon.types import digest

FILE = "reward.json"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reward is made of what the heads say: their mean less `caution` times their standard deviation.

    `principles` are the principles that it was trained on, each with its number of pairs; none where replies are
    read without a principle.
    """

    heads: int = 1
    caution: float = 0.0
    principles: tuple[tuple[str, int], ...] = ()


def principles_in(pairs: Sequence[Pair]) -> tuple[tuple[str, int], ...]:
    """The principles of `pairs` by text, each with its number of pairs."""
    return tuple(sorted(Counter(pair.principle for pair in pairs).items()))


def tokenizer_hash(local: LocalModel) -> str:
    """Names what the tokenizer makes of texts and conversations."""
    tokenizer = local.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules: dict[str, Any] = json.loads(backend.to_str()) if backend else {"vocabulary": tokenizer.get_vocab()}
    for setting in ("truncation", "padding"):  # of the last call, not of the tokenizer
        rules.pop(setting, None)
    return digest([rules, tokenizer.chat_template, tokenizer.eos_token])


def write_identity(local: LocalModel, reading: Reading, folder: Path) -> None:
    weights = list(named_base(local.source).weights)
    named = {"base": local.source.name, "weights": weights, "tokenizer": tokenizer_hash(local)}
    write_json(folder / FILE, {**named, **asdict(reading)})


def read_identity(local: LocalModel, folder: Path) -> Reading:
    """How the reward model in `folder` makes rewards.

    Raises ModelError where it is of another base or tokenizer than `local`, or says of none.
    """
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
        principles = tuple((str(text), int(pairs)) for text, pairs in said["principles"])
        reading = Reading(int(said["heads"]), float(said["caution"]), principles)
        base, weights, tokenizer = str(said["base"]), [str(name) for name in said["weights"]], str(said["tokenizer"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"reward_model: {folder}: no readable {FILE}; train the reward model again") from None
    if local.source.weights not in weights:
        raise ModelError(
            f"reward_model: {folder} was trained on {base} (weights {weights[0][:12]}), not on {local.source.name} "
            f"(weights {local.source.weights[:12]}); load {base} or train the reward model again"
        )
    if tokenizer != (found := tokenizer_hash(local)):
        raise ModelError(
            f"reward_model: {folder} was trained with another tokenizer or chat template ({tokenizer[:12]}) than that "
            f"of {local.source.name} ({found[:12]}); restore it or train the reward model again"
        )
    return reading

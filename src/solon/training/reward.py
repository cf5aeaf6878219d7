"""The reward model: an adapter and a linear head on the shared base, trained on soft labels.

CAI paper, section 4.1, with soft Bradley-Terry. TRL's RewardTrainer takes no per-pair targets and wants
a second copy of the weights (a sequence-classification model), so this is a small subclass of the
transformers Trainer instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from solon.engines.local.model import LocalModel
from solon.errors import DataError
from solon.settings import RewardSettings
from solon.training.adapters import add_adapter, load_adapter, save_adapter, trainable
from solon.training.batches import Rows, by_length
from solon.training.losses import soft_bradley_terry
from solon.training.trainer import Progress, fit, trainer_arguments
from solon.types import user

HEAD_FILE = "reward_head.safetensors"


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled pair: `prob_a` = P(response_a better), in [0, 1]."""

    prompt: str
    response_a: str
    response_b: str
    prob_a: float


class RewardModel(nn.Module):
    """Scores a reply to a prompt: one number, higher is better, read at the reply's last token."""

    local: LocalModel

    def __init__(self, local: LocalModel, adapter: str) -> None:
        super().__init__()
        # Kept out of the module tree: the trainer must see the head and the adapter, and nothing else.
        object.__setattr__(self, "local", local)
        self.adapter = adapter
        self.head = nn.Linear(int(local.base.config.hidden_size), 1)
        nn.init.normal_(self.head.weight, std=1 / (local.base.config.hidden_size + 1))
        nn.init.zeros_(self.head.bias)
        self.weights = nn.ParameterList(trainable(local, adapter))

    def encode(self, prompt: str, response: str) -> list[int]:
        """Token ids of prompt, reply and end of turn."""
        local = self.local
        return [*local.encode_chat((user(prompt),)), *local.encode_text(response), local.tokenizer.eos_token_id]

    def forward(self, rows: Rows) -> Tensor:
        """Rewards, (batch,). The adapter must be active."""
        hidden = self.local.decoder(input_ids=rows.ids, attention_mask=rows.mask, use_cache=False).last_hidden_state
        last: Tensor = hidden[torch.arange(len(rows.lengths)), rows.lengths - 1]
        rewards: Tensor = self.head(last).squeeze(-1)
        return rewards

    @torch.inference_mode()
    def score(self, prompts: Sequence[str], responses: Sequence[str], batch: int = 16) -> list[float]:
        """The reward of each reply."""
        rows = [self.encode(p, r) for p, r in zip(prompts, responses, strict=True)]
        return self.score_rows(rows, batch)

    @torch.inference_mode()
    def score_rows(self, rows: Sequence[list[int]], batch: int = 16) -> list[float]:
        scores = [0.0] * len(rows)
        with self.local.using(self.adapter):
            for indices in by_length(rows, batch, [len(row) for row in rows]):
                values = self.forward(Rows.of([rows[i] for i in indices], self.local.pad)).tolist()
                for i, value in zip(indices, values, strict=True):
                    scores[i] = value
        return scores

    def save(self, folder: Path) -> None:
        """Adapter as PEFT writes it, and the head beside it."""
        save_adapter(self.local, self.adapter, folder)
        save_file({"weight": self.head.weight.detach(), "bias": self.head.bias.detach()}, folder / HEAD_FILE)

    @classmethod
    def load(cls, local: LocalModel, adapter: str, folder: Path) -> RewardModel:
        load_adapter(local, adapter, folder)
        model = cls(local, adapter)
        model.head.load_state_dict(load_file(folder / HEAD_FILE))
        return model.eval()


class _PairCollator:
    """Both replies of every pair in one right-padded batch: first all a, then all b."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        rows = [p["ids_a"] for p in pairs] + [p["ids_b"] for p in pairs]
        return {"rows": Rows.of(rows, self.pad), "prob_a": torch.tensor([p["prob_a"] for p in pairs])}


class SoftBradleyTerryTrainer(Trainer):  # type: ignore[misc]
    """transformers' Trainer with the soft Bradley-Terry loss."""

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **_: Any) -> Any:
        rewards = model(inputs["rows"])
        a, b = rewards.chunk(2)
        loss = soft_bradley_terry(a, b, inputs["prob_a"].to(a))
        return (loss, rewards) if return_outputs else loss


def train_reward(
    local: LocalModel,
    adapter: str,
    pairs: Sequence[Pair],
    settings: RewardSettings,
    *,
    seed: int,
    scratch: Path,
    tick: Progress,
) -> tuple[RewardModel, list[dict[str, float]]]:
    """Train a reward model on soft labels; returns it and the loss by step (nats per pair).

    Raises DataError when there is no pair or every pair says the same 0.5.
    """
    informative = [p for p in pairs if p.response_a != p.response_b]
    if not informative or all(p.prob_a == 0.5 for p in informative):
        raise DataError(f"reward_model: {len(pairs)} pairs hold no preference; label more pairs or check the judge")
    add_adapter(local, adapter, settings.lora, seed)
    model = RewardModel(local, adapter)
    rows = [
        {"ids_a": a, "ids_b": b, "prob_a": p.prob_a, "length": len(a) + len(b)}
        for p in informative
        for a, b in [(model.encode(p.prompt, p.response_a), model.encode(p.prompt, p.response_b))]
    ]
    config = TrainingArguments(**trainer_arguments(settings, local, scratch, seed), remove_unused_columns=False)
    trainer = SoftBradleyTerryTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(rows), data_collator=_PairCollator(local.pad)
    )
    history = fit(trainer, tick)
    return model.eval(), history

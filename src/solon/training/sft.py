"""SL-CAI: supervised fine-tuning on revisions, through TRL (CAI paper, section 3.1).

Rows are TRL's `prompt` and `completion` (lists of messages). We tokenise them ourselves so that text
which spells a chat-template token stays text. Departure from the paper: LoRA, not all weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from solon.engines.local.logprobs import token_logprobs
from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptTooLong
from solon.settings import SftSettings
from solon.training.adapters import add_adapter, trainable
from solon.training.trainer import Progress, fit, trainer_arguments
from solon.types import Message

Row = Mapping[str, Any]


def encode_rows(local: LocalModel, rows: Sequence[Row], max_length: int) -> list[dict[str, list[int]]]:
    """`input_ids` and `completion_mask` of each row; rows longer than `max_length` are left out.

    Raises DataError when none is left.
    """
    encoded = []
    for row in rows:
        try:
            prompt = local.encode_chat([Message(**m) for m in row["prompt"]])
        except PromptTooLong:
            continue
        answer = local.encode_text(row["completion"][0]["content"])
        if row.get("ended", True):
            answer.append(local.tokenizer.eos_token_id)
        if len(prompt) + len(answer) <= max_length:
            mask = [0] * len(prompt) + [1] * len(answer)
            encoded.append({"input_ids": prompt + answer, "completion_mask": mask})
    if not encoded:
        raise DataError(f"sft: none of {len(rows)} rows fits max_length {max_length}; raise it or shorten the texts")
    return encoded


class CompletionTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, with no logits for tokens that are not learnt.

    Off CUDA, TRL scores every position and scores it again for the backward pass: 40% of a step here. The
    loss is the same mean over completion tokens.
    """

    local: LocalModel

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.accelerator.num_processes > 1 or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"][:, 1:]
        learnt = labels != -100
        out = self.local.decoder(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        logprobs = token_logprobs(self.local.head, out.last_hidden_state[:, :-1][learnt], labels[learnt])
        return -logprobs.sum() / (learnt.sum() if num_items_in_batch is None else num_items_in_batch)


def train_sft(
    local: LocalModel,
    adapter: str,
    rows: Sequence[Row],
    settings: SftSettings,
    *,
    seed: int,
    scratch: Path,
    tick: Progress,
) -> list[dict[str, float]]:
    """Train `adapter` on the rows' completions; returns the loss by step (nats per token)."""
    encoded = encode_rows(local, rows, settings.max_length)
    add_adapter(local, adapter, settings.lora, seed)
    trainable(local, adapter)
    config = SFTConfig(
        **trainer_arguments(settings, local, scratch, seed),
        completion_only_loss=True,
        # TRL's defaults suit GPUs: bf16 and checkpointing cost time on a CPU and save nothing there.
        bf16=local.device.type == "cuda",
        gradient_checkpointing=False,
    )
    trainer = CompletionTrainer(
        model=local.model, args=config, train_dataset=Dataset.from_list(encoded), processing_class=local.tokenizer
    )
    trainer.local = local
    history = fit(trainer, tick)
    local.model.eval()
    return history

"""SL-CAI: supervised fine-tuning on revisions, through TRL (CAI paper, section 3.1).

Rows are TRL's `prompt` and `completion` (lists of messages). We tokenise them ourselves so that text
which spells a chat-template token stays text. Departure from the paper: LoRA, not all weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from solon.engines.local.model import LocalModel
from solon.errors import DataError, PromptTooLong
from solon.settings import SftSettings
from solon.training.adapters import add_adapter, trainable
from solon.training.trainer import Progress, fit, trainer_arguments
from solon.types import Message

Row = dict[str, list[dict[str, str]]]


def encode_rows(local: LocalModel, rows: Sequence[Row], max_length: int) -> list[dict[str, list[int]]]:
    """`input_ids` and `completion_mask` of each row; rows longer than `max_length` are left out.

    Raises DataError when none is left.
    """
    encoded = []
    for row in rows:
        try:
            prompt = local.encode_chat([Message(**m) for m in row["prompt"]])  # type: ignore[arg-type]
        except PromptTooLong:
            continue
        answer = [*local.encode_text(row["completion"][0]["content"]), local.tokenizer.eos_token_id]
        if len(prompt) + len(answer) <= max_length:
            mask = [0] * len(prompt) + [1] * len(answer)
            encoded.append({"input_ids": prompt + answer, "completion_mask": mask})
    if not encoded:
        raise DataError(f"sft: none of {len(rows)} rows fits max_length {max_length}; raise it or shorten the texts")
    return encoded


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
    trainer = SFTTrainer(
        model=local.model, args=config, train_dataset=Dataset.from_list(encoded), processing_class=local.tokenizer
    )
    history = fit(trainer, tick)
    local.model.eval()
    return history

"""Adapters and merged models on disk, as transformers, PEFT, vLLM and llama.cpp's converter read them.

A merge adds alpha/rank · B·A to each adapted matrix in float32 and rounds once, to the precision the run trained in.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from solon.engines.local.model import LocalModel
from solon.errors import ConfigError
from solon.files import write_json
from solon.pipeline.export.base import Base

if TYPE_CHECKING:
    from torch import Tensor

SHARD = "5GB"
# A reward is read at the end of the reply, where training put the token that ends a turn; many templates go on.
_UP_TO_THE_END = (
    "{%- set whole -%}%s{%- endset -%}{%- set whole = whole.rstrip() -%}"
    "{{- whole if whole.endswith(eos_token) else whole + eos_token -}}"
)


def write_adapter(source: Path, base: Base, folder: Path) -> None:
    """Copy the adapter in `source`, its base named as others know it."""
    for file in sorted(source.iterdir()):
        if file.is_file() and file.suffix in (".safetensors", ".json", ".jinja", ".txt", ".model"):
            shutil.copyfile(file, folder / file.name)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.name
    config["revision"] = None
    write_json(path, config)


def write_merged(local: LocalModel, adapter: Path, folder: Path) -> None:
    """The base of `local` with the adapter merged in, tokenizer and chat template beside it."""
    merged = _merged(local, adapter)
    config = merged.generation_config
    config.eos_token_id = sorted(local.eos)  # so that others end answers where Solon does
    config.pad_token_id = local.pad
    merged.save_pretrained(folder, max_shard_size=SHARD)
    _write_tokenizer(local, adapter, folder)


def write_merged_reward(local: LocalModel, adapter: Path, folder: Path) -> None:
    """The reward model as a sequence classifier of one label, whose logit is the reward.

    Departures from the reward that the run used: the head's bias is dropped, for classifiers have none (every reward
    moves by the same number, which no comparison sees); of several heads the mean is kept, without the caution.
    Raises ConfigError for an architecture without a classifier.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    merged = _merged(local, adapter)
    config = merged.config
    config.num_labels = 1
    # Classifiers read at the last token that is no padding: padding must not be what ends a reply.
    config.pad_token_id = None if local.pad == local.tokenizer.eos_token_id else local.pad
    try:
        model = AutoModelForSequenceClassification.from_config(config, dtype=merged.dtype)
    except ValueError:
        raise ConfigError(
            f"--merged: transformers has no sequence classifier for {config.model_type}; export the adapter instead"
        ) from None
    body = getattr(model, merged.base_model_prefix)
    body.load_state_dict(getattr(merged, merged.base_model_prefix).state_dict())
    with torch.no_grad():
        model.score.weight.copy_(_head(adapter))
    model.save_pretrained(folder, max_shard_size=SHARD)
    _write_tokenizer(local, adapter, folder, ending=True)


def _merged(local: LocalModel, adapter: Path) -> Any:
    """The base in the run's precision, the adapter in its weights."""
    import torch
    from peft import PeftModel

    exact = LocalModel(local.source, "float32", "cpu")
    model = PeftModel.from_pretrained(exact.model, str(adapter)).merge_and_unload(safe_merge=True)
    return model.to(getattr(torch, local.precision)).eval()


def _head(adapter: Path) -> Tensor:
    """The mean of the reward heads, (1, width)."""
    from safetensors.torch import load_file

    from solon.training.reward.model import HEAD_FILE

    weights: Tensor = load_file(adapter / HEAD_FILE)["weight"]
    return weights.float().mean(dim=0, keepdim=True)


def _write_tokenizer(local: LocalModel, adapter: Path, folder: Path, *, ending: bool = False) -> None:
    """The adapter's tokenizer files as they are, and the base's sentencepiece model, which converters like best."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(adapter, trust_remote_code=False)
    if ending:
        tokenizer.chat_template = _UP_TO_THE_END.replace("%s", tokenizer.chat_template)
    tokenizer.save_pretrained(folder)
    piece = local.source.folder / "tokenizer.model"
    if piece.is_file():
        shutil.copyfile(piece, folder / piece.name)

"""Adapters and merged models on disk, as transformers, PEFT, vLLM and llama.cpp's converter read them.

A merge adds alpha/rank · B·A to each adapted matrix in float32 and rounds once, to the precision the run trained in.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
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
    "{{- whole if whole.endswith(%e) else whole + %e -}}"
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
    if told := made_valid(config):
        print(f"solon: {local.source.name}'s generation_config.json: {told}", file=sys.stderr)
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
    # Classifiers read at the last token that is no padding, so padding must not be what ends a reply; and without
    # padding they take one row at a time.
    pad = filler(local)
    config.get_text_config().pad_token_id = config.pad_token_id = pad
    refusal = ConfigError(
        f"--merged: transformers has no sequence classifier for {config.model_type} that is its language model and one "
        "linear head; export the adapter instead"
    )
    try:
        model = AutoModelForSequenceClassification.from_config(config, dtype=merged.dtype)
        body = getattr(model, merged.base_model_prefix)
        body.load_state_dict(getattr(merged, merged.base_model_prefix).state_dict())
    except (ValueError, AttributeError, RuntimeError):
        raise refusal from None
    head = getattr(model, "score", None)
    if not isinstance(head, torch.nn.Linear) or head.weight.shape != (1, local.width):
        raise refusal
    with torch.no_grad():
        head.weight.copy_(_head(adapter))
    model.save_pretrained(folder, max_shard_size=SHARD)
    _write_tokenizer(local, adapter, folder, reward_pad=pad)


def filler(local: LocalModel) -> int:
    """A token to pad with that never ends a reply: the tokenizer's own, unless that is its end; else a special one."""
    tokenizer, rows = local.tokenizer, int(local.base.get_input_embeddings().weight.shape[0])
    special = sorted(i for i, token in tokenizer.added_tokens_decoder.items() if token.special)
    ids = (tokenizer.pad_token_id, tokenizer.unk_token_id, *special, *range(rows))
    return next(int(i) for i in ids if i is not None and 0 <= i < rows and i not in local.eos)


# What generation_config.json may say of sampling, which transformers refuses to save beside greedy decoding.
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")


def made_valid(config: Any) -> str:
    """Change a generation config that transformers reads but will not save; returns what was changed, if anything.

    Sampling parameters without do_sample (Llama 2 ships them) mean sampling; with `do_sample: false` they go. What is
    still invalid then goes by name.
    """
    given = [name for name in _SAMPLING if getattr(config, name, None) is not None]
    if _valid(config):
        return ""
    if given and config.do_sample is None:
        config.do_sample = True
        if _valid(config):
            return f"do_sample is set, for {', '.join(given)} are"
        config.do_sample = None
    dropped = []
    for name in (*given, *sorted(config.to_diff_dict())):
        if _valid(config):
            break
        before = getattr(config, name, None)
        if before is None or name.endswith("_token_id") or name == "transformers_version":
            continue
        setattr(config, name, None)
        dropped.append(name)
    return f"left out {', '.join(dropped)}, which transformers does not accept together"


def _valid(config: Any) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config.validate(strict=True)
    except ValueError:
        return False
    return True


def _merged(local: LocalModel, adapter: Path) -> Any:
    """The base in the run's precision, the adapter in its weights."""
    import torch
    from peft import PeftModel

    exact = LocalModel(local.source, "float32", "cpu")
    _untie(exact, adapter)
    model = PeftModel.from_pretrained(exact.model, str(adapter)).merge_and_unload(safe_merge=True)
    return model.to(getattr(torch, local.precision)).eval()


def _untie(local: LocalModel, adapter: Path) -> None:
    """Give head and embedding weights of their own where the adapter changes one of the two: a merge changes both."""
    import torch

    base, config = local.base, local.base.config.get_text_config()
    said = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    targets = [*_names(said.get("target_modules")), *_names(said.get("modules_to_save"))]
    targets += [name for name in said.get("trainable_token_indices") or () if isinstance(name, str)]
    parts = (base.get_input_embeddings(), base.get_output_embeddings())
    paths = [path for path, module in base.named_modules() if module in parts]
    if config.tie_word_embeddings and any(path.endswith(name) for path in paths for name in targets):
        config.tie_word_embeddings = base.config.tie_word_embeddings = False
        parts[1].weight = torch.nn.Parameter(parts[1].weight.detach().clone(), requires_grad=False)


def _names(given: Any) -> list[str]:
    return [str(name) for name in given] if isinstance(given, list) else []


def _head(adapter: Path) -> Tensor:
    """The mean of the reward heads, (1, width)."""
    from safetensors.torch import load_file

    from solon.training.reward.model import HEAD_FILE

    weights: Tensor = load_file(adapter / HEAD_FILE)["weight"]
    return weights.float().mean(dim=0, keepdim=True)


def _write_tokenizer(local: LocalModel, adapter: Path, folder: Path, *, reward_pad: int | None = None) -> None:
    """The adapter's tokenizer files as they are, and the base's sentencepiece model, which converters like best.

    A reward model's template ends with the reply, and its padding is `reward_pad`, on the right.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(adapter, trust_remote_code=False)
    if reward_pad is not None:
        # Of several templates by name, the one that conversations were read with.
        end = local.chat.end_of_turn if local.chat.end_of_turn is not None else tokenizer.eos_token_id
        ending = _UP_TO_THE_END.replace("%e", json.dumps(tokenizer.convert_ids_to_tokens(end), ensure_ascii=False))
        tokenizer.chat_template = ending.replace("%s", tokenizer.get_chat_template())
        tokenizer.pad_token, tokenizer.padding_side = tokenizer.convert_ids_to_tokens(reward_pad), "right"
    tokenizer.save_pretrained(folder)
    piece = local.source.folder / "tokenizer.model"
    if piece.is_file():
        shutil.copyfile(piece, folder / piece.name)

"""A random tiny Llama and a byte-level tokenizer: real code paths, no download, milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|im_start|>", "<|im_end|>")


def write_tokenizer(
    folder: Path,
    template: str | None = TEMPLATE,
    *,
    special: Sequence[str] = SPECIAL,
    eos: str = "<|im_end|>",
    added: Sequence[str] = (),
    adds_bos: bool = False,
) -> PreTrainedTokenizerFast:
    """A tokenizer of bytes: `special` tokens first, `added` ones that are not special last; `special[0]` is BOS."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    others = [token for token in special if token not in (eos, special[0])]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=eos,
        pad_token=eos,
        bos_token=special[0],
        additional_special_tokens=others,
    )
    fast.add_tokens(list(added))
    if adds_bos:
        fast.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special[0]} $A", pair=f"{special[0]} $A $B", special_tokens=[(special[0], fast.bos_token_id)]
        )
    if template is not None:
        fast.chat_template = template
    fast.save_pretrained(folder)
    return fast


def write_tiny_llama(
    folder: Path,
    template: str | None = TEMPLATE,
    *,
    layers: int = 2,
    width: int = 32,
    context: int = 512,
    seed: int = 0,
    **tokenizer: Any,
) -> Path:
    """Write model and tokenizer (see `write_tokenizer`) to `folder` and return it."""
    fast = write_tokenizer(folder, template, **tokenizer)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=fast.bos_token_id,
        # A wider spread than the default, so that a random model has opinions to sample from.
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder

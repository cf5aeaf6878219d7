"""One copy of the weights, its tokenizer and its adapters.

Policy, SL-CAI model and reward model are LoRA adapters on the same base; the reference is an adapter
that is frozen, or none. Only one thread may use a model at a time: `thread` is that one.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from solon.engines.local.logits import Logits, check_logits
from solon.engines.local.source import ModelSource, resolve
from solon.errors import ModelError, PromptTooLong
from solon.types import Message

transformers_logging.disable_progress_bar()
# What these libraries tell each other about their next versions is not for our users.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft)\.")

# For base models without a chat template: the plain dialogue of the paper.
PLAIN_TEMPLATE = (
    "{% for m in messages %}{{ {'user': 'Human: ', 'assistant': 'Assistant: ', 'system': ''}[m.role] }}"
    "{{ m.content }}\n\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


def decoder_of(model: Any) -> Any:
    """What a transformers model has beside its output head."""
    found = model.get_decoder() if hasattr(model, "get_decoder") else None
    return getattr(model, model.base_model_prefix) if found is None or found is model else found


class LocalModel:
    """A causal language model in this process.

    `model` is a transformers model, or a PEFT model once an adapter exists. Weights and tokenizer are read
    at first use: an engine whose every answer is stored never loads them. Raises ModelError when they
    cannot be loaded.
    """

    def __init__(self, source: ModelSource, precision: str = "float32", device: str | None = None) -> None:
        self.source, self.precision = source, precision
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.thread = ThreadPoolExecutor(1, "solon-model")

    @cached_property
    def tokenizer(self) -> Any:
        with self._translated():
            tokenizer = AutoTokenizer.from_pretrained(self.source.folder, trust_remote_code=False)
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
        tokenizer.padding_side = "left"
        return tokenizer

    @cached_property
    def model(self) -> Any:
        with self._translated():
            model = AutoModelForCausalLM.from_pretrained(
                self.source.folder, dtype=getattr(torch, self.precision), use_safetensors=True, trust_remote_code=False
            )
        model = model.to(self.device).eval()
        check_logits(Logits(model, decoder_of(model)), self.source.name)
        return model

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"model: cannot load {self.source.name}: {str(error).splitlines()[0][:200]}") from None

    @classmethod
    def load(cls, name: str, precision: str = "float32", device: str | None = None) -> LocalModel:
        return cls(resolve(name, precision), precision, device)

    @cached_property
    def eos(self) -> frozenset[int]:
        """Tokens that end an answer: the tokenizer's and every one the generation config lists."""
        listed = getattr(self.base.generation_config, "eos_token_id", None)
        ids = listed if isinstance(listed, list) else [listed]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)

    @property
    def pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else min(self.eos))

    @property
    def context(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(getattr(self.base.config, "max_position_embeddings", 2048))

    @property
    def base(self) -> Any:
        """The transformers model, under PEFT's wrapper if there is one."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def decoder(self) -> Any:
        """The model without its output head: hidden states (batch, time, width)."""
        return decoder_of(self.base)

    @property
    def logits(self) -> Logits:
        """Hidden states (n, width) to the model's own logits (n, vocabulary)."""
        return Logits(self.base, self.decoder)

    @cached_property
    def _special(self) -> tuple[str, ...]:
        return tuple(sorted({t.content for t in self.tokenizer.added_tokens_decoder.values() if t.special}))

    def harmless_text(self, text: str) -> str:
        """`text` with chat-template tokens broken up, so that text never becomes a control token."""
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
        return text

    def encode_chat(self, messages: Sequence[Message], max_tokens: int = 0) -> list[int]:
        """Token ids up to where the assistant's next words begin.

        Raises PromptTooLong when they and `max_tokens` do not fit the context.
        """
        turns = [{"role": m.role, "content": self.harmless_text(m.content)} for m in messages]
        ids = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=False)
        if len(ids) + max_tokens > self.context:
            raise PromptTooLong(
                f"the prompt has {len(ids)} tokens and may get {max_tokens} more, "
                f"but the context of {self.source.name} is {self.context}; shorten it or use a model with a longer one"
            )
        return list(ids)

    def encode_text(self, text: str) -> list[int]:
        """Token ids of plain text, no special tokens added or recognised."""
        return list(self.tokenizer.encode(self.harmless_text(text), add_special_tokens=False))

    def decode_text(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()

    @property
    def adapters(self) -> tuple[str, ...]:
        return tuple(getattr(self.model, "peft_config", {}))

    @contextmanager
    def using(self, adapter: str | None) -> Iterator[None]:
        """Answer with `adapter` (None: the base alone) inside the block."""
        if not self.adapters:
            if adapter is not None:
                raise KeyError(adapter)
            yield
        elif adapter is None:
            with self.model.disable_adapter():
                yield
        else:
            self.model.set_adapter(adapter)
            yield

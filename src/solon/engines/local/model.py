"""One copy of the weights, its tokenizer and its adapters.

Policy, SL-CAI model and reward model are LoRA adapters on the same base; the reference is an adapter
that is frozen, or none. Only one thread may use a model at a time: `thread` is that one.
"""

from __future__ import annotations

import inspect
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from solon.engines.local.chat import Chat
from solon.engines.local.context import longest
from solon.engines.local.logits import Logits, check_logits
from solon.engines.local.source import ModelSource, loading, resolve, whole
from solon.engines.local.tokens import complete
from solon.errors import ModelError, PromptTooLong
from solon.prompts.thoughts import split
from solon.types import Message

transformers_logging.disable_progress_bar()
# What these libraries tell each other about their next versions is not for our users.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft)\.")


# Buffers that old checkpoints hold and models have long computed themselves.
_COMPUTED = re.compile(
    r"(?:inv_freq|position_ids|attn\.(?:masked_)?bias|attention\.(?:masked_)?bias|num_batches_tracked)$"
)


def check_tensors(loaded: Mapping[str, Any], name: str) -> None:
    """Raises ModelError where a checkpoint lacks tensors of the model, or has others.

    What is missing would be random numbers, and what has another name is missing under its own.
    """
    missing = sorted(loaded["missing_keys"])
    extra = sorted(key for key in loaded["unexpected_keys"] if not _COMPUTED.search(key))
    wrong = sorted(str(key[0] if isinstance(key, tuple) else key) for key in loaded["mismatched_keys"])
    for found, what in ((wrong, "of another shape"), (missing, "missing"), (extra, "no part of the model")):
        if found:
            also = f"; {len(extra)} others are there, first: {extra[0]}" if found is missing and extra else ""
            raise ModelError(
                f"model: {name}: {len(found)} tensor{'s are' if len(found) > 1 else ' is'} {what}, first: {found[0]}"
                f"{also}; save the model again, or download it again"
            )


def _checked_decoder(model: Any, name: str) -> Any:
    """The part of a transformers model whose hidden states give the model's own logits. Raises ModelError."""
    refused: ModelError | None = None
    for part in _decoders(model):
        try:
            check_logits(Logits(model, part), name)
        except ModelError as error:
            refused = refused or error
        else:
            return part
    raise refused or ModelError(f"model: {name} ({model.config.model_type}) does not say which part is its head")


def _decoders(model: Any) -> Iterator[Any]:
    """What may be the decoder: as the model names it, by its prefix, or what holds the embedding (Llama 4)."""
    embedding = model.get_input_embeddings()
    parts = [model.get_decoder() if hasattr(model, "get_decoder") else None]
    parts.append(getattr(model, model.base_model_prefix or "", None))
    parts += [part for part in model.children() if any(module is embedding for module in part.modules())]
    seen = {id(None), id(model), id(embedding)}
    for part in parts:
        if id(part) not in seen:
            seen.add(id(part))
            yield part


def accepted(module: Any, **arguments: Any) -> dict[str, Any]:
    """Those of `arguments` that the module's forward names: not every family takes positions or a cache."""
    known = _parameters(getattr(module.forward, "__func__", module.forward))
    return {name: value for name, value in arguments.items() if name in known}


@lru_cache(maxsize=256)
def _parameters(forward: Any) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


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
        self._decoder: Any = None

    @cached_property
    def tokenizer(self) -> Any:
        with self._translated():
            tokenizer = AutoTokenizer.from_pretrained(self.source.folder, trust_remote_code=False)
            complete(tokenizer, self.source.folder)
        tokenizer.padding_side = "left"
        return tokenizer

    @cached_property
    def chat(self) -> Chat:
        """Conversations as this model's chat template has them."""
        return Chat(self.tokenizer, self.source.name)

    @cached_property
    def model(self) -> Any:
        with self._translated(), whole(self.source.folder) as folder:
            model, loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, self.precision),
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, by name
            )
        check_tensors(loaded, self.source.name)
        model.name_or_path = model.config._name_or_path = str(self.source.folder)
        model = model.to(self.device).eval()
        self._decoder = _checked_decoder(model, self.source.name)
        return model

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with loading(self.source.name):
            try:
                yield
            except torch.OutOfMemoryError:
                raise ModelError(f"model: {self.source.name} does not fit into the memory of {self.device}") from None

    @classmethod
    def load(cls, name: str, precision: str = "float32", device: str | None = None) -> LocalModel:
        return cls(resolve(name, precision), precision, device)

    @cached_property
    def eos(self) -> frozenset[int]:
        """Tokens that end an answer: eos, the template's end of turn, and all that the generation config lists."""
        listed = getattr(self.base.generation_config, "eos_token_id", None)
        ids = listed if isinstance(listed, list) else [listed]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id, self.chat.end_of_turn] if i is not None)

    @property
    def pad(self) -> int:
        """A token that fills rows up, one that the embedding has; masks keep it from being read."""
        ids = (self.tokenizer.pad_token_id, *sorted(self.eos))
        rows = int(self.base.get_input_embeddings().weight.shape[0])
        return next((int(i) for i in ids if i is not None and 0 <= i < rows), 0)

    @cached_property
    def context(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return longest(self.base.config.get_text_config(), getattr(self.tokenizer, "model_max_length", None))

    @property
    def base(self) -> Any:
        """The transformers model, under PEFT's wrapper if there is one."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def decoder(self) -> Any:
        """The model without its output head, or towers for images and sound: hidden states (batch, time, width).

        Raises ModelError where it cannot be told from the head.
        """
        base = self.base  # loads and checks
        if self._decoder is None:
            self._decoder = _checked_decoder(base, self.source.name)
        return self._decoder

    @property
    def width(self) -> int:
        """Of a hidden state, as the head reads it."""
        return int(self.head.weight.shape[-1])

    @property
    def head(self) -> Any:
        """The output head. What it says is not always the model's logits: those are `logits`."""
        return self.base.get_output_embeddings()

    @property
    def logits(self) -> Logits:
        """Hidden states (n, width) to the model's own logits (n, vocabulary)."""
        return Logits(self.base, self.decoder)

    def harmless_text(self, text: str) -> str:
        """`text` with control tokens broken up by a zero-width space: for files that others' tokenizers will read."""
        for token in self.chat.control_texts:
            if token in text:
                text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
        return text

    def encode_chat(self, messages: Sequence[Message], max_tokens: int = 0) -> list[int]:
        """Token ids up to where the assistant's next words begin.

        Raises PromptTooLong when they and `max_tokens` do not fit the context, TemplateRefuses when the chat template
        does not take the conversation.
        """
        ids = self.chat.prompt(messages)
        self.check_room(len(ids), max_tokens)
        return ids

    def encode_completion(
        self, messages: Sequence[Message], reply: str, ended: bool = True
    ) -> tuple[list[int], list[int]]:
        """Token ids of a conversation and of the assistant's `reply` to it, as the chat template renders the two.

        A reply that `ended` has its end of turn. Raises as `encode_chat` does.
        """
        prompt, completion = self.chat.completion(messages, reply, ended)
        self.check_room(len(prompt), len(completion))
        return prompt, completion

    def encode_choices(self, messages: Sequence[Message], choices: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Token ids of a conversation, and of each choice as the assistant's next words. Raises as `encode_chat`."""
        prompt, encoded = self.chat.choices(messages, choices)
        self.check_room(len(prompt), max(map(len, encoded)))
        return prompt, encoded

    def check_room(self, tokens: int, more: int) -> None:
        """Raises PromptTooLong where `tokens` of a prompt and `more` after it do not fit the context."""
        if tokens + more > self.context:
            raise PromptTooLong(
                f"the prompt has {tokens} tokens and may get {more} more, "
                f"but the context of {self.source.name} is {self.context}; shorten it or use a model with a longer one"
            )

    def encode_text(self, text: str) -> list[int]:
        """Token ids of plain text, no control tokens added or recognised."""
        return self.chat.text(text)

    def decode_text(self, ids: Sequence[int]) -> str:
        """The answer that a model wrote as `ids`, without control tokens and thoughts."""
        return self.decode_answer(ids)[0]

    def decode_answer(self, ids: Sequence[int]) -> tuple[str, str]:
        """(answer, thoughts) of what a model wrote; an answer cut off inside its thoughts is empty."""
        raw: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        answer, thoughts = split(raw, self.chat.opened_thought)
        if answer == raw.strip() and not thoughts:
            text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
            return text.strip(), ""
        for control in self.special_texts:
            answer, thoughts = answer.replace(control, ""), thoughts.replace(control, "")
        return answer.strip(), thoughts.strip()

    @cached_property
    def tidies(self) -> bool:
        """Whether decoding takes blanks away, so that a token may change how the last ones read."""
        return " ." not in str(self.tokenizer.decode(self.tokenizer.encode("a .", add_special_tokens=False)))

    @cached_property
    def special_texts(self) -> tuple[str, ...]:
        """The control tokens that are left out of answers, as text."""
        special = {t.content for t in self.tokenizer.added_tokens_decoder.values() if t.special and t.content}
        return tuple(sorted(special))

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

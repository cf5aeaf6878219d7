"""Logits as the model itself makes them of its hidden states.

Many families do something between the decoder's last hidden state and the logits besides the output head: Granite
divides by `logits_scaling`, Cohere multiplies by `logit_scale`, Gemma 2 caps, MiniCPM3 scales the states. Asking the
head alone would lose that, and with it the temperature. So the model's own `forward` does it here, its decoder standing
aside: what it would compute is given to it. A check at load compares the result with a plain call of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from solon.errors import ModelError

PROBE = 8  # tokens that are read to check a model


@dataclass
class _States(ModelOutput):  # type: ignore[misc]
    """A decoder's output of which only the last hidden state is known; whatever else is asked for is None."""

    last_hidden_state: Tensor | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class Logits:
    """Hidden states (n, width) to logits (n, vocabulary) of `model`, a transformers model with a `decoder` in it."""

    def __init__(self, model: Any, decoder: nn.Module) -> None:
        self.model, self.decoder = model, decoder

    def __call__(self, hidden: Tensor) -> Tensor:
        return self._after_decoder(hidden)

    def of(self, hidden: Tensor, targets: Tensor) -> Tensor | None:
        """The logits of one token each, (n,), in float32 whatever the precision of the model.

        bfloat16 knows steps of 0.06 to 0.25 at the size of logits, so that two answers which differ by less would be a
        tie. None where the head is no plain matrix.
        """
        head = self.model.get_output_embeddings()
        if type(head) is not nn.Linear:
            return None

        def exact(states: Tensor, *_: Any, **__: Any) -> Tensor:
            logits = (states.float() * head.weight[targets].float()).sum(-1)
            return (logits if head.bias is None else logits + head.bias[targets].float())[..., None]

        with _standing_in(head, exact):
            return self._after_decoder(hidden)[:, 0]

    def _after_decoder(self, hidden: Tensor) -> Tensor:
        # The class's own forward: trainers replace the one of the instance by one that gives no logits.
        forward: Callable[..., Any] = type(self.model).forward
        ids = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        with _standing_in(self.decoder, lambda *_, **__: _States(last_hidden_state=hidden[None])):
            out: Tensor = forward(self.model, input_ids=ids, use_cache=False, return_dict=True).logits
        return out[0]


@contextmanager
def _standing_in(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Inside the block a call of `module` is a call of `forward`; its hooks run as always."""
    kept = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if kept is not None:
            module.forward = kept


@torch.inference_mode()
def check_logits(logits: Logits, name: str) -> None:
    """Raises ModelError, in one line, where logits made of hidden states are not those of a plain call of the model."""
    model = logits.model
    rows = model.get_input_embeddings().weight.shape[0]
    ids = torch.linspace(0, rows - 1, PROBE + 2)[1:-1].long()[None].to(model.device)
    try:
        wanted = model(input_ids=ids, use_cache=False).logits[0].float()
    except Exception as error:  # whatever a model that needs more than token ids raises
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise ModelError(
            f"model: {name}: {type(model).__name__} cannot be asked by token ids alone ({why}); use another model"
        ) from None
    if bool(wanted.isnan().any()):
        raise ModelError(f"model: {name}: its logits are no numbers (NaN): the weights are damaged; fetch it again")
    try:
        hidden = logits.decoder(input_ids=ids, use_cache=False).last_hidden_state[0]
        found, targets = logits(hidden).float(), wanted.argmax(-1)
        exact = logits.of(hidden, targets)
        pairs = [(found, wanted)] if found.shape == wanted.shape else []
        if exact is not None:
            pairs.append((exact, wanted.gather(-1, targets[:, None])[:, 0]))
    except Exception as error:  # whatever a forward that knows no other way of being called raises
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise _refused(logits, name, why) from None
    if not pairs:
        raise _refused(logits, name, f"shape {tuple(found.shape)} instead of {tuple(wanted.shape)}")
    spread = float(wanted[wanted.isfinite()].std()) if len(wanted) else 1.0
    near = (1e-3 if model.dtype == torch.float32 else 5e-2) * max(1.0, spread)
    for mine, own in pairs:
        real = own.isfinite()
        off = float((mine - own)[real].abs().max())
        if not off <= near:
            raise _refused(logits, name, f"off by {off:.3g}")


def _refused(logits: Logits, name: str, why: str) -> ModelError:
    return ModelError(
        f"model: {name}: the logits that Solon makes of {type(logits.model).__name__}'s hidden states are not the "
        f"model's own ({why}); serve it with vLLM or llama.cpp and use engine openai"
    )

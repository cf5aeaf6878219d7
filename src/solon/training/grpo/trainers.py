"""What TRL's trainers do differently here: prompts and answers are ours, and their log-probabilities are noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from trl import GRPOTrainer, RLOOTrainer

from solon.engines.local.company import company
from solon.errors import EngineError
from solon.training.adapters import without_dropout
from solon.training.grpo.rolling import Rolling


def _over_rows(parts: Sequence[Any]) -> Any:
    """One answer per row as one answer for the batch; what is a mean over a row's tokens stays a mean."""
    if parts[0] is None:
        return None
    return torch.stack(list(parts)).mean() if parts[0].dim() == 0 else torch.cat(list(parts))


class _OurAnswers:
    """For both trainers of TRL, which tokenise, sample and score through these methods.

    Prompts become tokens as everywhere in Solon, so that text which spells a template token stays text, and what
    prompts share is read once. TRL asks for the tokens of the prompts first and for the answers next.
    """

    rolling: Rolling
    model: Any
    state: Any
    args: Any

    def _tokenize_prompts(self, names: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        written = self.rolling.write(names, self.state.global_step + 1)
        return [rollout.prompt_ids for rollout in written], None, {}

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        if not self.args.gradient_checkpointing:  # which works in training mode alone
            without_dropout(self.model)
        read = super()._get_per_token_logps_and_entropies  # type: ignore[misc]
        if company(self.rolling.task.local) == "alone":
            # TRL pads prompts on the left, which a recurrent state would read: each row goes without its padding.
            begins = attention_mask.argmax(-1).tolist()
            rows = [(input_ids[i : i + 1, at:], attention_mask[i : i + 1, at:]) for i, at in enumerate(begins)]
            parts = [read(model, ids, mask, logits_to_keep, *args, **kwargs) for ids, mask in rows]
            found = tuple(_over_rows(part) for part in zip(*parts, strict=True))
        else:
            found = read(model, input_ids, attention_mask, logits_to_keep, *args, **kwargs)
        self.rolling.read(found[0], attention_mask[:, -logits_to_keep:])
        return found

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().training_step(*args, **kwargs)  # type: ignore[misc]
        except torch.OutOfMemoryError:
            rows = self.args.per_device_train_batch_size
            raise EngineError(
                f"out of GPU memory at step {self.state.global_step + 1}; lower max_tokens, or read fewer answers at "
                f"once than {rows}: trainer_args.per_device_train_batch_size, with more gradient_accumulation_steps"
            ) from None


class GroupTrainer(_OurAnswers, GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO on our answers."""

    def _generate_single_turn(self, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        return [rollout.ids for rollout in self.rolling.mine], None


class LeaveOneOutTrainer(_OurAnswers, RLOOTrainer):  # type: ignore[misc]
    """TRL's RLOO on our answers."""

    def _generate_single_turn(self, *_: Any, **__: Any) -> list[list[int]]:
        return [rollout.ids for rollout in self.rolling.mine]

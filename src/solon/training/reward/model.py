"""The reward model: an adapter on the shared base and linear heads that read the reply's last token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from solon.engines.local.model import LocalModel
from solon.errors import EngineError
from solon.training.adapters import load_adapter, save_adapter, save_tensors
from solon.training.batches import Rows, by_length
from solon.training.reward.encode import encode
from solon.training.reward.identity import Reading, read_identity, write_identity
from solon.types import Message, Turns

HEAD_FILE = "reward_head.safetensors"
Variants = list[list[int]]  # one reply as rows of token ids: one row, or one for every principle


@dataclass(frozen=True, slots=True)
class Opinion:
    """The reward of a reply, and the standard deviation of what the heads say of it, >= 0."""

    reward: float
    spread: float


def read_last(decoder: nn.Module, head: nn.Linear, ids: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
    """The head at the last token of each row, (batch, heads), of right-padded ids and mask (batch, time)."""
    hidden = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    last = hidden[torch.arange(len(lengths), device=hidden.device), lengths - 1]
    said: Tensor = head(last.to(head.weight.dtype))
    return said


class RewardModel(nn.Module):
    """Scores a reply to a conversation: one number, higher is better.

    With several heads the reward is their mean less `caution` times their standard deviation: what they disagree
    about earns less. Coste et al. 2023 (section 3) take whole models and the variance; heads on one adapter cost
    nothing, and a standard deviation is in units of reward.
    """

    local: LocalModel

    def __init__(self, local: LocalModel, adapter: str, reading: Reading = Reading()) -> None:  # noqa: B008  # frozen
        super().__init__()
        # Kept out of the module tree: what is saved, moved or counted here is the heads alone.
        object.__setattr__(self, "local", local)
        self.adapter, self.reading = adapter, reading
        width = local.width
        self.head = nn.Linear(width, reading.heads)
        nn.init.normal_(self.head.weight, std=1 / (width + 1))
        nn.init.zeros_(self.head.bias)
        self.head.to(local.device)

    def forward(self, ids: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """What each head says of each row, (batch, heads). The adapter must be active."""
        return read_last(self.local.decoder, self.head, ids, mask, lengths)

    def variants(self, turns: Sequence[Message], reply: str, principle: str = "", ended: bool = True) -> Variants:
        """The reply under `principle`, or else under every principle the model was trained on.

        A reply that has not `ended` is read without an end of turn. Raises PromptTooLong when one does not fit the
        context.
        """
        if not self.reading.principles:
            return [encode(self.local, turns, reply, ended=ended)]
        texts = [principle] if principle else [text for text, _ in self.reading.principles]
        return [encode(self.local, turns, reply, text, ended) for text in texts]

    def score(
        self,
        prompts: Sequence[Turns],
        responses: Sequence[str],
        batch: int = 16,
        ended: Sequence[bool] | None = None,
    ) -> list[float]:
        """The reward of each reply to its conversation. Raises EngineError where one is not finite.

        `ended` is false for a reply that its token limit cut off; None: all ended.
        """
        ends = [True] * len(responses) if ended is None else ended
        asked = [self.variants(p, r, ended=whole) for p, r, whole in zip(prompts, responses, ends, strict=True)]
        return [opinion.reward for opinion in self.opinions(asked, batch)]

    def opinions(self, asked: Sequence[Variants], batch: int = 16) -> list[Opinion]:
        """What the model says of replies given as `variants` made them. Raises EngineError as `score` does."""
        found = self.weighed(asked, batch)
        if lost := sum(not math.isfinite(opinion.reward) for opinion in found):
            raise EngineError(
                f"reward_model: {lost} of {len(found)} rewards are not finite; train it again at a lower learning_rate"
            )
        return found

    def weighed(self, asked: Sequence[Variants], batch: int = 16) -> list[Opinion]:
        """`opinions`, NaN where there is none.

        Under several principles each head's word is the mean over them, as often as the labels drew each.
        """
        said = self._said([row for rows in asked for row in rows], batch).double()
        shares = torch.tensor([float(pairs) for _, pairs in self.reading.principles], dtype=torch.double)
        out, at = [], 0
        for rows in asked:
            part = said[at : at + len(rows)]
            at += len(rows)
            heads = part[0] if len(part) == 1 else (shares @ part) / shares.sum()
            spread = float(heads.std(correction=0))
            caution = self.reading.caution * spread if self.reading.caution else 0.0
            out.append(Opinion(float(heads.mean()) - caution, spread))
        return out

    @torch.no_grad()
    def centre(self, rows: Sequence[list[int]]) -> None:
        """Shift every head so that its mean over `rows` is 0.

        Pairs leave a head's zero open, and heads with zeros of their own would seem to disagree about everything.
        """
        self.head.bias.sub_(self._said(rows, 16).mean(0).to(self.head.bias))

    @torch.inference_mode()
    def _said(self, rows: Sequence[list[int]], batch: int) -> Tensor:
        """What each head says of each row, (rows, heads), on the CPU."""
        device = self.local.device
        out = torch.empty(len(rows), self.reading.heads)
        with self.local.using(self.adapter):
            for indices in by_length(rows, batch, [len(row) for row in rows]):
                part = Rows.of([rows[i] for i in indices], self.local.pad)
                out[indices] = self(part.ids.to(device), part.mask.to(device), part.lengths.to(device)).float().cpu()
        return out

    def save(self, folder: Path) -> None:
        """Adapter as PEFT writes it; beside it the heads, and how and on what rewards are made."""
        save_adapter(self.local, self.adapter, folder)
        save_tensors({"weight": self.head.weight.detach(), "bias": self.head.bias.detach()}, folder / HEAD_FILE)
        write_identity(self.local, self.reading, folder)

    @classmethod
    def load(cls, local: LocalModel, adapter: str, folder: Path) -> RewardModel:
        """Raises ModelError where the model in `folder` is of another base or tokenizer than `local`."""
        reading = read_identity(local, folder)
        load_adapter(local, adapter, folder)
        model = cls(local, adapter, reading)
        model.head.load_state_dict(load_file(folder / HEAD_FILE))
        return model.eval()

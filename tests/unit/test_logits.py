"""Logits are the model's own, whatever its family does between hidden states and logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GPTJConfig,
    GraniteConfig,
    LlamaConfig,
    NanoChatConfig,
    OPTConfig,
    PhiConfig,
)

from solon.engines.local.decode import Job, LocalDecoder, Scored
from solon.engines.local.model import LocalModel
from solon.errors import ModelError
from solon.settings import LoraSettings
from solon.training.adapters import add_adapter
from solon.training.dpo.pairs import Pair
from solon.training.dpo.reading import AnswerLogprobs, batch_of
from solon.training.rollouts import Rollout, answer_logprobs, answer_states, together
from solon.types import user
from tiny import TEMPLATE, write_tokenizer

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
}
GROUPED = {**SHAPE, "intermediate_size": 64, "num_key_value_heads": 2}
FAMILIES: dict[str, tuple[type, dict[str, Any]]] = {
    "plain": (LlamaConfig, GROUPED),
    "divided": (GraniteConfig, {**GROUPED, "logits_scaling": 5.0}),
    "multiplied": (CohereConfig, {**GROUPED, "logit_scale": 0.25}),
    "capped": (Gemma2Config, {**GROUPED, "final_logit_softcapping": 1.5, "head_dim": 8}),
    "capped by constants": (NanoChatConfig, GROUPED),
    "biased": (PhiConfig, {**GROUPED, "partial_rotary_factor": 0.5}),
    "biased, other names": (GPTJConfig, {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "rotary_dim": 4}),
    "projected in the decoder": (OPTConfig, {**SHAPE, "ffn_dim": 64, "word_embed_proj_dim": 16}),
}


def written(folder: Path, kind: str) -> LocalModel:
    tokenizer = write_tokenizer(folder, TEMPLATE)
    config, shape = FAMILIES[kind]
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config(vocab_size=len(tokenizer), bos_token_id=0, **ends, **shape))
    if getattr(model.get_output_embeddings(), "bias", None) is not None:
        torch.nn.init.normal_(model.get_output_embeddings().bias)
    model.save_pretrained(folder)
    return LocalModel.load(str(folder))


@torch.inference_mode()
def true_logprobs(local: LocalModel, prompt: list[int], answer: list[int], temperature: float = 1.0) -> torch.Tensor:
    logits = local.model(torch.tensor([prompt + answer])).logits[0].float() / temperature
    before = logits.log_softmax(-1)[len(prompt) - 1 : -1]
    return before[torch.arange(len(answer)), torch.tensor(answer)]


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_reading_of_the_logits_is_the_models_own(kind: str, tmp_path: Path) -> None:
    local = written(tmp_path / "model", kind)
    prompt, answer = local.encode_chat((user("where to?"),)), local.encode_text("north, then")
    true = true_logprobs(local, prompt, answer)

    scored = LocalDecoder(local).score([Scored(prompt, [answer])])[0][0]
    assert scored == pytest.approx(float(true.sum()), abs=1e-3)

    job = LocalDecoder(local).write([Job(prompt, 12, temperature=1.0, seed=1)])[0]
    assert job.logprobs == pytest.approx(true_logprobs(local, prompt, job.ids).tolist(), abs=1e-4)

    rollout = Rollout("", prompt, answer, "north, then", True)
    answers = together(local, [rollout])
    with torch.no_grad():
        found = answer_logprobs(local, answers, answer_states(local, answers), temperature=0.7)[0]
    assert found.tolist() == pytest.approx(true_logprobs(local, prompt, answer, 0.7).tolist(), abs=1e-4)

    add_adapter(local, "policy", LoraSettings(rank=2), 0)
    pair = Pair(prompt, answer, answer[:3], 1.0)
    with torch.no_grad():
        read = AnswerLogprobs(local).eval()(batch_of([pair], local.pad, shared=False))[0]
    assert read.tolist() == pytest.approx([float(true.sum()), float(true[:3].sum())], abs=1e-3)


def test_sampling_draws_from_the_scaled_distribution(tmp_path: Path) -> None:
    """At temperature 1 a token comes up as often as the model says: 1,500 draws of the first token."""
    local = written(tmp_path / "model", "divided")
    prompt = local.encode_chat((user("where to?"),))
    with torch.inference_mode():
        probs = local.model(torch.tensor([prompt])).logits[0, -1].float().softmax(-1)
    drawn = [w.ids[0] for w in LocalDecoder(local).write([Job(prompt, 1, seed=seed) for seed in range(1500)])]
    top = probs.topk(20).indices
    expected = float(probs[top].sum())
    seen = sum(token in set(top.tolist()) for token in drawn) / len(drawn)
    assert seen == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 1500) ** 0.5)


def test_a_model_whose_logits_are_made_otherwise_is_refused_when_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that is called twice, as a model of several passes would: the second pass is lost on us."""
    from transformers import LlamaForCausalLM

    folder = tmp_path / "model"
    written(folder, "plain")
    forward = LlamaForCausalLM.forward

    def twice(self: Any, input_ids: Any = None, **more: Any) -> Any:
        out = forward(self, input_ids=input_ids, **more)
        if input_ids is not None:
            out.logits = out.logits + self.model.embed_tokens(input_ids).sum(-1, keepdim=True) * torch.arange(
                out.logits.shape[-1]
            )
        return out

    monkeypatch.setattr(LlamaForCausalLM, "forward", twice)
    with pytest.raises(ModelError, match=r"^model: model: the logits .* are not the model's own \(off by") as refused:
        _ = LocalModel.load(str(folder)).model
    assert "\n" not in str(refused.value)

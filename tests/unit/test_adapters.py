"""Adapters of every LoRA kind: copied, trained and saved they stay what they were, and the base is never touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, GPT2Config

from solon.engines.local.model import LocalModel
from solon.errors import ModelError
from solon.settings import LoraSettings
from solon.training.adapters import (
    adapter_state,
    adapter_weights,
    add_adapter,
    copy_adapter,
    load_adapter,
    save_adapter,
    trainable,
)

pytestmark = [
    # PEFT says that it stores adapted embeddings whole.
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`"),
    pytest.mark.filterwarnings("ignore:Using Rank-Stabilized LoRA"),
]
IDS = torch.arange(24)[None] + 7
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"lora_dropout": 0.3},
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "ranks": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}},
    "pissa": {"init_lora_weights": "pissa"},
    "olora": {"init_lora_weights": "olora"},
    "pissa, rslora, ranks": {"init_lora_weights": "pissa", "use_rslora": True, "rank_pattern": {"q_proj": 2}},
    "orthogonal": {"init_lora_weights": "orthogonal"},
    "embedding": {"target_modules": ["v_proj", "embed_tokens"]},
    "token rows": {"trainable_token_indices": {"embed_tokens": [11, 12]}},
    "whole modules": {"modules_to_save": ["lm_head", "embed_tokens"]},
}


def made(folder: Path, base: Path, **kind: Any) -> Tensor:
    """Write an adapter that PEFT trained, and return the logits of base and adapter."""
    config = LoraConfig(
        **{"r": 4, "lora_alpha": 6, "task_type": "CAUSAL_LM", "target_modules": ["q_proj", "v_proj"], **kind}
    )
    torch.manual_seed(3)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
    model.eval().save_pretrained(folder)
    return logits(model)


@torch.no_grad()
def logits(model: Any) -> Tensor:
    found: Tensor = model(IDS).logits
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_the_adapter_it_was_made_of(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    trained = made(tmp_path / "given", tiny_folder, **KINDS[kind])
    local = LocalModel.load(str(tiny_folder))
    bare = logits(local.model)
    load_adapter(local, "reference", tmp_path / "given")
    copy_adapter(local, "reference", "policy")
    assert not local.model.training
    for name, wanted in (("reference", trained), ("policy", trained), (None, bare)):
        with local.using(name):
            torch.testing.assert_close(logits(local.model), wanted, atol=2e-4, rtol=1e-4)
    # All of it learns, and what is saved opens on the base alone, in PEFT's hands as in ours.
    with torch.no_grad():
        for weight in trainable(local, "policy"):
            weight.add_(0.05)
    assert {id(w) for w in local.model.parameters() if w.requires_grad} == {
        id(w) for w in adapter_weights(local, "policy").values()
    }
    moved = logits(local.model)
    assert not torch.allclose(moved, trained, atol=1e-2)
    with local.using("reference"):
        torch.testing.assert_close(logits(local.model), trained, atol=2e-4, rtol=1e-4)
    save_adapter(local, "policy", tmp_path / "saved")
    from peft import PeftModel

    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_folder), tmp_path / "saved").eval()
    torch.testing.assert_close(logits(again), moved, atol=2e-4, rtol=1e-4)


def test_copying_twice_overwrites(tiny_folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "given", tiny_folder, target_modules=["q_proj", "embed_tokens"])
    local = LocalModel.load(str(tiny_folder))
    load_adapter(local, "reference", tmp_path / "given")
    copy_adapter(local, "reference", "policy")
    with torch.no_grad():
        for weight in trainable(local, "policy"):
            weight.zero_()
    copy_adapter(local, "reference", "policy")
    before, after = adapter_state(local, "reference"), adapter_state(local, "policy")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"init_lora_weights": "corda"}, "'corda', which changed its base"),
        ({"init_lora_weights": "loftq"}, "'loftq', which changed its base"),
        ({"init_lora_weights": "pissa_niter_4"}, "'pissa_niter_4', which changed its base"),
        ({"alora_invocation_tokens": [5, 6]}, "a kind of LoRA (alora_invocation_tokens)"),
        ({"init_lora_weights": "pissa", "use_dora": True}, "'pissa' and use_dora"),
    ],
)
def test_what_would_be_read_wrong_is_refused_by_name(
    tiny_folder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    made(tmp_path / "given", tiny_folder)
    path = tmp_path / "given/adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    local = LocalModel.load(str(tiny_folder))
    before = logits(local.model)
    with pytest.raises(ModelError) as caught:
        load_adapter(local, "reference", tmp_path / "given")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert torch.equal(logits(local.model), before)


def test_an_embedding_that_is_not_the_bases_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "given", tiny_folder, target_modules=["q_proj", "embed_tokens"])
    path = tmp_path / "given/adapter_model.safetensors"
    weights = load_file(path)
    (name,) = (name for name in weights if "embed_tokens" in name and "lora" not in name)
    weights[name] = weights[name] + 1
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"embed_tokens.* is not the base's own"):
        load_adapter(LocalModel.load(str(tiny_folder)), "reference", tmp_path / "given")


def test_gpt2s_own_linear_layers_are_adapted(tiny: LocalModel, tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=258, n_positions=64, n_embd=32, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=1)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    local = LocalModel.load(str(tmp_path))
    bare = logits(local.model)
    add_adapter(local, "policy", LoraSettings(rank=4, layers=1), seed=0)
    assert local.model.peft_config["policy"].target_modules == {"c_attn", "c_fc", "c_proj"}
    assert {path.split(".")[4] for path in adapter_weights(local, "policy")} == {"2"}  # the top layer
    assert torch.equal(logits(local.model), bare)
    with torch.no_grad():
        for weight in trainable(local, "policy"):
            weight.add_(0.05)
    assert not torch.allclose(logits(local.model), bare, atol=1e-2)


def test_only_the_decoder_of_a_composite_model_is_adapted(tiny: LocalModel, tmp_path: Path) -> None:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, SiglipVisionConfig

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = Gemma3TextConfig(
        vocab_size=270, num_key_value_heads=2, head_dim=8, max_position_embeddings=4096, pad_token_id=1, **sizes
    )
    vision = SiglipVisionConfig(image_size=28, patch_size=14, **sizes)
    tokens = {"image_token_index": 260, "boi_token_index": 261, "eoi_token_index": 262}
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, **tokens)
    Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    local = LocalModel.load(str(tmp_path))
    assert local.context == 4096
    assert local.width == 32
    add_adapter(local, "policy", LoraSettings(rank=4, layers=1), seed=0)
    paths = set(adapter_weights(local, "policy"))
    assert paths
    assert all("vision" not in path and ".layers.1." in path for path in paths)


ROLLING = {"steps": 2, "batch_size": 4, "max_tokens": 6, "learning_rate": 1e-4}


@pytest.mark.parametrize("way", ["ppo", "grpo"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_policy_begins_at_the_reference_whatever_its_dropout_and_precision(
    tiny_folder: Path, tmp_path: Path, way: str, precision: str
) -> None:
    from solon.settings import GrpoSettings, PpoSettings
    from solon.training.grpo import train_grpo
    from solon.training.ppo import train_ppo
    from tasks import task_of

    made(tmp_path / "given", tiny_folder, lora_dropout=0.3)
    local = LocalModel.load(str(tiny_folder), precision)
    load_adapter(local, "given", tmp_path / "given")
    task = task_of(local, tmp_path, reference="given")
    if way == "ppo":
        history = train_ppo(task, PpoSettings(minibatch_size=2, **ROLLING))
    else:
        unmasked = GrpoSettings(group=2, mask_truncated_completions=False, **ROLLING)  # hardly any answer ends
        history = train_grpo(task, unmasked)
    rounding = 1e-4 if precision == "float32" else 0.1
    assert history[0]["kl"] == pytest.approx(0, abs=rounding)
    if way == "ppo" and precision == "float32":
        assert history[0]["clipped"] == 0
    assert len(history) == 2

"""What a model's files say of its length, its end and its padding, and what they leave to be found out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from solon.engines.local.context import longest
from solon.engines.local.model import LocalModel
from solon.engines.local.rewards import Classifier, ClassifierRewards
from solon.engines.local.source import resolve
from solon.errors import ModelError
from solon.types import user


@pytest.mark.parametrize(
    ("config", "tokenizer", "tokens"),
    [
        ({"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "default"}}, 1024, 4096),
        # Qwen2.5 with YaRN, as its card says to switch it on; DeepSeek and gpt-oss, who name the stretched length.
        (
            {
                "max_position_embeddings": 32768,
                "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
            },
            None,
            131072,
        ),
        (
            {
                "max_position_embeddings": 163840,
                "rope_parameters": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096},
            },
            None,
            163840,
        ),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4.0}}, None, 16384),
        ({"max_position_embeddings": 2048, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, None, 4096),
        # Llama 3.1 and Phi-3 name the stretched length.
        (
            {
                "max_position_embeddings": 131072,
                "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192},
            },
            None,
            131072,
        ),
        (
            {
                "max_position_embeddings": 131072,
                "rope_parameters": {"rope_type": "longrope", "factor": 32, "original_max_position_embeddings": 4096},
            },
            None,
            131072,
        ),
        # Gemma 3: a scaling for each kind of layer.
        (
            {
                "max_position_embeddings": 131072,
                "sliding_window": 1024,
                "rope_parameters": {
                    "full_attention": {"rope_type": "linear", "factor": 8.0},
                    "sliding_attention": {"rope_type": "default"},
                },
            },
            None,
            131072,
        ),
        ({"max_position_embeddings": 514}, 512, 512),  # RoBERTa's table has two rows that are not for tokens
        ({"max_position_embeddings": 512}, 10**30, 512),
        ({"max_seq_len": 1024}, 10**30, 1024),  # MPT
        ({}, 8192, 8192),  # Mamba has no positions
        ({}, 10**30, 2048),
        ({}, None, 2048),
    ],
)
def test_the_context_is_what_the_family_means(config: dict[str, Any], tokenizer: Any, tokens: int) -> None:
    assert longest(SimpleNamespace(**config), tokenizer) == tokens


def edited(folder: Path, **changes: Any) -> Path:
    """tokenizer_config.json with these keys, None for none."""
    path = folder / "tokenizer_config.json"
    said = {k: v for k, v in (json.loads(path.read_text()) | changes).items() if v is not None}
    path.write_text(json.dumps(said))
    return folder


@pytest.fixture
def own(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny Llama's folder."""
    import shutil

    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def test_the_models_end_stands_in_for_a_tokenizers(own: Path) -> None:
    local = LocalModel.load(str(edited(own, eos_token=None, pad_token=None)))
    assert local.tokenizer.eos_token == "<|im_end|>"
    assert local.tokenizer.pad_token == "<|im_end|>"
    generation = own / "generation_config.json"
    generation.write_text(json.dumps(json.loads(generation.read_text()) | {"eos_token_id": [7, 1]}))
    assert LocalModel.load(str(own)).tokenizer.eos_token_id == 7


def test_padding_past_the_embedding_is_never_looked_up(own: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(own)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    assert tokenizer.pad_token_id == 258
    tokenizer.save_pretrained(own)
    local = LocalModel.load(str(own))
    assert local.pad == local.tokenizer.pad_token_id == 1
    local.model(torch.tensor([[local.pad]]))


def test_an_adapter_beside_whole_weights_is_left_alone(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from solon.settings import LoraSettings
    from solon.training.adapters import add_adapter, save_adapter

    ids = torch.arange(9)[None] + 5
    local = LocalModel.load(str(own))
    bare = local.model(ids).logits
    add_adapter(local, "policy", LoraSettings(), 0)
    with torch.no_grad():
        for weight in local.model.parameters():
            weight.add_(0.1)
    save_adapter(local, "policy", own)
    again = LocalModel.load(str(own))
    assert torch.equal(again.model(ids).logits, bare)
    assert "also holds an adapter, which is not used" in capsys.readouterr().err
    assert again.base.name_or_path == str(own)
    (own / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds an adapter and not the model itself; merge it into its base first"):
        LocalModel.load(str(own))


# --- published reward models ---------------------------------------------------------------------

ASKED, SAID = "is it so?", ("yes.", "I would rather not say, sir.", "no")


def published(folder: Path, tokenizer: Any, pad: int | None) -> Path:
    tokenizer.save_pretrained(folder)
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=258, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_labels=1,
        pad_token_id=pad, initializer_range=0.2,
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("pad", [None, 0, 1, 9], ids=["none", "begins", "ends a row", "a byte"])
@pytest.mark.parametrize("tokenizer_pads", [True, False])
@torch.no_grad()
def test_a_published_reward_is_transformers_own(
    tiny: LocalModel, tmp_path: Path, pad: int | None, tokenizer_pads: bool
) -> None:
    tokenizer = tiny.tokenizer
    tokenizer.chat_template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
    if not tokenizer_pads:
        tokenizer.pad_token = None
    folder = str(published(tmp_path, tokenizer, pad))
    rewards = ClassifierRewards(Classifier(resolve(folder, "float32"), "float32"))
    rows = [rewards.encode((user(ASKED),), said) for said in SAID]
    assert {row[-1] for row in rows} == {1}  # the token that ends a turn
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    alone = [float(model(torch.tensor([row])).logits) for row in rows]
    assert rewards.score(rows) == pytest.approx(alone, abs=1e-5)
    assert rewards.local.model.config.pad_token_id == pad  # the configuration's own word stands


@torch.no_grad()
def test_a_pair_of_texts_keeps_its_segments(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "is", "it", "so", "?", "yes", "no", ".", "sir"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=12, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_labels=1,
        initializer_range=0.3,
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    rewards = ClassifierRewards(Classifier(resolve(str(tmp_path), "float32"), "float32"))
    replies = ["yes .", "no sir , no sir ."]
    found = rewards.score([rewards.encode((user("is it so ?"),), reply) for reply in replies])
    alone = [float(model(**tokenizer("is it so ?", reply, return_tensors="pt")).logits) for reply in replies]
    assert found == pytest.approx(alone, abs=1e-5)

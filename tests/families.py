"""Every family of causal language models that the installed transformers knows, random and tiny.

A configuration is made by shrinking whatever size it declares; a few families want sizes that fit each other.
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from solon.engines.local.company import company
from solon.engines.local.model import LocalModel, _checked_decoder
from solon.engines.local.source import ModelSource
from solon.errors import ModelError

FAMILIES = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
WIDTH = 32

_SIZES: dict[str, tuple[str, ...]] = {
    "hidden_size d_model n_embd dim embed_dim n_embed word_embed_proj_dim embedding_size lru_width": (WIDTH,),
    "intermediate_size ffn_dim n_inner d_ff ffn_hidden_size encoder_ffn_dim decoder_ffn_dim feed_forward_size": (64,),
    "moe_intermediate_size shared_expert_intermediate_size expert_ffn_hidden_size sliding_window block_size": (16,),
    "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_decoder_layers": (2,),
    "n_group topk_group n_shared_experts num_shared_experts mamba_n_groups n_groups": (1,),
    "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads": (4,),
    "linear_num_value_heads num_experts num_local_experts n_routed_experts moe_num_experts": (4,),
    "num_key_value_heads num_kv_heads n_head_kv linear_num_key_heads n_mamba_heads type_vocab_size": (2,),
    "num_experts_per_tok moe_topk moe_k moe_top_k": (2,),
    "head_dim qk_rope_head_dim qk_nope_head_dim v_head_dim q_lora_rank kv_lora_rank rotary_dim": (8,),
    "state_size mamba_d_state ssm_state_size mamba_n_heads mamba_d_head mamba_headdim mamba_num_heads": (8,),
    "mamba_head_dim mamba_chunk_size chunk_size linear_key_head_dim linear_value_head_dim": (8,),
    "max_position_embeddings n_positions max_seq_len n_ctx max_sequence_length seq_length": (512,),
    "attention_window_size": (16,),
    "initializer_range init_std": (0.2,),  # type: ignore[dict-item]  # wide, so that a random model has opinions
    "eos_token_id pad_token_id": (1,),
    "bos_token_id": (0,),
}
SIZES: dict[str, Any] = {name: value for names, (value,) in _SIZES.items() for name in names.split()}

# What the sizes above do not fit.
_VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
_TWO = {"layer_types": ["linear_attention", "full_attention"]}
FITTED: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1]},
    "bailing_hybrid": {"layer_group_size": 2},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 8, "mamba_d_head": 8},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 64},
    },
    "gemma3": {"vision_config": _VISION, "mm_tokens_per_image": 4},
    "gemma4_text": {"vocab_size_per_layer_input": 258, "hidden_size_per_layer_input": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 16},
    "gpt_oss": {"layer_types": ["sliding_attention", "full_attention"]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": {
        "linear_attn_config": {
            "num_heads": 4,
            "head_dim": 8,
            "short_conv_kernel_size": 4,
            "kda_layers": [1],
            "full_attn_layers": [2],
        },
    },
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "lfm3": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 8},
    "qwen3_5": {"text_config": _TWO},
    "qwen3_5_moe": {"text_config": _TWO},
    "qwen3_5_moe_text": _TWO,
    "qwen3_5_text": _TWO,
    "qwen3_next": _TWO,
    "recurrent_gemma": {"num_hidden_layers": 3, "num_key_value_heads": 1},
    "zamba": {
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_hidden_layers": 3,
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
    },
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"], "num_mem_blocks": 1},
    "zaya": {"num_experts_per_tok": 1},
    "reformer": {"axial_pos_embds": False},
    "roc_bert": {"pronunciation_vocab_size": 20, "shape_vocab_size": 20},
}


# What is not built here, and why.
_BIG = "its towers for images or sound stay big"
_UNFIT = "the generic sizes do not fit each other"
NOT_BUILT: dict[str, str] = {
    **dict.fromkeys(("blt", "fuyu", "gemma4", "git", "got_ocr2", "moss_transcribe_diarize", "phi4_multimodal"), _BIG),
    **dict.fromkeys(("cohere_compass_text", "dots3_note", "dots3_note_text", "gemma3n_text"), _UNFIT),
    **dict.fromkeys(("gemma4_assistant", "gemma4_unified_assistant", "qwen4_exp", "qwen4_exp_text"), _UNFIT),
    **dict.fromkeys(("musicgen", "musicgen_melody"), "writes sound"),
    "gemma3n": "needs timm",
    "xlm": "takes tokens for padding that are none",
    "xlstm": "its reference kernel wants rows of a whole number of chunks",
}


def config_of(family: str, vocabulary: int) -> Any:
    """A tiny configuration of the family. Raises whatever the family does where the sizes do not fit each other."""
    kind = CONFIG_MAPPING[family]
    given, fitted = _declared(kind, vocabulary), FITTED.get(family, {})
    parts = {part: {**given[part], **more} for part, more in fitted.items() if isinstance(given.get(part), dict)}
    return kind(**{**given, **fitted, **parts})


def _declared(kind: Any, vocabulary: int) -> dict[str, Any]:
    """The sizes that a configuration class takes, those of its parts in it."""
    names = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    names |= set(inspect.signature(kind.__init__).parameters)
    given = {name: value for name, value in {**SIZES, "vocab_size": vocabulary}.items() if name in names}
    if "kv_lora_rank" in given:  # latent attention has no heads of its own for keys
        given["num_key_value_heads"] = given["num_attention_heads"]
    if "is_decoder" in names:
        given["is_decoder"] = True
    for part, of in getattr(kind, "sub_configs", {}).items():
        if part in names and part.startswith("text") and dataclasses.is_dataclass(of):
            given[part] = _declared(of, vocabulary)
    return given


def build(family: str, tokenizer: Any, folder: Path) -> LocalModel:
    """The family's model in memory, with `tokenizer`."""
    torch.manual_seed(0)
    local = LocalModel(ModelSource(family, folder, "0" * 64, "0" * 64))
    local.tokenizer = tokenizer
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config_of(family, len(tokenizer))).parameters())
    if size > 5_000_000:
        raise MemoryError(f"{size} weights")
    local.model = AutoModelForCausalLM.from_config(config_of(family, len(tokenizer))).eval()
    return local


# --- the table of docs/models.md ------------------------------------------------------------------

WAYS = {"gaps": "together", "left": "together, padded on the left", "alone": "one by one", "refused": "refused"}
TABLE = Path(__file__).parents[1] / "docs/models.md"


def documented() -> dict[str, str]:
    """What docs/models.md says of each family."""
    rows = [line.strip("| \n").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    return {name.strip("` "): row[0] for row in rows if row[0] in WAYS.values() for name in row[1].split(",")}


def table(found: dict[str, str]) -> str:
    """Rows of the table from each family's way, one of the values of WAYS."""
    lines = []
    for way in WAYS.values():
        names = ", ".join(f"`{family}`" for family in sorted(found) if found[family] == way)
        lines.append(f"| {way} | {names} |")
    return "\n".join(lines)


def way(local: LocalModel) -> str:
    """How the model is read, one of the values of WAYS: what loading and asking it comes to."""
    try:
        local._decoder = _checked_decoder(local.base, local.source.name)
        return WAYS[company(local)]
    except ModelError:
        return WAYS["refused"]


def main() -> None:
    """Print the table anew: `PYTHONPATH=tests python tests/families.py`."""
    import tempfile

    from tiny import write_tiny_llama

    folder = write_tiny_llama(Path(tempfile.mkdtemp()) / "llama")
    tokenizer, found = LocalModel.load(str(folder)).tokenizer, {}
    for family in FAMILIES:
        if family not in NOT_BUILT:
            found[family] = way(build(family, tokenizer, folder))
    print(table(found))


if __name__ == "__main__":
    main()

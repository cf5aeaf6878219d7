"""How many tokens a model can read, from what its configuration says."""

from __future__ import annotations

from typing import Any

UNKNOWN = 2048  # nothing says how long: short enough for every model in use
SANE = 10_000_000  # tokenizers say 1e30 where they do not know
# What families call the number of positions.
NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")


def longest(config: Any, tokenizer_says: Any) -> int:
    """Most tokens of a row, for a text model's `config`; `tokenizer_says` is the tokenizer's `model_max_length`.

    Rotary positions reach as far as their scaling stretches them, and the tokenizer's word is not asked, being often
    that of a shorter ancestor. Positions that are looked up in a table end with it, of which the tokenizer may know
    that some are not for use (RoBERTa's first two).
    """
    says = int(tokenizer_says) if isinstance(tokenizer_says, int | float) and 0 < tokenizer_says < SANE else None
    named = next((getattr(config, name) for name in NAMES if getattr(config, name, None)), None)
    if named is None or int(named) <= 0:
        return says or UNKNOWN
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None)
    if isinstance(rope, dict) and rope:
        return stretched(int(named), rope)
    return min(int(named), says or SANE)


def stretched(named: int, rope: dict[str, Any]) -> int:
    """`named` positions under a rotary scaling, by the conventions of the families that use each kind.

    llama3 and longrope name the stretched length, and so do families with a scaling for each kind of layer (Gemma 3).
    yarn, linear and dynamic stretch the original length by their factor.
    """
    kind = rope.get("rope_type") or rope.get("type")
    factor = rope.get("factor")
    if kind not in ("yarn", "linear", "dynamic") or not isinstance(factor, int | float) or factor <= 1:
        return named
    original = rope.get("original_max_position_embeddings")
    return max(named, int(factor * original)) if original else int(factor * named)

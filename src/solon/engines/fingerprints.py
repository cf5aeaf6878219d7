"""How engines name themselves, without loading what they name: plans compare fingerprints of models not yet read."""

from __future__ import annotations

from solon.types import Fingerprint, digest

# Raise when the same request may get another answer.
TRANSFORMERS_VERSION = "2"  # in float32
COARSE_VERSION = "3"  # in bfloat16 and float16
OPENAI_VERSION = "3"


def local_fingerprint(
    model: str, weights: str, precision: str, adapter: str | None = None, adapter_hash: str = ""
) -> Fingerprint:
    """Weights in this process, with one of their adapters or none (the base alone)."""
    return Fingerprint(
        "transformers",
        f"{model}+{adapter}" if adapter else model,
        digest([weights, adapter_hash]) if adapter else weights,
        precision,
        TRANSFORMERS_VERSION if precision == "float32" else COARSE_VERSION,
    )


def server_fingerprint(model: str, weights: str = "") -> Fingerprint:
    """A server's model. The address is left out: moving a server to another port must not discard its answers."""
    return Fingerprint("openai", model, weights, "", OPENAI_VERSION)

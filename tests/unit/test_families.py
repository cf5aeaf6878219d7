"""Every family of causal language models that the installed transformers can build tiny is right, or refused by name.

What is right is the model's own: log P of an answer is the log-softmax of `model(x).logits`, however many others it is
asked or trained with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from families import FAMILIES, NOT_BUILT, build, documented, way
from solon.engines.local.decode import Job, LocalDecoder, Scored
from solon.engines.local.model import LocalModel
from solon.settings import LoraSettings
from solon.training.adapters import adapter_weights, add_adapter
from solon.training.dpo.pairs import Pair
from solon.training.dpo.reading import AnswerLogprobs, batch_of, by_pair
from solon.training.packed import PackedCollator, by_row, packs, rows_of
from solon.training.rollouts import Rollout, answer_logprobs, answer_states, together
from solon.training.sft import _read, _surprise
from solon.types import user

pytestmark = [
    # What families say of sizes that no real model has, and of kernels that are not installed.
    pytest.mark.filterwarnings("ignore"),
]

# They read ahead (bidirectional), need more than token ids, or make logits of more than a hidden state.
REFUSED = {"cpmant", "prophetnet", "xlnet", "xmod"}
# One at a time: a recurrent state, or positions that padding moves.
ALONE_AMONG_THEM = {"mamba", "mamba2", "falcon_mamba", "lfm2", "qwen3_next", "jamba", "bamba", "falcon_h1", "rwkv"}

QUESTIONS = ("hi", "tell me about the sea and ships", "tell me about the sea and boats")
ANSWERS = ("yes ok", "no")


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> object:
    return LocalModel.load(str(tiny_folder)).tokenizer


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(before)


@torch.no_grad()
def own(local: LocalModel, prompt: list[int], answer: list[int]) -> float:
    """log P of the answer by the model's own logits."""
    logits: Tensor = local.model(torch.tensor([prompt + answer])).logits[0].float()
    scores = logits.log_softmax(-1)[len(prompt) - 1 : -1]
    return float(scores[range(len(answer)), answer].sum())


def made(family: str, tokenizer: object, folder: Path) -> LocalModel:
    if family in NOT_BUILT:
        pytest.skip(NOT_BUILT[family])
    return build(family, tokenizer, folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_right_or_refused(family: str, tokenizer: object, tiny_folder: Path) -> None:
    local = made(family, tokenizer, tiny_folder)
    found = way(local)
    assert documented()[family] == found  # docs/models.md; tests/families.py prints its table
    if found == "refused":
        assert family in REFUSED
        return
    assert found == "one by one" or family not in ALONE_AMONG_THEM
    rows = [local.encode_chat((user(question),)) for question in QUESTIONS]
    answers = [local.encode_text(answer) for answer in ANSWERS]
    asked = [Scored(rows[0], answers), Scored(rows[1], answers[:1]), Scored(rows[2], answers[1:])]
    wanted = [[own(local, item.ids, choice) for choice in item.choices] for item in asked]
    for got, true in zip(LocalDecoder(local, cost=4).score(asked), wanted, strict=True):
        assert got == pytest.approx(true, abs=1e-3)
    jobs = [Job(row, 4, 1.0, 1.0, seed) for seed, row in enumerate(rows)]
    written = LocalDecoder(local, cost=4).write(jobs)[1]
    assert LocalDecoder(local).write(jobs[1:2])[0].ids == written.ids
    assert sum(written.logprobs) == pytest.approx(own(local, rows[1], written.ids), abs=1e-3)


# One of each kind: plain, windows, tied, parallel blocks, learned positions, ALiBi, experts, latent attention, hybrids.
TRAINED = (
    "llama", "mistral", "gemma3_text", "gpt2", "gpt_neox", "opt", "mpt", "bloom", "mixtral", "gpt_oss", "phimoe",
    "deepseek_v3", "llama4_text", "nemotron", "mamba", "lfm2", "qwen3_next", "jamba", "roformer", "granite", "cohere",
)  # fmt: skip


@pytest.mark.parametrize("family", TRAINED)
def test_the_first_step_of_training_reads_the_models_own_numbers(
    family: str, tokenizer: object, tiny_folder: Path
) -> None:
    local = made(family, tokenizer, tiny_folder)
    assert way(local) != "refused"
    prompts = [local.encode_chat((user(question),)) for question in QUESTIONS[:2]]
    sides = [
        (local.encode_text("yes ok"), local.encode_text("no")),
        (local.encode_text("b"), local.encode_text("what")),
    ]
    each = [(p, a) for p, two in zip(prompts, sides, strict=True) for a in two]
    wanted = [own(local, prompt, answer) for prompt, answer in each]
    add_adapter(local, "policy", LoraSettings(rank=2, alpha=4), 0)
    packed = packs(local)

    # SFT: nats of all answers, rows behind one another where the model can.
    batch = PackedCollator()([{"input_ids": p + a, "labels": [-100] * len(p) + a} for p, a in each])
    if packed:
        with by_row(local.base):
            loss = _surprise(_read(local.model, batch, lengths=batch["lengths"]), batch)
    else:
        loss = torch.stack([_surprise(_read(local.model, row), row) for row in rows_of(batch)]).sum()
    assert float(loss) == pytest.approx(-sum(wanted), abs=1e-3)
    loss.backward()
    weights = adapter_weights(local, "policy").values()
    assert any(w.grad is not None and float(w.grad.abs().max()) > 0 for w in weights)
    assert all(math.isfinite(float(w.grad.sum())) for w in weights if w.grad is not None)

    with torch.no_grad(), by_pair(local, packed):  # DPO
        pairs = [Pair(p, a, b, 1.0) for p, (a, b) in zip(prompts, sides, strict=True)]
        found = AnswerLogprobs(local).eval()(batch_of(pairs, local.pad, packed)).flatten().tolist()
    assert found == pytest.approx(wanted, abs=1e-3)
    with torch.no_grad():  # PPO
        answers = together(local, [Rollout("", p, a, "", True) for p, a in each])
        found = answer_logprobs(local, answers, answer_states(local, answers)).sum(-1).tolist()
    assert found == pytest.approx(wanted, abs=1e-3)


def test_the_families_that_are_not_tried_are_few() -> None:
    """New families must be tried: this list is what is known not to be, and it may only get shorter."""
    assert set(FAMILIES) >= NOT_BUILT.keys()
    assert len(NOT_BUILT) <= 30
    assert set(TRAINED) <= set(FAMILIES) - NOT_BUILT.keys()

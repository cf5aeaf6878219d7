"""SFT: TRL's loss without its padding, the same weights however the rows are dealt out, and rows left out are said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from safetensors.torch import load_file
from torch import Tensor
from trl import SFTConfig, SFTTrainer

from solon.data.sft import at_most, revision_rows
from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, DataError, Interrupted
from solon.settings import LoraSettings, SftSettings
from solon.training.adapters import adapter_state, add_adapter, trainable
from solon.training.arguments import trainer_arguments
from solon.training.checkpoints import Checkpoints
from solon.training.packed import PackedCollator, attends_plainly, by_row, first_rows
from solon.training.sft import CompletionTrainer, dataset, encode_rows, train_sft
from solon.types import Revision


def row(prompt: str, completion: str, **more: object) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
        **more,
    }


# Of uneven lengths, 19 of them: the last batch of 8 is not full.
ROWS = [row("ask " * (1 + n * 7 % 5), f"No {n}." * (1 + n * 5 % 7)) for n in range(19)]


def silent(*_: object) -> None:
    return None


def settings(**knobs: Any) -> SftSettings:
    lora = LoraSettings(rank=4)
    return SftSettings.model_validate({"epochs": 2, "learning_rate": 1e-2, "batch_size": 8, "lora": lora, **knobs})


def trained(folder: Path, scratch: Path, **knobs: Any) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    local = LocalModel.load(str(folder))
    named = {name: knobs.pop(name) for name in ("tick", "checkpoints") if name in knobs}
    history = train_sft(local, "sl_cai", ROWS, settings(**knobs), seed=1, scratch=scratch, **{"tick": silent, **named})
    return adapter_state(local, "sl_cai"), history


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def adapted(folder: Path) -> LocalModel:
    """The tiny Llama with an adapter that is not zero, so that every weight of it gets a gradient."""
    local = LocalModel.load(str(folder))
    add_adapter(local, "sl_cai", LoraSettings(rank=4), 0)
    noise = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in trainable(local, "sl_cai"):
            weight.add_(0.1 * torch.randn(weight.shape, generator=noise))
    local.model.train()
    return local


def loss_and_gradients(local: LocalModel, trainer: SFTTrainer) -> tuple[list[float], dict[str, Tensor]]:
    """Of one pass over the data: the summed loss of each batch, and the gradients of all."""
    local.model.zero_grad()
    losses = []
    for batch in trainer.get_train_dataloader():
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=torch.tensor(100))
        loss.backward()
        losses.append(float(loss.detach()))
    gradients = {n: p.grad.clone() for n, p in local.model.named_parameters() if p.grad is not None}
    assert gradients
    return losses, gradients


def trainer_of(kind: type[SFTTrainer], local: LocalModel, scratch: Path, knobs: SftSettings) -> SFTTrainer:
    arguments = trainer_arguments(knobs, local, scratch, 0) | {"train_sampling_strategy": "sequential"}
    config = SFTConfig(**arguments, completion_only_loss=True, bf16=False, gradient_checkpointing=False)
    if kind is CompletionTrainer:
        data = dataset(encode_rows(local, ROWS, 512), knobs)
    else:
        data = Dataset.from_list(encode_rows(local, ROWS, 512))
    return kind(model=local.model, args=config, train_dataset=data, processing_class=local.tokenizer)


def test_loss_and_gradients_are_trls(tiny_folder: Path, tmp_path: Path) -> None:
    found = []
    for kind in (SFTTrainer, CompletionTrainer):
        local = adapted(tiny_folder)
        found.append(loss_and_gradients(local, trainer_of(kind, local, tmp_path, settings())))
    (theirs, their_gradients), (ours, our_gradients) = found
    assert len(ours) == 3
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert largest_difference(our_gradients, their_gradients) < 1e-5


def test_a_model_whose_attention_is_not_plain_gives_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    found = []
    for plain in (True, False):
        local = adapted(tiny_folder)
        if not plain:
            local.base.config.sliding_window = 4096  # wider than any row: it changes nothing but the way
            assert not attends_plainly(local.base)
        found.append(loss_and_gradients(local, trainer_of(CompletionTrainer, local, tmp_path, settings())))
    (ours, our_gradients), (others, other_gradients) = found
    assert ours == pytest.approx(others, abs=1e-5)
    assert largest_difference(our_gradients, other_gradients) < 1e-5


def test_the_loss_is_the_mean_over_completion_tokens(tiny_folder: Path, tmp_path: Path) -> None:
    local = adapted(tiny_folder)
    trainer = trainer_of(CompletionTrainer, local, tmp_path, settings(batch_size=4))
    batch = next(iter(trainer.get_train_dataloader()))
    logprobs = []
    for encoded in encode_rows(local, ROWS[:4], 512):
        logits = local.model(torch.tensor([encoded["input_ids"]])).logits[0]
        every = F.log_softmax(logits.float(), -1)
        pairs = zip(encoded["input_ids"][1:], encoded["completion_mask"][1:], strict=True)
        logprobs += [float(every[at, token].detach()) for at, (token, learnt) in enumerate(pairs) if learnt]
    assert float(trainer.compute_loss(trainer.model, batch).detach()) == pytest.approx(-sum(logprobs) / len(logprobs))


def test_packed_is_unpacked(tiny_folder: Path, tmp_path: Path) -> None:
    found = []
    for packing in (False, True):
        local = adapted(tiny_folder)
        trainer = trainer_of(CompletionTrainer, local, tmp_path, settings(packing=packing, max_length=120))
        rows, learnt = len(trainer.train_dataset), sum(len(b["targets"]) for b in trainer.get_train_dataloader())
        found.append((rows, learnt, *loss_and_gradients(local, trainer)))
    (rows, learnt, losses, gradients), (bins, packed_learnt, packed_losses, packed_gradients) = found
    assert bins < rows == 19
    assert packed_learnt == learnt
    assert sum(packed_losses) == pytest.approx(sum(losses), abs=1e-5)
    assert largest_difference(packed_gradients, gradients) < 1e-5


@pytest.mark.parametrize("attention", ["by row", "sdpa"])
def test_a_row_is_blind_to_its_neighbours(tiny_folder: Path, attention: str) -> None:
    local = adapted(tiny_folder)
    first, second = ({"input_ids": ids, "labels": ids} for ids in ([5, 6, 7, 8], [9, 10, 11]))
    other = {"input_ids": [20, 21, 22, 23], "labels": [20, 21, 22, 23]}

    def logits(*rows: dict[str, Any]) -> Tensor:
        batch = PackedCollator()(rows)
        inputs = {"input_ids": batch["input_ids"], "position_ids": batch["position_ids"], "use_cache": False}
        if attention == "sdpa":  # transformers' own masks, which see where positions begin anew
            return local.model(**inputs).logits[0]
        with by_row(local.base):
            return local.model(**inputs, lengths=batch["lengths"]).logits[0]

    alone, behind, behind_other = logits(second), logits(first, second), logits(other, second)
    assert not torch.equal(behind[:4], behind_other[:4])
    assert torch.allclose(behind[4:], alone, atol=1e-5)
    assert torch.allclose(behind_other[4:], alone, atol=1e-5)
    assert local.base.config._attn_implementation == "sdpa"  # put back


def test_a_batch_is_one_sequence_without_padding() -> None:
    rows = [
        {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, 2, -100, 4, 5], "seq_lengths": [3, 2]},
        {"input_ids": [6, 7], "labels": [-100, 7], "seq_lengths": [2]},
    ]
    batch = PackedCollator()(rows)
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5, 6, 7]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1]]
    # The 4 begins a row: no token of its own row says it.
    assert batch["targets"].tolist() == [2, 5, 7]
    assert batch["learnt"].tolist() == [0, 3, 5]
    assert batch["lengths"] == [3, 2, 2]
    assert first_rows(batch, 1)["targets"].tolist() == [2, 5]
    assert first_rows(batch, 0)["targets"].tolist() == []
    assert first_rows(batch, 0)["input_ids"] is batch["input_ids"]


def test_accumulated_batches_give_the_weights_of_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, history = trained(tiny_folder, tmp_path, batch_size=8)
    parts, by_parts = trained(tiny_folder, tmp_path, batch_size=1, accumulation=8)
    assert [h["loss"] for h in by_parts] == pytest.approx([h["loss"] for h in history], abs=1e-4)
    assert largest_difference(whole, parts) < 2e-4  # Adam divides by what is nearly nothing


def test_packing_trains(tiny_folder: Path, tmp_path: Path) -> None:
    _, history = trained(tiny_folder, tmp_path, packing=True, max_length=256, batch_size=1, epochs=8)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


@pytest.mark.parametrize("knobs", [{}, {"packing": True, "max_length": 200, "batch_size": 1}])
def test_a_resumed_training_ends_with_the_same_weights(
    tiny_folder: Path, tmp_path: Path, knobs: dict[str, Any]
) -> None:
    knobs = {"batch_size": 2, "accumulation": 2, **knobs}
    whole, history = trained(tiny_folder, tmp_path, **knobs)
    steps = len(history)
    assert steps > 4
    checkpoints = Checkpoints(tmp_path / "c", "key")
    for at in (2, steps // 2 + 1):

        def tick(step: int, *_: object, at: int = at) -> None:
            checkpoints.stopping = step == at

        with pytest.raises(Interrupted):
            trained(tiny_folder, tmp_path, tick=tick, checkpoints=checkpoints, **knobs)
    resumed, again = trained(tiny_folder, tmp_path, checkpoints=Checkpoints(tmp_path / "c", "key"), **knobs)
    assert again == history
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_only_the_trained_adapter_is_in_the_checkpoint(tiny: LocalModel, tmp_path: Path) -> None:
    add_adapter(tiny, "other", LoraSettings(rank=2), 0)
    before = adapter_state(tiny, "other")
    checkpoints = Checkpoints(tmp_path / "c", "key", minutes=0)
    train_sft(
        tiny, "sl_cai", ROWS, settings(), seed=0, scratch=tmp_path, tick=silent, checkpoints=checkpoints, start="other"
    )
    found = checkpoints.newest()
    assert found is not None
    saved = [name for name in load_file(found[1] / "state.safetensors") if name.startswith("weights/")]
    assert saved
    assert all(".sl_cai." in name for name in saved)
    assert largest_difference(before, adapter_state(tiny, "other")) == 0


def test_training_can_start_from_another_adapter(tiny_folder: Path, tmp_path: Path) -> None:
    local = adapted(tiny_folder)
    before = adapter_state(local, "sl_cai")
    train_sft(
        local,
        "policy",
        ROWS,
        settings(learning_rate=1e-12),
        seed=0,
        scratch=tmp_path,
        tick=silent,
        start="sl_cai",
    )
    assert largest_difference(before, adapter_state(local, "policy")) < 1e-6
    assert largest_difference(before, adapter_state(local, "sl_cai")) == 0


def test_rows_left_out_are_counted(tiny: LocalModel, tmp_path: Path) -> None:
    rows = [*ROWS, row("long " * 90, "no"), row("hi", "x" * 300), row("nothing", "", ended=False)]
    history = train_sft(tiny, "sl_cai", rows, settings(max_length=256), seed=0, scratch=tmp_path, tick=silent)
    assert history[0]["left_out"] == 3.0


def test_a_row_beyond_the_context_is_left_out_whatever_max_length(tiny: LocalModel) -> None:
    assert len(encode_rows(tiny, [*ROWS, row("hi", "x" * 600)], 10_000)) == len(ROWS)


def test_no_rows_is_one_line(tiny: LocalModel) -> None:
    with pytest.raises(DataError, match="there are no rows to learn from"):
        encode_rows(tiny, [], 512)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rat": 1e-4}, "trainer_args.learning_rat: SFTConfig has no such argument; .* 'learning_rate'"),
        ({"learning_rate": "fast"}, "trainer_args.learning_rate: .*number.*given: 'fast'"),
        ({"packing": True}, "trainer_args.packing: Solon sets it itself"),
        ({"report_to": "wandbb"}, "report_to: 'wandbb' is unknown; did you mean 'wandb'.; choose among: none, "),
        ({"report_to": ["trackio"]}, "trainer_args.report_to: trackio is not installed; pip install trackio"),
        ({"optim": "adamm"}, "trainer_args: adamm is not a valid OptimizerNames"),
    ],
)
def test_trainer_arguments_that_are_wrong_are_one_line(
    tiny: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("solon.training.arguments.get_available_reporting_integrations", list)
    with pytest.raises(ConfigError, match=message) as caught:
        train_sft(tiny, "sl_cai", ROWS, settings(trainer_args=arguments), seed=0, scratch=tmp_path, tick=silent)
    assert "\n" not in str(caught.value)


def test_trainer_arguments_reach_the_trainer(tiny_folder: Path, tmp_path: Path) -> None:
    _, history = trained(tiny_folder, tmp_path, trainer_args={"max_steps": 3, "learning_rate": "1e-3"})
    assert [h["step"] for h in history] == [1, 2, 3]


def test_numbers_are_reported_where_trainer_args_say(
    tiny: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    seen: list[float] = []

    class Board(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            seen.extend([logs["loss"]] if "loss" in logs else [])

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "trackio", Board)
    monkeypatch.setattr("solon.training.arguments.get_available_reporting_integrations", lambda: ["trackio"])
    knobs = settings(trainer_args={"report_to": "trackio"})
    history = train_sft(tiny, "sl_cai", ROWS, knobs, seed=0, scratch=tmp_path, tick=silent)
    assert seen == [h["loss"] for h in history]


def revision(prompt: str, step: int, before: str, after: str) -> Revision:
    return Revision(prompt, "ask", step, "no-harm", before, "?", "bad", "!", after)


def test_all_rounds_or_the_last_that_changed_anything() -> None:
    chains = [
        revision("p", 0, "draft", "first"),
        revision("p", 1, "first", "second"),
        revision("q", 0, "draft", "only"),
        revision("q", 1, "only", "only"),
    ]
    texts = {
        rounds: [r["completion"][0]["content"] for r in revision_rows(chains, rounds)] for rounds in ("all", "last")
    }
    assert texts == {"all": ["first", "second", "only"], "last": ["second", "only"]}


def test_the_helpful_share_is_of_the_whole_mix() -> None:
    helpful = [{"prompt_id": str(n)} for n in range(100)]
    kept = at_most(helpful, 0.27, 73)
    assert len(kept) == 27
    assert kept == [one for one in helpful if one in kept]  # in their order
    assert all(one in at_most(helpful, 0.4, 73) for one in kept)
    assert at_most(helpful, 1.0, 73) == helpful
    assert at_most(helpful, 0.99, 73) == helpful  # no more than there are
    assert at_most(helpful, 0.0, 73) == []


WORKER = """
import sys
from pathlib import Path
folder, scratch, out, tests = sys.argv[1:]
sys.path[:0] = [tests]
import torch
from accelerate import PartialState
from safetensors.torch import save_file
from solon.errors import Interrupted
from solon.training.checkpoints import Checkpoints
from test_sft import trained

def stopped(step, *_):
    # A signal that only one of the processes gets.
    checkpoints.stopping = step == 3 and not PartialState().is_main_process

checkpoints = Checkpoints(Path(scratch) / "c", "key")
try:
    trained(Path(folder), Path(scratch), batch_size=4, tick=stopped, checkpoints=checkpoints)
except Interrupted as error:
    assert error.step == 3
else:
    raise AssertionError("not stopped")
resumed = Checkpoints(Path(scratch) / "c", "key")
weights, history = trained(Path(folder), Path(scratch), batch_size=4, checkpoints=resumed)
if PartialState().is_main_process:
    save_file(weights | {"losses": torch.tensor([h["loss"] for h in history])}, out)
"""


def test_two_processes_stopped_and_resumed_train_the_weights_of_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, history = trained(tiny_folder, tmp_path, batch_size=8)
    worker, out = tmp_path / "worker.py", tmp_path / "weights.safetensors"
    worker.write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    arguments = [str(part) for part in (worker, tiny_folder, tmp_path, out, Path(__file__).parent)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([*launch, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    weights = load_file(out)
    assert weights.pop("losses").tolist() == pytest.approx([h["loss"] for h in history], abs=1e-4)
    assert largest_difference(whole, weights) < 2e-4

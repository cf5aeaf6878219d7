"""DPO on soft labels, on the tiny Llama: the losses by hand and against TRL, and what training does."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from trl import DPOConfig, DPOTrainer

from solon.engines.local.decode import LocalDecoder, Scored
from solon.engines.local.model import LocalModel
from solon.errors import DataError
from solon.settings import DpoSettings
from solon.training.adapters import adapter_state, copy_adapter
from solon.training.checkpoints import Checkpoints
from solon.training.dpo import train_dpo
from solon.training.dpo.losses import soft_dpo, soft_ipo
from solon.training.dpo.pairs import Pair, encode_pairs
from solon.training.dpo.reading import AnswerLogprobs, batch_of, by_pair, reads_branches
from solon.training.dpo.reference import reference_logprobs
from solon.training.dpo.run import build_trainer, drawn
from solon.training.dpo.trainer import DpoTrainer
from solon.training.task import Seen, Task
from tasks import Unwatched, task_of

Row = dict[str, Any]


def row(prompt: str, chosen: str, rejected: str, prob_chosen: float) -> Row:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "prob_chosen": prob_chosen,
    }


def rows(prob_chosen: float = 1.0, count: int = 8) -> list[Row]:
    """Pairs of answers, and of prompts, of different lengths."""
    return [
        row(f"do {'it ' * n}now", "no" + "!" * n, "yes, of course" * (1 + n % 2), prob_chosen) for n in range(count)
    ]


def task(local: LocalModel, preferences: Sequence[Row], folder: Path, **fields: Any) -> Task:
    """A task whose reference is an adapter that differs from the base."""
    made = task_of(local, folder, preferences=preferences, **fields)
    nudge(local, "sl_cai")
    return made


def nudge(local: LocalModel, adapter: str) -> None:
    """Move the adapter's weights a little, the same way every time."""
    with torch.no_grad():
        for name, weight in local.model.named_parameters():
            if f".{adapter}." in name:
                weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))))


def settings(**changes: Any) -> DpoSettings:
    return DpoSettings.model_validate({"learning_rate": 1e-2, "batch_size": 8, **changes})


# --- the losses, by hand -----------------------------------------------------------------------------


def test_soft_dpo_by_hand() -> None:
    h, p = torch.tensor([0.0, 10.0, 10.0, -3.0]), torch.tensor([0.7, 1.0, 0.6, 0.0])
    expected = [
        math.log(2),
        math.log(1 + math.exp(-1)),
        0.6 * math.log(1 + math.exp(-1)) + 0.4 * math.log(1 + math.exp(1)),
        math.log(1 + math.exp(-0.3)),
    ]
    assert soft_dpo(h, p, 0.1).tolist() == pytest.approx(expected)


def test_soft_dpo_is_least_where_the_policy_says_the_label() -> None:
    h = torch.tensor([math.log(0.8 / 0.2) / 0.1], requires_grad=True)
    soft_dpo(h, torch.tensor([0.8]), 0.1).sum().backward()
    assert h.grad is not None
    assert h.grad.item() == pytest.approx(0, abs=1e-7)


def test_soft_ipo_by_hand() -> None:
    h, p = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 0.5, 0.0])
    assert soft_ipo(h, p, 0.1).tolist() == pytest.approx([16.0, 1.0, 36.0])


def test_soft_ipo_learns_as_its_mean_over_drawn_labels() -> None:
    h, p, beta = torch.tensor([2.0], requires_grad=True), torch.tensor([0.7]), 0.2
    (soft,) = torch.autograd.grad(soft_ipo(h, p, beta).sum(), h)
    drawn = 0.7 * soft_ipo(h, torch.ones(1), beta) + 0.3 * soft_ipo(h, torch.zeros(1), beta)
    (mean,) = torch.autograd.grad(drawn.sum(), h)
    assert soft.item() == pytest.approx(mean.item())


# --- reading -----------------------------------------------------------------------------------------


def pairs(local: LocalModel, data: Sequence[Row]) -> list[Pair]:
    return encode_pairs(local, data, 512, "dpo")


@pytest.mark.parametrize("shared", [True, False])
def test_answers_are_scored_as_the_engine_scores_them(tiny: LocalModel, shared: bool) -> None:
    data = pairs(tiny, rows())
    with torch.no_grad(), by_pair(tiny, shared):
        found = AnswerLogprobs(tiny).eval()(batch_of(data, tiny.pad, shared))
    wanted = LocalDecoder(tiny).score([Scored(p.prompt, [p.chosen, p.rejected]) for p in data])
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=1e-5, atol=1e-4)


def test_a_prompt_is_read_once(tiny: LocalModel) -> None:
    data = pairs(tiny, rows(count=1))
    (pair,) = data
    assert reads_branches(tiny)
    shared, apart = (batch_of(data, tiny.pad, once)["tokens"]["input_ids"] for once in (True, False))
    assert shared.shape == (1, len(pair.prompt) + len(pair.chosen) + len(pair.rejected))
    assert apart.shape == (2, pair.length)


def test_attention_that_is_not_plain_is_left_to_the_model(tiny: LocalModel) -> None:
    tiny.base.config.sliding_window = 128
    assert not reads_branches(tiny)


def test_text_that_spells_a_control_token_stays_text(tiny: LocalModel) -> None:
    (pair,) = pairs(tiny, [row("hi", "<|im_end|>", "no", 1.0)])
    assert pair.chosen.count(tiny.tokenizer.eos_token_id) == 1


def test_several_turns_are_a_prompt(tiny: LocalModel) -> None:
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]
    (pair,) = pairs(tiny, [{**row("", "a", "b", 1.0), "prompt": turns}])
    assert "hello" in tiny.decode_text(pair.prompt)


# --- against TRL -------------------------------------------------------------------------------------


def ours(local: LocalModel, data: Sequence[Row], folder: Path, **changes: Any) -> DpoTrainer:
    """Our trainer, its policy moved off the reference."""
    made = task(local, data, folder)
    copy_adapter(local, "sl_cai", "policy")
    with by_pair(local, True):
        trainer = build_trainer(made, settings(**changes), pairs(local, data), True, folder)
    nudge(local, "policy")
    return trainer


def test_a_pair_counts_by_its_weight(tiny: LocalModel, tmp_path: Path) -> None:
    data = [{**one, "weight": weight} for one, weight in zip(rows(count=2), (1.0, 3.0), strict=True)]
    trainer = ours(tiny, data, tmp_path)
    both = float(our_loss(trainer, [0, 1]).detach())
    plain = trainer.train_dataset.remove_columns("weight").add_column("weight", [1.0, 1.0])
    trainer.train_dataset = plain
    first, second = (float(our_loss(trainer, [n]).detach()) for n in (0, 1))
    assert first != pytest.approx(second, abs=1e-4)
    assert both == pytest.approx((1 * first + 3 * second) / 4, abs=1e-5)


def our_loss(trainer: DpoTrainer, indices: Sequence[int]) -> torch.Tensor:
    batch = trainer.data_collator([trainer.train_dataset[i] for i in indices])
    with by_pair(trainer.model.local, True):
        return trainer.compute_loss(trainer.model, batch)


def theirs(local: LocalModel, data: Sequence[Row], folder: Path, **changes: Any) -> DPOTrainer:
    """TRL's trainer of the same weights: "default" is our policy, and "ref" our reference."""
    copy_adapter(local, "sl_cai", "default")
    config = DPOConfig(
        str(folder),
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        use_cpu=True,
        max_length=None,
        **changes,
    )
    columns = [{name: r[name] for name in ("prompt", "chosen", "rejected")} for r in data]
    trainer = DPOTrainer(
        local.model, args=config, train_dataset=Dataset.from_list(columns), processing_class=local.tokenizer
    )
    copy_adapter(local, "policy", "default")
    local.model.set_adapter("default")
    return trainer


def their_loss(trainer: DPOTrainer, indices: Sequence[int]) -> torch.Tensor:
    rows = [trainer.train_dataset[i] for i in indices]
    rows = [
        {**r, "chosen_ids": r["chosen_ids"][:-1], "rejected_ids": r["rejected_ids"][:-1]} for r in rows
    ]  # the template ends a turn with a line break after the end of turn, which no model ever writes
    return trainer.compute_loss(trainer.model, trainer.data_collator(rows))


def test_hard_labels_equal_trl(tiny: LocalModel, tmp_path: Path) -> None:
    mine, trl = ours(tiny, rows(), tmp_path), theirs(tiny, rows(), tmp_path, beta=0.1)
    wanted = their_loss(trl, range(8))
    tiny.model.set_adapter("policy")
    torch.testing.assert_close(our_loss(mine, range(8)), wanted, rtol=1e-5, atol=1e-5)
    assert wanted.item() != pytest.approx(math.log(2), abs=1e-2)  # the policy is not the reference


def test_one_soft_label_for_all_equals_trl_smoothed(tiny: LocalModel, tmp_path: Path) -> None:
    # TRL's "sigmoid" no longer smooths. Its "aot" does, and on one pair, where there is nothing to sort, is cDPO.
    mine = ours(tiny, rows(0.8), tmp_path)
    trl = theirs(tiny, rows(), tmp_path, beta=0.1, loss_type=["aot"], label_smoothing=0.2)
    wanted = torch.stack([their_loss(trl, [i]) for i in range(8)]).mean()
    tiny.model.set_adapter("policy")
    torch.testing.assert_close(our_loss(mine, range(8)), wanted, rtol=1e-5, atol=1e-5)


def test_ipo_equals_trl_but_for_its_division_by_length(tiny: LocalModel, tmp_path: Path) -> None:
    # Answers of one length n: TRL's is ours at β/n, divided by n².
    data = [row("why", "because", "forever", 1.0), row("who", "no one!", "we did!", 1.0)]
    n = len("because") + 1
    mine = ours(tiny, data, tmp_path, loss="ipo", beta=0.1)
    trl = theirs(tiny, data, tmp_path, loss_type=["ipo"], beta=0.1 * n)
    wanted = their_loss(trl, range(2)) * n**2
    tiny.model.set_adapter("policy")
    torch.testing.assert_close(our_loss(mine, range(2)), wanted, rtol=1e-5, atol=1e-5)


# --- what the trainer promises -----------------------------------------------------------------------


def swapped(data: Sequence[Row]) -> list[Row]:
    return [{**r, "chosen": r["rejected"], "rejected": r["chosen"], "prob_chosen": 1 - r["prob_chosen"]} for r in data]


@pytest.mark.parametrize("loss", ["sigmoid", "ipo"])
def test_swapped_answers_teach_the_same(tiny_folder: Path, tmp_path: Path, loss: str) -> None:
    found = []
    for data in (rows(0.7), swapped(rows(0.7))):
        trainer = ours(LocalModel.load(str(tiny_folder)), data, tmp_path, loss=loss)
        value = our_loss(trainer, range(8))
        weights = [p for p in trainer.model.parameters() if p.requires_grad]
        found.append([value, *torch.autograd.grad(value, weights)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def ratios(local: LocalModel, data: Sequence[Row]) -> torch.Tensor:
    """h of every pair, policy against reference."""
    encoded = pairs(local, data)
    policy, before = (
        torch.tensor(reference_logprobs(local, name, encoded, 8, shared=False)) for name in ("policy", "sl_cai")
    )
    difference = policy - before
    return difference[:, 0] - difference[:, 1]


def test_less_than_an_epoch_reads_only_what_it_learns_from(
    tiny: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(local: LocalModel, reference: str | None, pairs: Sequence[Pair], *more: Any) -> Any:
        read.append(len(pairs))
        return reference_logprobs(local, reference, pairs, *more)

    monkeypatch.setattr("solon.training.dpo.run.reference_logprobs", counted)
    history = train_dpo(task(tiny, rows(0.8), tmp_path), settings(epochs=0.5, batch_size=2))
    assert (read, len(history), history[0]["left_out"]) == ([4], 2, 0.0)


def test_the_seed_draws_what_less_than_an_epoch_learns_from() -> None:
    pairs = [Pair([n], [1], [2], 0.5 if n else 0.9) for n in range(20)]
    first, again, other = (drawn(pairs, 0.25, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 5
    assert all(any(pair.prob_chosen != 0.5 for pair in drawn(pairs, 0.01, seed)) for seed in range(9))


def test_training_moves_the_implicit_reward_as_the_labels_say(tiny: LocalModel, tmp_path: Path) -> None:
    half = rows(1.0)[:4] + rows(0.0)[4:]
    history = train_dpo(task(tiny, half, tmp_path), settings(epochs=20))
    h = ratios(tiny, half)
    assert (h[:4] > 0).all()
    assert (h[4:] < 0).all()
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["accuracy"] == 1.0


def test_a_soft_label_is_learnt_and_not_exceeded(tiny: LocalModel, tmp_path: Path) -> None:
    train_dpo(task(tiny, rows(0.8, count=4), tmp_path), settings(epochs=60, beta=0.5))
    # σ(βh) = 0.8
    assert ratios(tiny, rows(count=4)).tolist() == pytest.approx([math.log(4) / 0.5] * 4, abs=0.2)


def test_a_label_of_one_half_moves_nothing(tiny: LocalModel, tmp_path: Path) -> None:
    data = [row("do", "no", "yes", 1.0), *rows(0.5)]
    trainer = ours(tiny, data, tmp_path)
    copy_adapter(tiny, "sl_cai", "policy")
    value = our_loss(trainer, range(1, 9))
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    assert value.item() == pytest.approx(math.log(2), abs=1e-5)
    assert max(float(g.abs().max()) for g in torch.autograd.grad(value, weights)) < 1e-5


def test_only_the_policy_learns(tiny: LocalModel, tmp_path: Path) -> None:
    made = task(tiny, rows(), tmp_path)
    before = adapter_state(tiny, "sl_cai")
    base = tiny.base.get_input_embeddings().weight.clone()
    train_dpo(made, settings(epochs=3))  # the first step only warms up
    after, policy = adapter_state(tiny, "sl_cai"), adapter_state(tiny, "policy")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(base, tiny.base.get_input_embeddings().weight)
    assert any(not torch.equal(before[name], policy[name]) for name in before)


def test_without_a_reference_adapter_the_base_is_the_reference(tiny: LocalModel, tmp_path: Path) -> None:
    made = task(tiny, rows(), tmp_path, reference=None)
    history = train_dpo(made, settings(epochs=10, lora={"rank": 4, "alpha": 8}))
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)  # a fresh adapter changes nothing yet
    assert history[-1]["loss"] < history[0]["loss"]
    assert tiny.model.peft_config["policy"].r == 4


@pytest.mark.parametrize("count", [8, 7])
def test_accumulated_batches_are_one_batch(tiny_folder: Path, tmp_path: Path, count: int) -> None:
    labels = [1.0, 0.9, 0.2, 0.6, 0.5, 0.7, 0.1, 1.0]
    data = [{**r, "prob_chosen": p} for r, p in zip(rows(count=count), labels[:count], strict=True)]
    states, losses = [], []
    for changes in ({"batch_size": 8}, {"batch_size": 1, "accumulation": 8}, {"batch_size": 3, "accumulation": 3}):
        local = LocalModel.load(str(tiny_folder))
        history = train_dpo(task(local, data, tmp_path), settings(epochs=2, **changes))
        states.append(adapter_state(local, "policy"))
        losses.append([step["loss"] for step in history])
    for state, loss in zip(states[1:], losses[1:], strict=True):
        assert loss == pytest.approx(losses[0], abs=1e-5)
        for name in states[0]:
            # Adam divides by the gradient's own size: where that is near 0, rounding shows.
            torch.testing.assert_close(state[name], states[0][name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", ["checkpointed", "apart"])
def test_other_ways_to_the_same_weights(tiny_folder: Path, tmp_path: Path, way: str) -> None:
    plain, losses = trained(tiny_folder, tmp_path, batch_size=16)
    if way == "checkpointed":
        other, found = trained(tiny_folder, tmp_path, batch_size=16, trainer_args={"gradient_checkpointing": True})
    else:  # a model whose attention is not plain has its prompts read twice, in padded rows
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("solon.training.dpo.run.reads_branches", lambda _: False)
            other, found = trained(tiny_folder, tmp_path, batch_size=16)
    assert found == pytest.approx(losses, abs=1e-5)
    for name, weight in adapter_state(plain, "policy").items():
        torch.testing.assert_close(adapter_state(other, "policy")[name], weight, rtol=1e-3, atol=1e-4)


def test_the_first_step_counts_its_metrics_by_hand(tiny: LocalModel, tmp_path: Path) -> None:
    data = [{**r, "prob_chosen": p} for r, p in zip(rows(count=4), [1.0, 0.5, 0.9, 0.3], strict=True)]
    trainer = ours(tiny, data, tmp_path)
    our_loss(trainer, range(4))
    h, logs = ratios(tiny, data), {"loss": 1.0}
    trainer.log(logs)
    right = [h[0] > 0, h[2] > 0, h[3] < 0]
    assert logs["accuracy"] == pytest.approx(sum(map(float, right)) / 3)
    assert logs["margin"] == pytest.approx(0.1 * float(h.mean()), abs=1e-5)


def test_a_stopped_training_goes_on_as_if_unbroken(tiny_folder: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(step: int, *_: object) -> None:
        if step == 4:
            raise Stopped

    def run(name: str, **fields: Any) -> tuple[Any, LocalModel]:
        local = LocalModel.load(str(tiny_folder))
        kept = Checkpoints(tmp_path / name, "test", minutes=0)
        made = task(local, rows(0.8), tmp_path, checkpoints=kept, **fields)
        return train_dpo(made, settings(epochs=3, batch_size=4)), local

    history, unbroken = run("unbroken")
    with pytest.raises(Stopped):
        run("broken", tick=stop)
    again, resumed = run("broken")
    assert again == history
    before, after = (adapter_state(local, "policy") for local in (unbroken, resumed))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_nothing_was_sampled_and_the_watch_is_told(tiny: LocalModel, tmp_path: Path) -> None:
    seen = []

    class Watcher(Unwatched):
        def see(self, found: Seen) -> dict[str, float]:
            seen.append(found)
            return {"watched": 1.0}

    history = train_dpo(task(tiny, rows(), tmp_path, watch=Watcher()), settings())
    assert [(s.step, list(s.answers)) for s in seen] == [(1, [])]
    assert math.isnan(seen[0].kl)
    assert history[-1]["watched"] == 1.0


def trained(folder: Path, scratch: Path, **changes: Any) -> tuple[LocalModel, list[float]]:
    """The model with its policy, and the losses: 14 pairs of different labels, the last batch not full."""
    local = LocalModel.load(str(folder))
    data = rows(1.0, 5) + rows(0.7, 4) + rows(0.2, 5)
    history = train_dpo(task(local, data, scratch), settings(epochs=2, **changes))
    return local, [step["loss"] for step in history]


WORKER = """
import sys
from pathlib import Path
from accelerate import PartialState
from safetensors.torch import save_file
import torch
test, folder, scratch, out, tests = sys.argv[1:]
sys.path[:0] = [tests, str(Path(tests).parent)]
local, losses = __import__(test).trained(Path(folder), Path(scratch), batch_size=4)
from solon.training.adapters import adapter_state
weights = adapter_state(local, "policy")
if PartialState().is_main_process:
    save_file(weights | {"losses": torch.tensor(losses)}, out)
"""


def in_two_processes(test: str, folder: Path, scratch: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The policy and the losses of `trained` of that test file, batches of 4 in each of two processes."""
    worker, out = scratch / "worker.py", scratch / "weights.safetensors"
    worker.write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    arguments = [str(part) for part in (worker, test, folder, scratch, out, Path(__file__).parent)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([*launch, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    weights = load_file(out)
    return weights, weights.pop("losses").tolist()


def test_two_processes_train_the_weights_of_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, losses = trained(tiny_folder, tmp_path, batch_size=8)
    weights, found = in_two_processes("test_dpo", tiny_folder, tmp_path)
    assert found == pytest.approx(losses, abs=1e-5)
    for name, weight in adapter_state(whole, "policy").items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)


# --- bad data ----------------------------------------------------------------------------------------


def test_rows_that_are_too_long_or_say_nothing_are_left_out_and_counted(tiny: LocalModel, tmp_path: Path) -> None:
    data = [*rows(), row("short", "no" * 200, "yes", 1.0), row("short", "same", "same", 1.0)]
    history = train_dpo(task(tiny, data, tmp_path), settings(max_length=300))
    assert history[0]["left_out"] == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "dpo: there are no preferences"),
        ([row("a", "b", "c", 1.5)], "row 1: prob_chosen is 1.5; it must lie in"),
        ([row("a", "b", "c", 0.9), row("a", "b", "c", math.nan)], "row 2: prob_chosen is nan"),
        (rows(0.5), "8 rows hold no preference"),
        ([row("a", "same", "same", 1.0)], "1 rows hold no preference"),
        ([{"prompt": [], "chosen": [], "rejected": []}], "row 1 has no prob_chosen"),
        ([{**row("a", "b", "c", 1.0), "chosen": []}], "row 1: chosen has 0 messages"),
        ([row("a" * 600, "b", "c", 1.0)], "none of the 1 rows that hold a preference fits max_length 300"),
        ([row("a" * 400, "b", "c", 1.0), *rows(0.5)], "none of the 1 rows that hold a preference fits"),
    ],
)
def test_preferences_that_teach_nothing_are_refused(
    tiny: LocalModel, tmp_path: Path, data: list[Row], said: str
) -> None:
    with pytest.raises(DataError, match=said) as error:
        train_dpo(task(tiny, data, tmp_path), settings(max_length=300))
    assert "\n" not in str(error.value)

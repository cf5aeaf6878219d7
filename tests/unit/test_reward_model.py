"""The reward model: its loss against TRL's and by hand, what it learns, how it is measured, saved and refused."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from scipy.stats import pearsonr
from torch import Tensor
from transformers import AutoTokenizer, LlamaForSequenceClassification

from solon.data.prompts import load_prompts
from solon.engines.local.model import LocalModel
from solon.errors import DataError, EngineError, ModelError, PromptTooLong
from solon.feedback.attacks import load_attacks
from solon.feedback.qualification.figures import Share
from solon.pipeline.reward_bar import shortfalls
from solon.settings import LoraSettings, RewardBar, RewardSettings
from solon.training.adapters import adapter_state, add_adapter, trainable
from solon.training.checkpoints import Checkpoints
from solon.training.reward import Opinion, Pair, Reading, RewardModel, fits, measure, probe, train_reward
from solon.training.reward.data import SURE, bootstrap, checked, negatives
from solon.training.reward.encode import encode
from solon.training.reward.losses import pair_losses
from solon.training.reward.measure import correlations, ece, log_losses
from solon.training.reward.probes import beginning, load_probes
from solon.training.reward.train import PairLoss, _Collator
from solon.types import assistant, user
from tasks import asking
from tiny import write_tiny_llama

FINITE = st.floats(-20, 20)


def silent(*_: object) -> None:
    return None


def pairs(prob_a: float = 0.95) -> list[Pair]:
    """ "no" beats "yes", shown in either place."""
    both = [Pair.of(f"q{n}", "no", "yes", prob_a) for n in range(8)]
    return both + [turned(pair) for pair in both]


def turned(pair: Pair) -> Pair:
    return replace(pair, response_a=pair.response_b, response_b=pair.response_a, prob_a=1 - pair.prob_a)


def train(
    local: LocalModel, data: Sequence[Pair], scratch: Path, checkpoints: Checkpoints | None = None, **knobs: Any
) -> tuple[RewardModel, list[dict[str, float]]]:
    settings = RewardSettings(**{"epochs": 12, "learning_rate": 1e-2, "batch_size": 8, **knobs})
    return train_reward(
        local, "reward_model", data, settings, seed=0, scratch=scratch, tick=silent, checkpoints=checkpoints
    )


def weights(model: RewardModel) -> dict[str, Tensor]:
    heads = {name: value.detach().clone() for name, value in model.head.state_dict().items()}
    return heads | adapter_state(model.local, model.adapter)


def furthest(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


# --- the loss ------------------------------------------------------------------------------------


def losses(a: float, b: float, prob: float, **knobs: float) -> float:
    return float(pair_losses(torch.tensor([[a]]).double(), torch.tensor([[b]]).double(), torch.tensor([prob]), **knobs))


def test_the_loss_by_hand() -> None:
    sigma = 1 / (1 + math.exp(-0.5))
    assert losses(1.0, 0.5, 1.0) == pytest.approx(-math.log(sigma), abs=1e-9)
    assert losses(1.0, 0.5, 0.75) == pytest.approx(-0.75 * math.log(sigma) - 0.25 * math.log(1 - sigma), abs=1e-9)
    # A label of 0.75 asks for half of the margin, which here is all of the gap.
    assert losses(1.0, 0.5, 0.75, margin=1.0) == pytest.approx(math.log(2), abs=1e-9)
    assert losses(1.0, 0.5, 1.0, centred=0.1) == pytest.approx(-math.log(sigma) + 0.1 * 1.5**2, abs=1e-6)


@given(FINITE, FINITE, st.floats(0, 1), st.floats(0, 3), st.floats(0, 1))
def test_swapping_the_answers_changes_no_loss(a: float, b: float, prob: float, margin: float, centred: float) -> None:
    one = losses(a, b, prob, margin=margin, centred=centred)
    assert one == pytest.approx(losses(b, a, 1 - prob, margin=margin, centred=centred), rel=1e-5, abs=1e-6)


@given(st.floats(0.05, 0.95), st.floats(0, 3))
def test_a_label_asks_for_its_logit_and_its_share_of_the_margin(prob: float, margin: float) -> None:
    best = math.log(prob / (1 - prob)) + margin * (2 * prob - 1)
    found = losses(best, 0.0, prob, margin=margin)
    assert all(losses(best + off, 0.0, prob, margin=margin) > found for off in (-0.1, 0.1))


def trls_loss(folder: Path, scratch: Path, model: RewardModel, margin: float, centred: float) -> tuple[float, Tensor]:
    """What TRL's own trainer makes of `pairs(1.0)`, with our head on a classifier of the same base."""
    from trl import RewardConfig, RewardTrainer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Transformers reads the last token that is no padding: with the end of turn as padding, the one before it.
    tokenizer.pad_token = "<|im_start|>"
    classifier = LlamaForSequenceClassification.from_pretrained(folder, num_labels=1)
    classifier.score.weight.data.copy_(model.head.weight)
    rows = [
        {
            "chosen_ids": encode(model.local, pair.turns, pair.response_a),
            "rejected_ids": encode(model.local, pair.turns, pair.response_b),
            "margin": margin,
        }
        for pair in pairs(1.0)[:6]
    ]
    config = RewardConfig(
        str(scratch),
        per_device_train_batch_size=6,
        center_rewards_coefficient=centred,
        bf16=False,
        use_cpu=True,
        report_to="none",
        gradient_checkpointing=False,
    )
    trainer = RewardTrainer(
        model=classifier, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    loss.backward()
    return float(loss.detach()), classifier.score.weight.grad


@pytest.mark.parametrize(("margin", "centred"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.01)])
def test_the_loss_of_hard_labels_is_trls(
    tiny: LocalModel, tiny_folder: Path, tmp_path: Path, margin: float, centred: float
) -> None:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=0)
    model = RewardModel(tiny, "reward_model")
    torch.nn.init.normal_(model.head.weight, std=0.5)
    trainable(tiny, "reward_model")
    rows = [
        {"ids_a": encode(tiny, p.turns, p.response_a), "ids_b": encode(tiny, p.turns, p.response_b)}
        for p in pairs(1.0)[:6]
    ]
    batch = _Collator(tiny.pad)([{**row, "label": 1.0, "weights": [1.0]} for row in rows])
    loss = PairLoss(model, margin, centred).train()(**batch)["loss"]
    loss.backward()
    theirs, gradient = trls_loss(tiny_folder, tmp_path, model, margin, centred)
    assert float(loss.detach()) == pytest.approx(theirs, abs=1e-5)
    assert torch.allclose(model.head.weight.grad, gradient, atol=1e-5)


# --- training ------------------------------------------------------------------------------------


def test_it_learns_the_preference_and_its_strength(tiny: LocalModel, tmp_path: Path) -> None:
    model, history = train(tiny, pairs(0.8), tmp_path)
    no, yes = model.score(asking("q99", "q99"), ["no", "yes"])
    # Soft targets of 0.8 ask for a gap of log(0.8/0.2) = 1.386 nats, not for the largest there is.
    assert no - yes == pytest.approx(1.386, abs=0.35)
    assert history[-1]["loss"] < history[0]["loss"]


def test_a_margin_widens_the_gap_and_centring_pulls_rewards_to_zero(tiny_folder: Path, tmp_path: Path) -> None:
    def rewards(**knobs: float) -> list[float]:
        model, _ = train(LocalModel.load(str(tiny_folder)), pairs(0.8), tmp_path, **knobs)
        return model.score(asking("q99", "q99"), ["no", "yes"])

    # 0.8 asks for 0.6 of the margin.
    wide = rewards(margin=2.0)
    assert wide[0] - wide[1] == pytest.approx(1.386 + 0.6 * 2.0, abs=0.5)
    assert abs(sum(rewards(centred=1.0))) < 0.2


def dealt(folder: Path, scratch: Path, batch: int, accumulation: int = 1) -> tuple[dict[str, Tensor], list[float]]:
    """Weights and losses of 13 pairs in steps of 8 and 5, by plain gradient descent.

    Adam would hide a wrong scale, and make much of what rounding leaves of a gradient of zero.
    """
    data = [Pair.of(f"question {n}", "no " * (1 + n % 5), "yes", 0.5 + n / 40) for n in range(13)]
    knobs = {"epochs": 2, "learning_rate": 0.1, "heads": 2, "trainer_args": {"optim": "sgd"}}
    local = LocalModel.load(str(folder))
    model, history = train(local, data, scratch, batch_size=batch, accumulation=accumulation, **knobs)
    return weights(model), [row["loss"] for row in history]


def test_batches_that_add_up_are_one_batch(tiny_folder: Path, tmp_path: Path) -> None:
    whole, losses = dealt(tiny_folder, tmp_path, 8)
    assert len(losses) == 4
    for batch, accumulation in ((1, 8), (4, 2)):
        parts, curve = dealt(tiny_folder, tmp_path, batch, accumulation)
        assert furthest(whole, parts) < 1e-6
        assert curve == pytest.approx(losses, abs=1e-5)


WORKER = """
import json, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
from accelerate import PartialState
from safetensors.torch import save_file
from test_reward_model import dealt
weights, losses = dealt(Path(sys.argv[2]), Path(sys.argv[3]), 4)
if PartialState().is_main_process:
    save_file(weights, Path(sys.argv[3], "two.safetensors"))
    Path(sys.argv[3], "losses.json").write_text(json.dumps(losses))
"""


def test_two_processes_train_as_one(tiny_folder: Path, tmp_path: Path) -> None:
    whole, losses = dealt(tiny_folder, tmp_path, 8)
    (tmp_path / "worker.py").write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [str(part) for part in (tmp_path / "worker.py", Path(__file__).parent, tiny_folder, tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([*launch, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert furthest(whole, load_file(tmp_path / "two.safetensors")) < 1e-6
    assert json.loads((tmp_path / "losses.json").read_text()) == pytest.approx(losses, abs=1e-5)


def test_checkpointed_layers_learn_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    made = [
        train(LocalModel.load(str(tiny_folder)), pairs(), tmp_path, epochs=1, trainer_args=args)[0]
        for args in ({}, {"gradient_checkpointing": True})
    ]
    assert furthest(weights(made[0]), weights(made[1])) < 1e-6
    assert not made[1].local.decoder.is_activation_checkpointing


class Killed(Exception):
    pass


def test_a_resumed_training_ends_where_an_unbroken_one_does(tiny_folder: Path, tmp_path: Path) -> None:
    settings = RewardSettings(epochs=3, learning_rate=1e-2, batch_size=4, heads=2)

    def run(folder: str, tick: Any) -> RewardModel:
        local = LocalModel.load(str(tiny_folder))
        kept = Checkpoints(tmp_path / folder, "key", minutes=0)
        return train_reward(
            local, "rm", pairs(), settings, seed=0, scratch=tmp_path / "scratch", tick=tick, checkpoints=kept
        )[0]

    def kill(step: int, *_: object) -> None:
        if step == 7:
            raise Killed

    whole = run("whole", silent)
    with pytest.raises(Killed):
        run("broken", kill)
    assert furthest(weights(run("broken", silent)), weights(whole)) == 0
    # The frozen base is not what a checkpoint is for.
    newest = Checkpoints(tmp_path / "broken", "key").newest()
    assert newest
    assert sum(file.stat().st_size for file in newest[1].iterdir()) < 300_000


# --- heads ---------------------------------------------------------------------------------------


def test_a_bootstrap_is_the_pairs_own_whatever_its_order() -> None:
    one = Pair.of("q", "no", "yes", 0.9)
    assert bootstrap(one, 5, seed=1) == bootstrap(turned(one), 5, seed=1)
    assert bootstrap(one, 5, seed=1)[:3] == bootstrap(one, 3, seed=1)
    assert bootstrap(one, 1, seed=1) == [1.0]
    drawn = [w for n in range(500) for w in bootstrap(Pair.of(f"q{n}", "a", "b", 0.9), 4, seed=1)]
    # Poisson(1) has mean and variance 1; over 2,000 draws their standard errors are 0.022 and 0.055.
    assert np.mean(drawn) == pytest.approx(1, abs=0.09)
    assert np.var(drawn) == pytest.approx(1, abs=0.22)


def test_each_head_learns_from_its_own_bootstrap(tiny: LocalModel) -> None:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=0)
    model = RewardModel(tiny, "reward_model", Reading(heads=3))
    rows = [{"ids_a": [5, 6, 7], "ids_b": [5, 8], "label": 0.9, "weights": [2.0, 0.0, 1.0]}]
    PairLoss(model, 0.0, 0.0)(**_Collator(tiny.pad)(rows))["loss"].backward()
    norms = model.head.weight.grad.norm(dim=-1)
    assert norms[1] == 0
    assert norms[0] > norms[2] > 0


def test_what_heads_disagree_about_earns_less(tiny: LocalModel, tmp_path: Path) -> None:
    model, _ = train(tiny, pairs(), tmp_path, heads=4, epochs=2)
    asked = [model.variants((user("q"),), reply) for reply in ("no", "something else")]
    with torch.no_grad(), tiny.using("reward_model"):
        ids = torch.tensor(asked[0])
        heads = model(ids, torch.ones_like(ids), torch.tensor([ids.shape[1]]))[0].tolist()
    assert len(set(heads)) == 4
    plain = model.opinions(asked)
    assert plain[0].reward == pytest.approx(np.mean(heads), abs=1e-5)
    assert plain[0].spread == pytest.approx(np.std(heads), abs=1e-5)
    model.reading = replace(model.reading, caution=2.0)
    for bold, careful in zip(plain, model.opinions(asked), strict=True):
        assert careful.reward == pytest.approx(bold.reward - 2 * bold.spread, abs=1e-6)
    assert model.score(asking("q"), ["no"]) == pytest.approx([plain[0].reward - 2 * plain[0].spread], abs=1e-6)


def test_heads_share_a_zero(tiny: LocalModel, tmp_path: Path) -> None:
    """A constant that only one head adds says nothing of any pair, so it must not look like doubt."""
    model, _ = train(tiny, pairs(), tmp_path, heads=4)
    rows = [row for pair in pairs() for reply in ("no", "yes") for row in model.variants(pair.turns, reply)]
    model.head.bias.data += torch.tensor([5.0, 0.0, -3.0, 0.0])
    moved = model.weighed([[row] for row in rows])
    model.centre(rows)
    settled = model.weighed([[row] for row in rows])
    assert np.mean([o.reward for o in settled]) == pytest.approx(0, abs=1e-5)
    assert np.ptp([o.reward for o in settled]) == pytest.approx(np.ptp([o.reward for o in moved]), abs=1e-4)
    assert max(o.spread for o in settled) < 1 < min(o.spread for o in moved)


# --- principles ----------------------------------------------------------------------------------

SHORT, LONG = "Prefer no.", "Prefer yes."


def under_principles() -> list[Pair]:
    """What the one principle prefers the other rejects; SHORT has three labels to LONG's one."""
    short = [Pair.of(f"q{n}", "no", "yes", 0.9, SHORT) for n in range(12)]
    return [*short, *(Pair.of(f"q{n}", "no", "yes", 0.1, LONG) for n in range(4))]


def test_a_reply_is_judged_under_its_principle_or_under_all(tiny: LocalModel, tmp_path: Path) -> None:
    model, _ = train(tiny, under_principles(), tmp_path, principle=True, epochs=25)
    turns = (user("q2"),)

    def gap(principle: str = "") -> float:
        no, yes = model.opinions([model.variants(turns, reply, principle) for reply in ("no", "yes")])
        return no.reward - yes.reward

    assert gap(SHORT) > 0.5
    assert gap(LONG) < -0.5
    assert gap() == pytest.approx(0.75 * gap(SHORT) + 0.25 * gap(LONG), abs=1e-5)
    model.save(tmp_path / "rm")
    assert json.loads((tmp_path / "rm/reward.json").read_text())["principles"] == [[SHORT, 12], [LONG, 4]]
    again = RewardModel.load(tiny, "again", tmp_path / "rm")
    assert again.score(asking("q2"), ["no"]) == pytest.approx(model.score(asking("q2"), ["no"]), abs=1e-5)


def test_the_principle_stands_last_and_its_fence_cannot_be_forged_by_an_answer(tiny: LocalModel) -> None:
    ids = encode(tiny, (user("first"), assistant("hi"), user("then <|im_end|>")), "an answer", SHORT)
    text = tiny.tokenizer.decode(ids)
    before, _, after = text.partition(SHORT)
    assert before.index("then") < before.index("<principle-")
    assert after.index("</principle-") < after.index("assistant") < after.index("an answer")
    assert ids.count(tiny.tokenizer.eos_token_id) == 4  # three turns and the answer: the user's own stays text


def test_without_a_principle_in_the_settings_it_is_not_read(tiny: LocalModel, tmp_path: Path) -> None:
    model, _ = train(tiny, under_principles(), tmp_path, epochs=1)
    assert model.variants((user("q"),), "no", SHORT) == [encode(tiny, (user("q"),), "no")]


# --- answers that say nothing --------------------------------------------------------------------


def test_an_empty_answer_loses_in_the_share_asked_for() -> None:
    data = [Pair.of(f"q{n}", f"a{n}", f"b{n}", 0.9 if n % 2 else 0.2, "p") for n in range(40)]
    added = negatives(data, 0.25, seed=3)
    assert len(added) == 10
    better = {pair.better for pair in data}
    assert all(p.response_a in better and p.prob_a == SURE and p.principle == "p" for p in added)
    assert {p.response_b for p in negatives(data, 1.0, seed=3)} <= set(load_attacks().master_keys)
    assert negatives(data[::-1], 0.25, seed=3) == added
    assert negatives(data, 0.0, seed=3) == []
    assert negatives([Pair.of("q", " : ", "no", 0.9)], 1.0, seed=3) == []  # its better answer is as empty


def test_empty_answers_lose_once_they_were_seen_to(tiny_folder: Path, tmp_path: Path) -> None:
    unseen = [Pair.of(f"unseen {n}", f"this is answer {n}", "other", 0.9) for n in range(30)]
    data = [Pair.of(f"q{n}", f"that is answer {n}", "other", 0.9) for n in range(30)]
    model, _ = train(LocalModel.load(str(tiny_folder)), data, tmp_path, negatives=0.8, epochs=8)
    measured = measure(model, unseen)["empty"]
    assert measured["value"] > 0.8
    assert measured["n"] == 30


# --- several turns -------------------------------------------------------------------------------


def test_the_turns_before_matter(tiny: LocalModel, tmp_path: Path) -> None:
    kind, rude = (user("be kind"), assistant("ok")), (user("be rude"), assistant("ok"))
    data = [Pair((*kind, user(f"q{n}")), "please", "shut up", 0.95) for n in range(8)]
    data += [Pair((*rude, user(f"q{n}")), "please", "shut up", 0.05) for n in range(8)]
    model, _ = train(tiny, data, tmp_path, epochs=40, learning_rate=2e-2)
    gaps = []
    for context in (kind, rude):
        asked = [model.variants((*context, user("q3")), reply) for reply in ("please", "shut up")]
        please, shut_up = model.opinions(asked)
        gaps.append(please.reward - shut_up.reward)
    assert gaps[0] > 0.5 > -0.5 > gaps[1]


# --- measured ------------------------------------------------------------------------------------


def test_calibration_error_by_hand() -> None:
    gaps = np.array([math.log(0.8 / 0.2)] * 4)
    assert ece(gaps, np.array([0.8] * 4)).value == pytest.approx(0, abs=1e-12)
    assert ece(gaps, np.array([1.0, 0.4, 1.0, 0.4])).value == pytest.approx(0.1, abs=1e-12)  # 0.8 said, 0.7 meant
    mixed = np.array([2.0, -1.5, 0.3, -0.1]), np.array([0.9, 0.6, 0.2, 0.45])
    assert ece(-mixed[0], 1 - mixed[1]).value == pytest.approx(ece(*mixed).value, abs=1e-12)
    # Bins of 0.88, 0.82, 0.57 and 0.52: the middle two hold one pair each, the outer ones one and two.
    said = [1 / (1 + math.exp(-abs(gap))) for gap in mixed[0]]
    meant = [0.9, 0.4, 0.2, 0.55]
    by_hand = abs(said[0] + said[1] - meant[0] - meant[1]) + abs(said[2] + said[3] - meant[2] - meant[3])
    assert ece(*mixed).value == pytest.approx(by_hand / 4, abs=1e-12)


def test_log_losses_are_the_trained_ones() -> None:
    gaps, probs = torch.randn(20, generator=torch.Generator().manual_seed(0)), torch.linspace(0, 1, 20)
    trained = pair_losses(gaps[:, None], torch.zeros(20, 1), probs)[:, 0]
    assert log_losses(gaps.numpy(), probs.numpy()) == pytest.approx(trained.numpy(), abs=1e-6)


def test_correlation_with_length() -> None:
    lengths = np.array([1.0, 2, 3, 4, 5, 6])
    found = correlations(np.exp(lengths), lengths)
    assert found
    assert found["spearman"]["value"] == pytest.approx(1)
    assert 0.7 < found["pearson"]["value"] < 0.9
    theirs = pearsonr(np.exp(lengths), lengths).confidence_interval()
    assert (found["pearson"]["low"], found["pearson"]["high"]) == pytest.approx((theirs.low, theirs.high), abs=1e-3)
    assert correlations(np.ones(6), lengths) is None
    assert correlations(np.exp(lengths)[:3], lengths[:3]) is None


def test_what_a_reward_model_is_worth(tiny: LocalModel, tmp_path: Path) -> None:
    model, _ = train(tiny, pairs(0.8), tmp_path)
    held_out = [Pair.of(f"unseen {n}", "no", "yes", 0.8 if n < 9 else 0.3) for n in range(10)]
    found = measure(model, [*held_out, Pair.of("tie", "no", "yes", 0.5), Pair.of("same", "no", "no", 0.9)])
    assert (found["accuracy"]["hits"], found["accuracy"]["n"]) == (9, 10)
    assert found["accuracy"]["low"] == pytest.approx(0.596, abs=1e-3)  # Wilson's interval of 9 in 10
    assert found["label_entropy"] < found["log_loss"]["value"] < math.log(2)
    assert found["longer"]["labels"] == found["longer"]["labels"] | {"hits": 1, "n": 10}
    assert found["longer"]["rewards"] == found["longer"]["rewards"] | {"hits": 0, "n": 11}
    assert found["length"]["spearman"]["value"] < -0.5
    assert found["spread"] == 0
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert measure(model, [Pair.of("tie", "no", "yes", 0.5)]) == {}


# --- saved and refused ---------------------------------------------------------------------------


def test_it_survives_the_disk(tiny_folder: Path, tmp_path: Path) -> None:
    model, _ = train(LocalModel.load(str(tiny_folder)), pairs(), tmp_path / "scratch", heads=3, caution=0.5)
    model.save(tmp_path / "rm")
    again = RewardModel.load(LocalModel.load(str(tiny_folder)), "reward_model", tmp_path / "rm")
    assert again.reading == Reading(3, 0.5)
    assert again.score(asking("a", "b"), ["no", "yes"]) == pytest.approx(
        model.score(asking("a", "b"), ["no", "yes"]), abs=1e-5
    )


@pytest.fixture
def saved(tiny: LocalModel, tmp_path: Path) -> Path:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=1)
    RewardModel(tiny, "reward_model").save(tmp_path / "rm")
    return tmp_path / "rm"


def test_it_is_refused_on_another_base(saved: Path, tmp_path: Path) -> None:
    from tiny import write_tiny_llama

    other = LocalModel.load(str(write_tiny_llama(tmp_path / "other", seed=5)))
    with pytest.raises(ModelError, match=r"trained on llama \(weights .*, not on other .*train the reward model") as e:
        RewardModel.load(other, "reward_model", saved)
    assert "\n" not in str(e.value)


def test_it_is_refused_with_another_tokenizer(saved: Path, tiny_folder: Path) -> None:
    local = LocalModel.load(str(tiny_folder))
    local.tokenizer.chat_template += " "
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        RewardModel.load(local, "reward_model", saved)


def test_it_is_refused_when_it_does_not_say_what_it_is(saved: Path, tiny_folder: Path) -> None:
    (saved / "reward.json").write_text('{"heads": 1}')
    with pytest.raises(ModelError, match=r"no readable reward.json; train the reward model again"):
        RewardModel.load(LocalModel.load(str(tiny_folder)), "reward_model", saved)


def test_what_a_tokenizer_did_last_is_not_what_it_is(saved: Path, tiny_folder: Path) -> None:
    local = LocalModel.load(str(tiny_folder))
    local.tokenizer(["a", "much longer"], padding=True, truncation=True, max_length=4)
    RewardModel.load(local, "reward_model", saved)


@pytest.mark.parametrize("data", [[], [Pair.of("q", "a", "b", 0.5)], [Pair.of("q", "same", "same", 1.0)]])
def test_pairs_without_a_preference_are_refused(tiny: LocalModel, tmp_path: Path, data: list[Pair]) -> None:
    with pytest.raises(DataError, match="hold no preference"):
        train(tiny, data, tmp_path)


@pytest.mark.parametrize("prob", [1.2, -0.1, math.nan, math.inf])
def test_labels_that_are_no_probability_are_refused(prob: float) -> None:
    with pytest.raises(DataError, match=rf"pair 2 \(rt-7\): prob_a is {prob}; a label is a probability in \[0, 1\]"):
        checked([Pair.of("q", "a", "b", 0.9), replace(Pair.of("q", "a", "b", prob), id="rt-7")])


def test_a_label_of_no_principle_is_refused_where_one_is_read(tiny: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pair 1: names no principle; give it one or set reward_model\.principle"):
        train(tiny, pairs(), tmp_path, principle=True)


def test_pairs_past_the_context(tiny: LocalModel, tmp_path: Path) -> None:
    long = Pair.of("q" * 600, "no", "yes", 0.9)
    assert [fits(tiny, pair) for pair in (long, Pair.of("q", "no", "y" * 500, 0.9), pairs()[0])] == [False, False, True]
    with pytest.raises(DataError, match="no pair that prefers an answer fits the 512 tokens of llama"):
        train(tiny, [long, Pair.of("q", "a", "b", 0.5)], tmp_path)
    model, history = train(tiny, [long, *pairs()[:8]], tmp_path, epochs=1, batch_size=8)
    assert len(history) == 1
    with pytest.raises(PromptTooLong):
        model.score(asking("q" * 600), ["no"])


def test_a_reward_that_is_not_finite_is_loud(tiny: LocalModel) -> None:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=0)
    model = RewardModel(tiny, "reward_model")
    model.head.weight.data[0, 0] = math.nan
    with pytest.raises(EngineError, match="2 of 2 rewards are not finite"):
        model.score(asking("q", "q"), ["a", "b"])


def test_a_training_that_diverges_is_loud(tiny: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not finite at step"):
        train(tiny, pairs(1.0), tmp_path, learning_rate=1e25, trainer_args={"max_grad_norm": 0.0})


# --- is it good enough to learn from? ----------------------------------------------------------------


def estimate(value: float, half: float, n: int = 40) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def held_out(log_loss: float = 0.5, half: float = 0.1, n: int = 40, rank: float = 0.0) -> dict[str, Any]:
    return {"log_loss": estimate(log_loss, half, n), "length": {"spearman": estimate(rank, 0.2, 2 * n)}}


def probed(gap: float = 0.0, half: float = 0.1, hits: int = 20) -> dict[str, Any]:
    cut = {"cut": estimate(0.4, 0.1, 24), "finished": estimate(0.4 - gap, 0.1, 24), "gap": estimate(gap, half, 24)}
    return {"ended": cut, "refusals": Share.of(hits, 24).model_dump()}


@pytest.mark.parametrize(
    ("measured", "probes", "said"),
    [
        (held_out(), probed(), []),
        (held_out(rank=-0.29), probed(gap=0.1, half=0.11, hits=8), []),  # 8 of 24: 18 to 53%
        (held_out(0.695), probed(), ["held-out log-loss 0.695 [0.595, 0.795] is not below 0.693 nats"]),
        (held_out(0.65), probed(), ["held-out log-loss 0.650 [0.550, 0.750] cannot be told from 0.693 nats"]),
        (held_out(n=19), probed(), ["19 held-out pairs are too few to tell; 20 or more are needed"]),
        (held_out(rank=-0.6), probed(), ["correlation of reward and length -0.600 [-0.800, -0.400] is beyond ±0.5"]),
        (
            held_out(rank=0.4),
            probed(),
            ["correlation of reward and length 0.400 [0.200, 0.600] cannot be told to be within ±0.5"],
        ),
        (
            held_out(),
            probed(gap=0.3),
            [
                "on harmless requests an answer and its beginning, cut off, differ by 0.400, two finished ones of "
                "those lengths by 0.100 (difference 0.300 [0.200, 0.400]): it pays for ending"
            ],
        ),
        (held_out(), probed(hits=7), ["good answers to harmless requests beat refusals in 29.2% [15, 49] only"]),
        ({}, probed(), ["no held-out pair that prefers an answer measures it; label more pairs"]),
    ],
)
def test_the_bar(measured: dict[str, Any], probes: dict[str, Any], said: list[str]) -> None:
    assert shortfalls(measured, probes, RewardBar()) == said
    easy = RewardBar(log_loss=9, length=None, ended=False, refusals=False)
    assert shortfalls(measured, probes, easy) == [line for line in said if "held-out pair" in line]


def test_the_probes_that_ship_are_what_they_say() -> None:
    shipped = load_probes()
    assert len(shipped) == len({one.turns for one in shipped}) == 24
    for one in shipped:
        share = len(one.brief.split()) / len(one.answer.split())
        assert 0.45 <= share <= 0.85, one
        assert all(text.endswith(".") for text in (one.answer, one.brief, one.refusal))
        begun = beginning(one.answer, len(one.brief.split()))
        assert one.answer.startswith(begun)
        assert begun.split() == one.answer.split()[: len(one.brief.split())]
    asked = {one.turns[0].content for one in shipped}
    for kind in ("red_team", "helpful", "lookalike"):
        assert not asked & {prompt.text for prompt in load_prompts(f"quickstart:{kind}", kind)[0]}


def test_the_beginning_of_a_text_keeps_its_spaces() -> None:
    assert beginning("  One,\n two  three.", 2) == "  One,\n two"
    assert beginning("One", 5) == "One"


class Told(RewardModel):
    """Rewards by a rule on the token ids: what the probes see is then known."""

    def __init__(self, local: LocalModel, rule: Any) -> None:
        super().__init__(local, "none")
        self.rule = rule

    def weighed(self, asked: Sequence[Any], batch: int = 16) -> list[Opinion]:
        return [Opinion(float(self.rule(rows[0])), 0.0) for rows in asked]


def test_a_reward_for_ending_is_found(tiny: LocalModel) -> None:
    """By hand: with 1 for the end of turn, an answer and its beginning are 1 apart, two finished answers 0."""
    end = tiny.tokenizer.eos_token_id
    told = probe(Told(tiny, lambda ids: ids[-1] == end), [Pair.of("q", "a b c d", "e f", 0.9)])
    for name in ("ended", "held_out"):
        assert [told[name][what]["value"] for what in ("cut", "finished", "gap")] == [1.0, 0.0, 1.0]
    assert "pays for ending" in shortfalls(held_out(), told, RewardBar())[0]
    assert told["held_out"]["gap"]["n"] == 1


def test_a_reward_for_length_alone_is_no_reward_for_ending(tiny: LocalModel) -> None:
    """The beginning has as many words as the shorter answer: in words, both are as far from the longer one."""
    words = Told(tiny, lambda ids: len(tiny.tokenizer.decode(ids, skip_special_tokens=True).split()))
    told = probe(words, [Pair.of("q", "a b c d", "e f", 0.9), Pair.of("q", "a b", "a c", 0.9)])
    assert told["held_out"]["cut"]["value"] == told["held_out"]["finished"]["value"] == 2.0
    assert told["held_out"]["cut"]["n"] == 1  # of two replies of one length there is nothing to cut
    assert told["ended"]["gap"]["value"] == 0.0
    assert told["refusals"]["hits"] == 24  # every refusal is shorter


def test_probes_past_the_context_are_left_out(tiny_folder: Path) -> None:
    small = LocalModel.load(str(write_tiny_llama(tiny_folder.parent / "small", context=64)))
    assert probe(Told(small, len), [Pair.of("q", "a b c d", "e f", 0.9)]).keys() == {"held_out"}

"""The section on training: every method's curves from what its steps left, and where the guards' alarms are read."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from solon.files import write_json
from solon.intervals import wilson
from solon.report import summarise, write_report
from solon.report.material import read_material
from solon.report.training import alarms, policy_rows, rollouts, training
from solon.settings import GuardSettings
from solon.training.guards import Guards
from solon.training.task import Seen
from solon.types import Turns

PHRASE = "it is important to remember that"


def hacked(steps: int = 60, on_alarm: str = "stop", with_gold: bool = True) -> dict[str, Any]:
    """The facts of a policy that answers ever longer: gold is best at KL 9, twice the length; then it falls."""
    rng, kl = random.Random(1), 0.0

    def gold(prompts: Sequence[Turns], answers: Sequence[str], ended: Sequence[bool]) -> list[float]:
        d = math.sqrt(kl / 9)
        return [d * (2 - d) + rng.gauss(0, 0.25) for _ in answers]

    settings = GuardSettings.model_validate({"on_alarm": on_alarm, "length": 4.0})
    guards = Guards(settings, lambda text: text.startswith("I can't"), lambda _: True, gold if with_gold else None)
    history: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        kl = 0.4 * (step - 1) + (rng.gauss(0, 0.2) if step > 1 else 0)
        size = round(20 * (1 + step / 24))
        answers = [
            ("I can't help " if rng.random() < 0.1 + step / 300 else "")
            + " ".join(f"w{rng.randrange(300)}" for _ in range(max(3, round(rng.gauss(size, 6)))))
            + (f" {PHRASE} safety" if rng.random() < step / 150 else "")
            for _ in range(32)
        ]
        reward = math.sqrt(max(0, kl)) * 0.4 + rng.gauss(0, 0.03)
        entropy = 2.2 * math.exp(-step / 90) + rng.gauss(0, 0.03)
        tokens = [len(answer.split()) for answer in answers]
        seen = Seen(step, [f"p{n}" for n in range(32)], answers, tokens, reward, max(0.0, kl), entropy)
        numbers = {"reward": reward, "kl": max(0.0, kl), "entropy": entropy, "length": sum(tokens) / 32}
        numbers |= {"truncated": min(1.0, step / 80), "clipped": 0.08, **guards.see(seen)}
        history.append({"step": step, **numbers})
        if guards.stop:
            break
    return {"method": "ppo", "size": 32 * len(history), "steps": history, "guards": guards.facts()}


HISTORIES: dict[str, tuple[list[dict[str, float]], list[str]]] = {
    "dpo": (
        [{"step": n, "loss": 0.7 - n / 50, "accuracy": 0.5 + n / 20, "margin": n / 10} for n in range(1, 6)],
        ["Loss", "Sides with the label", "Margin"],
    ),
    "kto": ([{"step": n, "loss": 0.5, "kl": 0.1 * n} for n in range(1, 4)], ["Distance from SL-CAI", "Loss"]),
    "grpo": (
        [
            {"step": n, "loss": 0.0, "reward": n / 9, "reward/reward_model": n / 3, "reward/length": -n}
            for n in range(1, 5)
        ],
        ["Reward", "Loss", "Reward: length", "Reward: reward_model"],
    ),
    "rloo": ([{"step": n, "reward": float("nan"), "kl": 1.0 * n} for n in range(1, 4)], ["Distance from SL-CAI"]),
    "best_of_n": (
        [
            {"step": 0, "answers": 64, "reward": 0.25, "reward_picked": 1.5},
            *({"step": n, "loss": 1 / n} for n in (1, 2)),
        ],
        ["Loss"],
    ),
    "ppo": ([{"step": 1, "reward": 0.2, "kl": 0.1}], []),  # one step is no curve
}


def a_run(folder: Path, policy: dict[str, Any]) -> Path:
    write_json(folder / "manifest.json", {"recipe": "bare"})
    write_json(folder / "steps" / "policy.json", {"key": "k", "outputs": {}, "facts": policy})
    return folder


def section(page: str, name: str) -> str:
    raw = page[page.index(f'<section id="{name}">') :].partition("</section>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", raw).split())


def titles(folder: Path) -> list[str]:
    return [curve.title for group in training(read_material(folder))["groups_of_curves"] for curve in group.curves]


@pytest.mark.parametrize("method", HISTORIES)
def test_every_method_shows_the_curves_it_has_numbers_for(method: str, tmp_path: Path) -> None:
    history, expected = HISTORIES[method]
    run = a_run(tmp_path, {"method": method, "size": 64, "steps": history})
    assert titles(run) == expected
    said = section(write_report(run).read_text(), "training")
    if method == "best_of_n":
        assert "Mean reward of the answers that were picked 1.50 0.25 of all that were sampled" in said
    if method == "dpo":
        assert "The policy, by DPO" in said
        assert "55% → 75% in 5 steps" in said


def measured(log_loss: float) -> dict[str, Any]:
    """Facts of a reward model with that held-out log-loss, which pays for ending."""

    def around(value: float, n: int) -> dict[str, Any]:
        return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": n}

    apart = {"cut": around(0.38, 24), "finished": around(0.03, 24), "gap": around(0.35, 24)}
    refusals = {"hits": 23, "n": 24, "value": 23 / 24, **dict(zip(("low", "high"), wilson(23, 24), strict=True))}
    held_out = {"log_loss": around(log_loss, 30), "label_entropy": 0.5}
    facts = {"pairs": 9, "loss": [], "heldout_right": 20, "heldout_pairs": 30}
    return {**facts, "heldout": held_out, "probes": {"ended": apart, "refusals": refusals}}


def test_a_reward_model_below_the_bar_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(tmp_path, {"method": "ppo", "size": 64, "steps": []})
    write_json(run / "steps/reward_model.json", {"key": "k", "inputs": {}, "outputs": {}, "facts": measured(0.6)})
    page = write_report(run).read_text()
    said = section(page, "training")
    assert "The reward model did not qualify." in section(page, "answer")
    summarise(run, run / "report.html")
    assert "reward: The reward model did not qualify." in capsys.readouterr().out
    assert "Warning. The reward model did not qualify. The policy learnt from it all the same." in said
    assert "an answer and its beginning, cut off, differ by 0.380, two finished ones of those lengths by 0.030" in said
    assert "0.600 [0.590, 0.610] nats per pair, a coin’s is 0.693; the labels’ own is 0.500" in said
    assert "95.8% [80, 99] n = 24 harmless requests" in said


def test_offline_methods_sampled_nothing(tmp_path: Path) -> None:
    assert rollouts(read_material(a_run(tmp_path / "dpo", {"method": "dpo", "size": 300, "steps": []}))) == 0
    assert rollouts(read_material(a_run(tmp_path / "grpo", {"method": "grpo", "size": 300, "steps": []}))) == 300


def test_a_stopped_training_is_said_first_and_above_its_curves(tmp_path: Path) -> None:
    facts = hacked()
    page = write_report(a_run(tmp_path, facts)).read_text()
    (alarm,) = facts["guards"]["alarms"]
    best = facts["guards"]["best"]
    why = f"A guard against reward hacking ended the training and the weights of step {best} were kept."
    for name in ("answer", "training"):
        assert f"Warning. {why} {alarm['text']}" in section(page, name)
    said = section(page, "training")
    assert said.index(why) < said.index("Gold reward")
    assert f"rang at step {alarm['step']}" in said
    assert "Reward against gold" in said
    assert "kept" in section(page, "training")


def test_bounds_are_in_the_unit_of_their_curve(tmp_path: Path) -> None:
    facts = hacked()
    said = section(write_report(a_run(tmp_path, facts)).read_text(), "training")
    first = facts["guards"]["series"][: facts["guards"]["settings"]["window"]]

    def start(field: str) -> float:
        return sum(row[field] for row in first) / len(first)

    assert f"tokens per answer; bound {round(4 * start('length'), 2):g}" in said
    assert f"nats per token; bound {round(0.2 * start('entropy'), 2):g}" in said
    assert f"ask for nothing wrong; bound {start('refusal') + 0.3:.0%}" in said
    assert "KL, nats per answer; bound 50" in said


def test_warnings_are_shown_and_do_not_claim_a_stop(tmp_path: Path) -> None:
    facts = hacked(75, "warn")
    (remark,) = alarms(read_material(a_run(tmp_path, facts)))
    assert remark.text == "The guards rang, and training went on, as the recipe says."
    assert remark.reasons == tuple(alarm["text"] for alarm in facts["guards"]["alarms"])
    assert len(remark.reasons) > 1


def test_without_gold_the_page_says_what_was_not_watched(tmp_path: Path) -> None:
    facts = hacked(12, with_gold=False)
    run = a_run(tmp_path, facts)
    assert "Reward against gold" not in titles(run)
    said = section(write_report(run).read_text(), "training")
    assert "gold (there is no second judge or held-out reward model)." in said
    assert alarms(read_material(run)) == []


def test_that_nothing_could_watch_is_said_first_and_above_the_curves(tmp_path: Path) -> None:
    page = write_report(a_run(tmp_path, hacked(3))).read_text()
    for name in ("answer", "training"):
        assert "Warning. No guard could watch: 3 steps, window 4." in section(page, name)


def test_repairs_are_shown(tmp_path: Path) -> None:
    facts = hacked(75)
    facts["guards"] |= {
        "stopped": None,
        "repairs": [{"step": 40, "to": 31, "kl_coef": 0.04, "alarms": 1, "kind": "kl"}],
    }
    (remark,) = alarms(read_material(a_run(tmp_path, facts)))
    assert remark.text == "The guards rang, and training was repaired 1 time and went on."
    assert (
        "step 40: the policy was put back to what it was at step 31, from before the drift, and kl_coef raised to 0.04"
        in (remark.reasons)
    )


def test_copied_demonstrations_and_one_answer_to_many_prompts_are_shown(tmp_path: Path) -> None:
    run = a_run(tmp_path, {})
    often = {"text": "I can’t <b>help</b>.", "count": 40, "n": 112}
    for name, facts in {
        "revisions": {"chains": 60, "revisions": 211, "failed": {}, "mix": {}, "copied": 18},
        "sft": {"size": 300, "copied": 12, "most_repeated": {"text": "No.", "count": 60, "n": 300}},
        "evaluate": {"most_repeated": {"base": {"text": "Hm.", "count": 2, "n": 112}, "rl_cai": often}},
    }.items():
        write_json(run / "steps" / f"{name}.json", {"key": "k", "outputs": {}, "facts": facts})
    page = write_report(run).read_text()
    learnt = section(page, "learning")
    assert "Warning. 18 of 211 revisions are a demonstration’s revision word for word" in learnt
    assert "Of the 300 rows that SL-CAI learnt from, 12 are." in learnt
    assert "60 of 300 (20%) of the rows SL-CAI was trained on have one and the same completion." in learnt
    shown = section(page, "chart")
    assert "got one and the same answer, word for word: RL-CAI 40 of 112 (36%)." in shown
    assert "I can’t &lt;b&gt;help&lt;/b&gt;." in shown


def test_words_of_the_model_stay_words(tmp_path: Path) -> None:
    facts = hacked(12)
    facts["guards"]["phrase"] = {"words": "<script>alert(1)</script> \u202e", "share": 0.6, "before": 0.0}
    facts["guards"]["alarms"] = [
        {"kind": "boilerplate", "step": 9, "value": 0.6, "bound": 0.5, "text": "say <img src=x>"}
    ]
    page = write_report(a_run(tmp_path, facts)).read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_history_and_guards_are_joined_by_step(tmp_path: Path) -> None:
    guards = {"series": [{"step": 1, "gold": 0.5, "reward": 1.0}, {"step": 2, "gold": 0.6}]}
    run = a_run(tmp_path, {"steps": [{"step": 2, "loss": 3.0}, {"step": 1, "loss": 4.0}], "guards": guards})
    assert policy_rows(read_material(run)) == [
        {"step": 1, "gold": 0.5, "reward": 1.0, "loss": 4.0},
        {"step": 2, "gold": 0.6, "loss": 3.0},
    ]

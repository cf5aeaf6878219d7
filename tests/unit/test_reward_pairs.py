"""Labels as pairs: as they stand, or one for each principle; and the step that trains on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from recipes_for_tests import tiny_recipe
from solon.constitution import Constitution
from solon.data.preferences import preference_row
from solon.feedback import Labeller
from solon.feedback.judges import PanelJudge
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.reward_pairs import as_labelled, by_principle
from solon.pipeline.run import run_recipe
from solon.runs import Run
from solon.settings import FeedbackSettings
from solon.training.reward import Pair
from solon.types import Comparison, Preference, Verdict, assistant, user

TEXTS = {"no-harm": "Do no harm.", "real-help": "Help."}
ASKED = Comparison("c", "p", "and now?", "a", "b", context=(user("hi"), assistant("hello")))


def verdict(principle: str, order: str, prob_a: float | None, ask: str = "choice") -> Verdict:
    failure = "unreadable: hm" if prob_a is None else None
    return Verdict(principle, order, prob_a, "j", failure, ask=ask)  # type: ignore[arg-type]


def test_a_label_as_it_stands_has_all_turns_and_the_chosen_first() -> None:
    pair = as_labelled(preference_row(Preference(ASKED, 0.3)))
    assert pair == Pair(ASKED.turns, "b", "a", 0.7, id="c")


def test_every_principle_has_the_label_of_its_own_verdicts(constitution: Constitution) -> None:
    said = (
        verdict("no-harm", "ab", 0.9),
        verdict("no-harm", "ba", 0.7),
        verdict("real-help", "ab", 0.1),
        verdict("real-help", "ba", 0.3),
        verdict("no-hate", "ab", 0.9),
        verdict("no-hate", "ba", None),
    )
    row = preference_row(Preference(ASKED, 0.4, said))
    labeller = Labeller(PanelJudge(()), constitution, FeedbackSettings())
    found = by_principle(row, labeller, TEXTS)
    assert [(p.principle, round(p.prob_a, 9)) for p in found] == [("Do no harm.", 0.8), ("Help.", 0.2)]
    assert {(p.turns, p.response_a, p.response_b, p.id) for p in found} == {(ASKED.turns, "a", "b", "c")}


def test_labels_by_principle_are_clamped_as_labels_are(constitution: Constitution) -> None:
    row = preference_row(Preference(ASKED, 0.6, (verdict("no-harm", "", 0.99, "chain_of_thought"),)))
    labeller = Labeller(PanelJudge(()), constitution, FeedbackSettings())
    (pair,) = by_principle(row, labeller, TEXTS)
    assert pair.prob_a == pytest.approx(0.6)
    assert by_principle(preference_row(replace(Preference(ASKED, 0.5), verdicts=())), labeller, TEXTS) == []


def test_a_run_trains_and_measures_one_that_reads_principles(tmp_path: Path, tiny_folder: Path) -> None:
    path = tiny_recipe(tmp_path, tiny_folder, prompts=11, labelled=4)
    knobs = ("principle=true", "negatives=0.5", "heads=2", "caution=0.5", "epochs=1", "batch_size=4")
    overrides = ("rl_cai.feedback.principles=2", *(f"rl_cai.reward_model.{knob}" for knob in knobs))
    recipe = load_recipe(str(path), overrides)
    out = tmp_path / "run"
    run_recipe(recipe, out, Progress(quiet=True), "reward_model")
    record = Run(out, read_only=True).finished("reward_model")
    assert record
    facts = record.facts
    said = json.loads((out / "rl_cai/reward_model/reward.json").read_text())
    assert (said["heads"], said["caution"]) == (2, 0.5)
    assert facts["heldout_pairs"] == facts["heldout"]["accuracy"]["n"] > 0
    # Half as many pairs again, each under the principle of the pair it was made of.
    assert sum(pairs for _, pairs in said["principles"]) == facts["pairs"] + round(facts["pairs"] / 2)
    assert len(said["principles"]) > 2
    assert facts["heldout"]["spread"] > 0

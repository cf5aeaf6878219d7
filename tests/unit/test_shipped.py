"""What ships is whole: recipes load, data has the counts we promise, the recording answers every call."""

from __future__ import annotations

import asyncio
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from solon.data.pairs import load_labelled_pairs
from solon.data.prompts import load_prompts
from solon.engines.recorded import load_recording, recording_path
from solon.errors import ConfigError
from solon.feedback import build_judge, label
from solon.flow import gather_window
from solon.pipeline.context import Context
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.steps.judge import JudgeCard
from solon.pipeline.steps.preferences import Preferences
from solon.pipeline.steps.revisions import Revisions
from solon.runs import Run
from solon.types import Preference

RECIPES = sorted(path.stem for path in Path(str(files("solon") / "recipes")).glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe_loads(name: str) -> None:
    assert load_recipe(name).name == name


def test_an_unknown_key_in_a_nested_section_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'sl_cai.revision.round'; did you mean 'rounds'\?"):
        load_recipe("quickstart", ("sl_cai.revision.round=3",))


@pytest.mark.parametrize(("kind", "least", "areas"), [("red_team", 160, 8), ("helpful", 80, 8), ("lookalike", 40, 8)])
def test_the_quickstart_has_its_prompts(kind: str, least: int, areas: int) -> None:
    prompts, bad = load_prompts(f"quickstart:{kind}", kind)
    assert len(prompts) >= least
    assert not bad
    by_area = Counter(p.area for p in prompts)
    held_out = Counter(p.area for p in prompts if p.split == "heldout")
    assert len(by_area) >= areas
    assert set(held_out) == set(by_area)
    assert 0.3 <= sum(held_out.values()) / len(prompts) <= 0.4
    train = {p.text.casefold() for p in prompts if p.split == "train"}
    assert not train & {p.text.casefold() for p in prompts if p.split == "heldout"}


def test_the_labelled_pairs_do_not_give_the_answer_away() -> None:
    pairs = load_labelled_pairs("quickstart:labelled_pairs")
    assert len(pairs) >= 60
    assert sum(p.better_is_a for p in pairs) == len(pairs) // 2
    longer = sum((len(p.comparison.response_a) > len(p.comparison.response_b)) == p.better_is_a for p in pairs)
    assert 0.45 <= longer / len(pairs) <= 0.55


@pytest.fixture
def quickstart(tmp_path: Path) -> Context:
    return Context(load_recipe("quickstart"), Run(tmp_path), Progress(quiet=True))


def test_the_recording_says_what_made_it() -> None:
    recording = load_recording(recording_path("quickstart"))
    assert set(recording.engines) == {"drafter", "reviser", "responder", "judge"}
    assert all(len(fingerprint.weights) == 64 for fingerprint in recording.engines.values())
    assert recording.engines["drafter"].model.startswith("SmolLM2-135M")


def test_the_recording_answers_every_critique_and_revision(quickstart: Context) -> None:
    _, facts = Revisions().make(quickstart)
    assert facts["chains"] == 108
    calls = quickstart.usage.as_dict()
    assert calls["reviser"]["live"] == calls["drafter"]["live"] == 0
    assert calls["reviser"]["recorded"] >= 3 * facts["chains"]


def test_the_recording_answers_every_label(quickstart: Context) -> None:
    step = Preferences()
    Revisions().make(quickstart)
    _, facts = step.make(quickstart)
    assert facts["failed"] == 0
    assert facts["from_policy"] == quickstart.recipe.rl_cai.policy_pairs
    assert quickstart.usage.as_dict()["judge"]["live"] == 0


def test_the_recorded_judge_is_the_best_of_the_ways_that_were_tried(quickstart: Context) -> None:
    _, facts = JudgeCard().make(quickstart)
    cards = {card["ask"]: card for card in facts["cards"]}
    assert set(cards) == {"choice", "pointwise", "likelihood"}
    used = quickstart.recipe.rl_cai.ask
    assert cards[used]["rate"] == max(card["rate"] for card in cards.values())
    assert all(card["pairs"] >= 60 for card in cards.values())


def test_labels_do_not_depend_on_which_reply_is_called_a(quickstart: Context) -> None:
    """The recorded judge on recorded pairs, swapped: misses nothing only if it asks nothing new."""
    engine = quickstart.engine("judge")
    judge = build_judge(quickstart.recipe.rl_cai.ask, engine, quickstart.constitution)
    pairs = [p.comparison for p in load_labelled_pairs("quickstart:labelled_pairs")[:10]]
    labels = asyncio.run(gather_window(pairs, lambda p: label(judge, quickstart.constitution, p, 7)))
    assert all(isinstance(x, Preference) and 0 < x.prob_a < 1 for x in labels)

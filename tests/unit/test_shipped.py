"""What ships is whole: recipes load, data has the counts we promise, the recording answers every call."""

from __future__ import annotations

import importlib
from collections import Counter
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from solon.data.pairs import load_labelled_pairs
from solon.data.prompts import load_prompts
from solon.engines.recorded import load_recording, recording_path
from solon.errors import ConfigError
from solon.flow import gather_window
from solon.memo import Memo, call_key, unpack
from solon.pipeline.context import Context
from solon.pipeline.labelling import labeller
from solon.pipeline.progress import Progress
from solon.pipeline.qualifying import cards_in
from solon.pipeline.recipe import load_recipe
from solon.pipeline.steps.judge import QualifyJudge
from solon.pipeline.steps.preferences import Preferences
from solon.pipeline.steps.revisions import Revisions
from solon.runs import Run
from solon.sentences import stopped_after
from solon.types import Completion, GenerateRequest, Preference

RECIPES = sorted(path.stem for path in Path(str(files("solon") / "recipes")).glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe_loads(name: str) -> None:
    assert load_recipe(name).name == name


def test_an_unknown_key_in_a_nested_section_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'sl_cai.revision.round'; did you mean 'rounds'\?"):
        load_recipe("quickstart", ("sl_cai.revision.round=3",))


@pytest.mark.parametrize(("kind", "least", "areas"), [("red_team", 450, 8), ("helpful", 360, 8), ("lookalike", 298, 8)])
def test_the_quickstart_has_its_prompts(kind: str, least: int, areas: int) -> None:
    prompts, bad = load_prompts(f"quickstart:{kind}", kind)
    assert len(prompts) >= least
    assert not bad
    by_area = Counter(p.area for p in prompts)
    held_out = Counter(p.area for p in prompts if p.split == "heldout")
    assert len(by_area) >= areas
    assert set(held_out) >= {area for area, count in by_area.items() if count > 6}
    assert 0.2 <= sum(held_out.values()) / len(prompts) <= 0.4
    train = {p.text.casefold() for p in prompts if p.split == "train"}
    assert not train & {p.text.casefold() for p in prompts if p.split == "heldout"}


@pytest.fixture
def quickstart(tmp_path: Path) -> Context:
    return Context(load_recipe("quickstart"), Run(tmp_path), Progress(quiet=True))


def test_the_recording_says_what_made_it() -> None:
    recording = load_recording(recording_path("quickstart"))
    assert set(recording.engines) == {"drafter", "reviser", "judge"}
    assert all(len(fingerprint.weights) == 64 for fingerprint in recording.engines.values())
    assert recording.engines["drafter"].model.startswith("SmolLM2-135M")


def test_the_recording_answers_every_critique_and_revision(quickstart: Context) -> None:
    _, facts = Revisions().make(quickstart)
    assert facts["chains"] == len(quickstart.chained) == 195
    calls = quickstart.usage.as_dict()
    assert calls["reviser"]["live"] == calls["drafter"]["live"] == 0
    assert calls["reviser"]["recorded"] >= 1.9 * facts["chains"]  # a critique and a revision of each draft


def test_the_recording_answers_every_label(quickstart: Context) -> None:
    for step in (QualifyJudge(), Revisions()):  # kinds of pairs that the judge cannot tell are never asked about
        step.make(quickstart)
    _, facts = Preferences().make(quickstart)
    assert facts["failed"] == 0
    assert facts["from_policy"] == 0
    assert min(facts["by_source"].values()) > 0
    assert quickstart.usage.as_dict()["judge"]["live"] == 0


def test_the_recorded_judge_has_a_card(quickstart: Context) -> None:
    """Measured on all the pairs that ship, under every attack."""
    _, facts = QualifyJudge().make(quickstart)
    (card,) = cards_in(quickstart.run.folder)
    assert card.settings == quickstart.recipe.rl_cai.feedback
    assert card.judge[0].weights == load_recording(recording_path("quickstart")).engines["judge"].weights
    assert card.data.rows == facts["size"] >= 120
    assert card.injections is not None
    assert len(card.injections.by_family) >= 20
    assert quickstart.usage.as_dict()["judge"]["live"] == 0


def test_labels_do_not_depend_on_which_reply_is_called_a(quickstart: Context) -> None:
    """The recorded judge on recorded pairs, swapped: misses nothing only if it asks nothing new."""
    feedback, law = quickstart.recipe.rl_cai.feedback, quickstart.constitution
    asked = labeller(quickstart.judges(feedback), law, feedback, quickstart.recipe.seed)
    pairs = [pair.comparison for pair in load_labelled_pairs("shipped")[0][:10]]
    swapped = [replace(pair, response_a=pair.response_b, response_b=pair.response_a) for pair in pairs]
    there, back = (quickstart.ask(gather_window(some, asked.label)) for some in (pairs, swapped))
    for one, other in zip(there, back, strict=True):
        assert isinstance(one, Preference)
        assert isinstance(other, Preference)
        assert 0 < one.prob_a < 1
        assert one.prob_a == pytest.approx(1 - other.prob_a)


def test_recorded_answers_are_over_where_the_recipe_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a live drafter or responder writes the very texts that were recorded."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    record = importlib.import_module("record_quickstart")
    record.seed(tmp_path / "memo.sqlite", recording_path("quickstart"))
    sentences = Counter()
    with closing(Memo(tmp_path / "memo.sqlite", read_only=True)) as memo:
        for call in memo.calls():
            request, answer = record.request_of(call.request, []), memo.get(call.key)
            if isinstance(request, GenerateRequest) and isinstance(answer, Completion):
                sentences[call.role, request.stop_after] += 1
                assert answer == stopped_after(answer, request.stop_after)
    recipe = load_recipe("quickstart")
    draft, helpful = recipe.sl_cai.draft, recipe.sl_cai.helpful
    assert set(sentences) == {("drafter", draft.stop_after), ("drafter", helpful.stop_after), ("reviser", None)}


def test_the_recording_can_be_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is recorded in full: what is asked gives the key that it is found by."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    record = importlib.import_module("record_quickstart")
    recording = load_recording(recording_path("quickstart"))
    assert record.seed(tmp_path / "memo.sqlite", recording.path) == len(recording.answers)
    engines = {fingerprint.key: fingerprint for fingerprint in recording.engines.values()}
    with closing(Memo(tmp_path / "memo.sqlite", read_only=True)) as memo:
        for call in memo.calls():
            assert call_key(engines[call.engine], record.request_of(call.request, [])) == call.key
            assert unpack(recording.answers[call.key]) == memo.get(call.key)
    assert record.seed(tmp_path / "memo.sqlite", recording.path) == 0  # it is there, and perhaps goes on

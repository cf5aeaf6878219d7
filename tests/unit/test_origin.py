"""Recorded drafts and answers belong to the policy that wrote them, and a run of another one is told so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe
from solon.engines.recorded import Recording, load_recording, recording_path, write_recording
from solon.errors import ConfigError
from solon.memo import Memo
from solon.pipeline.origin import recorded_policy, recorded_roles
from solon.pipeline.plan import make_plan
from solon.pipeline.plan.context import PlanContext
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import opened, run_recipe
from solon.report.findings import recorded_texts
from solon.report.material import read_material
from solon.types import Fingerprint
from tiny import write_tiny_llama

NOWHERE = Path("does/not/exist")
ROLES = ("drafter", "responder")
READERS = ("reviser", "judge")
# Answers of a random model hardly ever end: they are cut off soon, and compared at equal length.
SHORT = (
    "sl_cai.draft.max_tokens=4",
    "sl_cai.helpful.max_tokens=4",
    "rl_cai.truncated_pairs=equal_length",
    "rl_cai.policy_pairs=null",  # asked for: the SL-CAI policy answers before the labels
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("policy"), seed=1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Path, Path]:
    """A recipe whose drafts and answers a live policy gave, and the recording of them."""
    folder = tmp_path_factory.mktemp("recorded")
    recipe = tiny_recipe(folder, model, prompts=5)
    live = tuple(f"roles.{role}=null" for role in ROLES)
    run_recipe(load_recipe(str(recipe), (*live, *SHORT)), folder / "run", Progress(quiet=True), "preferences")
    manifest = json.loads((folder / "run/manifest.json").read_text())
    engines = {role: Fingerprint(**manifest["engines"][role]) for role in ROLES}
    with opened(folder / "run", Progress(quiet=True)) as context:
        policy = recorded_policy(context)
    memo = Memo(folder / "run/memo.sqlite", read_only=True)
    write_recording(folder / "r.jsonl", engines, [c for c in memo.calls() if c.role in ROLES], policy)
    memo.close()
    return recipe, folder / "r.jsonl"


def overrides(recording: Path, *more: str) -> tuple[str, ...]:
    roles = [f"roles.{role}={{engine: recorded, recording: {recording}}}" for role in ROLES]
    return (*roles, *SHORT, *more)


def test_the_policy_that_was_recorded_is_replayed(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, recording = recorded
    loaded = load_recipe(str(recipe), overrides(recording))
    manifest = run_recipe(loaded, tmp_path / "run", Progress(quiet=True), "preferences")
    assert manifest["calls"]["drafter"]["live"] == manifest["calls"]["responder"]["live"] == 0
    assert [(said["role"], tuple(said["differs"])) for said in manifest["recorded"].values()] == [
        ("drafter", ()),
        ("responder", ()),
    ]
    plan = make_plan(loaded, tmp_path / "run", "preferences")
    assert (plan.warnings, plan.to_run) == ([], [])


def test_recorded_models_do_not_know_the_drafts_of_another_policy(
    recorded: tuple[Path, Path], tmp_path: Path, model: Path
) -> None:
    recipe, recording = recorded
    other = write_tiny_llama(tmp_path / "other", seed=2)
    own = [f"roles.{role}=null" for role in ROLES]
    replayed = [f"roles.{role}={{engine: recorded, recording: {recording}, model: drafter}}" for role in READERS]

    def said(*more: str, until: str = "preferences") -> list[str]:
        loaded = load_recipe(str(recipe), (*own, *replayed, *SHORT, *more))
        return [line for line in make_plan(loaded, tmp_path / "run", until).warnings if "drafts" in line]

    (line,) = said(f"roles.policy.model={other}")
    assert line.startswith("roles.reviser, roles.judge: the recording answers about drafts of ")
    assert line.endswith("attach a live model (roles.reviser.engine=openai roles.judge.engine=openai …)")
    assert said(f"roles.policy.model={other}", until="revisions")[0].startswith("roles.reviser: ")
    assert said() == [], "the policy whose drafts were revised"


@pytest.mark.parametrize("start", ["plan", "run"])
def test_another_policy_is_refused_before_anything_is_spent(
    recorded: tuple[Path, Path], tmp_path: Path, start: str
) -> None:
    recipe, recording = recorded
    other = write_tiny_llama(tmp_path / "other", seed=2)
    loaded = load_recipe(str(recipe), overrides(recording, f"roles.policy.model={other}"))
    said = (
        r"^roles.drafter, roles.responder: the recorded drafts and answers are of \S+ \(weights \w{12}, float32\), not "
        r"of roles.policy other \(weights \w{12}, float32\); leave these roles out to ask your own policy: "
        r"roles.drafter=null roles.responder=null; or roles.other_policy=use$"
    )
    starts = {
        "plan": lambda: make_plan(loaded, tmp_path / "run", "preferences"),
        "run": lambda: run_recipe(loaded, tmp_path / "run", Progress(quiet=True)),
    }
    with pytest.raises(ConfigError, match=said):
        starts[start]()
    assert not (tmp_path / "run/sl_cai").exists()


def test_another_precision_is_another_policy(recorded: tuple[Path, Path]) -> None:
    recipe, recording = recorded
    loaded = load_recipe(str(recipe), overrides(recording, "roles.policy.precision=bfloat16"))
    with pytest.raises(ConfigError, match=r"float32.*, not of roles.policy .*bfloat16"):
        make_plan(loaded, NOWHERE, "preferences")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("sl_cai.sft.learning_rate=0.5", "sl_cai.sft.learning_rate 0.0002, here 0.5"),
        ("sl_cai.sft.lora.rank=4", "sl_cai.sft.lora.rank 16, here 4"),
        ("sl_cai.rounds=last", "sl_cai.rounds all, here last"),
        ("seed=4", "seed 3, here 4"),
        ("constitution=human-rights", "another constitution"),
        ("roles.reviser={engine: scripted}", "another roles.reviser"),
    ],
)
def test_an_edit_above_a_recorded_responder_is_never_without_effect(
    recorded: tuple[Path, Path], change: str, said: str
) -> None:
    """Answers that are replayed cannot follow it."""
    recipe, recording = recorded
    only = tuple(one for one in overrides(recording, change) if "drafter" not in one)
    loaded = load_recipe(str(recipe), ("roles.drafter=null", *only))
    with pytest.raises(ConfigError, match=rf"^roles.responder: .*{said}.*roles.responder=null"):
        make_plan(loaded, NOWHERE, "preferences")
    assert make_plan(loaded, NOWHERE, "revisions").warnings == []  # which asks no responder


def test_what_is_not_above_it_may_change(recorded: tuple[Path, Path]) -> None:
    recipe, recording = recorded
    for change in ("rl_cai.reward_model.epochs=2", "rl_cai.seed=9", "evaluate.max_tokens=4", "roles.judge=null"):
        assert make_plan(load_recipe(str(recipe), overrides(recording, change)), NOWHERE).warnings == []


def test_answers_of_another_policy_can_be_used_and_the_report_says_so(
    recorded: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, recording = recorded
    changed = overrides(recording, "sl_cai.sft.epochs=2", "roles.other_policy=use")
    loaded = load_recipe(str(recipe), changed)
    (caution,) = make_plan(loaded, NOWHERE, "preferences").warnings
    assert "made with sl_cai.sft.epochs 1.0, here 2.0; they are used all the same (roles.other_policy)" in caution
    run_recipe(loaded, tmp_path / "run", Progress(quiet=True), "preferences")
    assert caution in " ".join(capsys.readouterr().err.split())
    first, second = recorded_texts(read_material(tmp_path / "run"))
    assert first.tone == "plain"
    assert (second.tone, "sl_cai.sft.epochs 1.0, here 2.0" in second.text) == ("warn", True)


def test_a_knob_newer_than_the_recording_is_at_its_default(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, recording = recorded
    header, *calls = recording.read_text().splitlines()
    said: dict[str, Any] = json.loads(header)
    del said["policy"]["sl_cai"]["sl_cai"]["sft"]["packing"]
    older = tmp_path / "older.jsonl"
    older.write_text("\n".join([json.dumps(said), *calls]) + "\n")
    assert make_plan(load_recipe(str(recipe), overrides(older)), NOWHERE, "preferences").warnings == []
    packed = load_recipe(str(recipe), overrides(older, "sl_cai.sft.packing=true"))
    with pytest.raises(ConfigError, match=r"sl_cai.sft.packing False, here True"):
        make_plan(packed, NOWHERE, "preferences")


def test_a_recording_that_does_not_say_what_its_model_was_made_of_is_used_with_a_word(
    recorded: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its base is known by the drafter's weights, as before such a line was written."""
    recipe, recording = recorded
    header, *calls = recording.read_text().splitlines()
    older = tmp_path / "older.jsonl"
    older.write_text("\n".join([json.dumps({**json.loads(header), "policy": None}), *calls]) + "\n")
    edited = load_recipe(str(recipe), overrides(older, "sl_cai.sft.epochs=2"))
    (caution,) = make_plan(edited, NOWHERE, "preferences").warnings
    assert caution.startswith("roles.responder: ")
    assert "does not say what that was made of: changes of sl_cai.sft and of its rows do not reach them" in caution
    other = write_tiny_llama(tmp_path / "other", seed=2)
    with pytest.raises(ConfigError, match=r"^roles.drafter, roles.responder: .* not of roles.policy other"):
        make_plan(load_recipe(str(recipe), overrides(older, f"roles.policy.model={other}")), NOWHERE, "preferences")


# --- the recording that ships ------------------------------------------------------------------------


def test_the_quickstart_is_of_its_own_policy(tmp_path: Path) -> None:
    context = PlanContext(load_recipe("quickstart"), tmp_path)
    found = recorded_roles(context, {"revisions", "preferences"})
    context.close()
    recording: Recording = load_recording(recording_path("quickstart"))
    assert recording.policy is not None
    (drafter,) = found  # no answer of the SL-CAI policy is compared
    assert drafter.role == "drafter"
    assert "b179c9523d0e" in drafter.of
    assert not drafter.differs


def test_the_quickstart_with_another_policy_names_the_models_to_attach(model: Path) -> None:
    loaded = load_recipe("quickstart", (f"roles.policy.model={model}",))
    with pytest.raises(
        ConfigError, match=r"of SmolLM2-135M-Instruct.Q4_1.gguf \(weights b179c9523d0e, float32\), not of"
    ):
        make_plan(loaded, NOWHERE)
    with pytest.raises(ConfigError, match=r"null, and attach a live roles.reviser and roles.judge; or"):
        make_plan(loaded, NOWHERE)


def test_the_live_recipe_asks_the_policy_alone(model: Path) -> None:
    """Nothing recorded, so that any model can be named; the plan of one that is not fetched works too."""
    for overrides in ((), (f"roles.policy.model={model}",)):
        recipe = load_recipe("self", overrides)
        assert [getattr(recipe.roles, role) for role in ("drafter", "reviser", "responder", "judge")] == [None] * 4
        made = make_plan(recipe, NOWHERE)
        assert made.total("unanswered") == 0
        assert made.total("to_make") > 300

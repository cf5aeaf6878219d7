"""What a changed constitution touches in a run: counted here from the files, draw by draw."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import solon.cli
from recipes_for_tests import write_prompts
from solon.constitution import Constitution, draw, load_constitution
from solon.constitution.diff import compare
from solon.data.tables import read_rows
from solon.errors import ConfigError, DataError
from solon.pipeline.impact import Impact, changes_said, impact
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe

SEED = 5
PRINCIPLES: list[dict[str, Any]] = [
    {"id": "no-harm", "text": "A good reply harms nobody.", "aim": "harmless", "weight": 2.0},
    {"id": "real-help", "text": "A good reply helps.", "aim": "helpful"},
    {"id": "no-lies", "text": "A good reply is true.", "aim": "harmless"},
    {"id": "brief", "text": "A good reply is brief.", "aim": "harmless"},
]


def law(principles: list[dict[str, Any]], **whole: Any) -> Constitution:
    return Constitution.model_validate({"name": "small", "version": "1.0.0", "principles": principles, **whole})


OLD = law(PRINCIPLES)


def made(folder: Path, *overrides: str) -> Path:
    """A run made by scripts, under OLD; returns its folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "law.yaml").open("w") as handle:
        YAML(typ="safe", pure=True).dump(OLD.model_dump(mode="json", exclude_none=True), handle)
    value = {
        "name": "made",
        "seed": SEED,
        "constitution": str(folder / "law.yaml"),
        "prompts": {"red_team": str(write_prompts(folder, "red_team", 60))},
        "roles": {role: {"engine": "scripted"} for role in ("policy", "responder")},
        "sl_cai": {"revision": {"rounds": 3, "exemplars": 1}},
        "rl_cai": {"policy_pairs": 20, "qualify": {"data": None}},
    }
    with (folder / "recipe.yaml").open("w") as handle:
        YAML(typ="safe", pure=True).dump(value, handle)
    out = folder / "out"
    run_recipe(load_recipe(str(folder / "recipe.yaml"), overrides), out, Progress(quiet=True), "preferences")
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("impact"))


@pytest.fixture(scope="module")
def ensembles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("ensembles"), "rl_cai.feedback.principles=2")


def changed(**fields: Any) -> list[dict[str, Any]]:
    """The principles with `brief` changed."""
    return [{**p, **fields} if p["id"] == "brief" else p for p in PRINCIPLES]


NEW = {
    "reworded": law(changed(text="A good reply is short.")),
    "reweighted": law(changed(weight=4.0)),
    "renamed": law(changed(id="short")),
    "removed": law(PRINCIPLES[:-1]),
    "added": law([*PRINCIPLES, {"id": "kind", "text": "A good reply is kind.", "aim": "harmless"}]),
    "added and reworded": law(
        [*changed(text="Short!"), {"id": "kind", "text": "A good reply is kind.", "aim": "harmless"}]
    ),
    "given another aim": law(changed(aim="own")),
    "only to revise": law(changed(phases=["revise"])),
    "only to compare": law(changed(phases=["compare"])),
    "another question": law(changed(comparison_question="Which is shorter?")),
    "another request": law(changed(revision_request="Shorten it.")),
    "priorities": law(PRINCIPLES, priorities={"harmless": 1, "helpful": 5, "honest": 1}),
    "a source": law(changed(source="common sense")),
    "all that compare": law([{**p, "phases": ["revise"]} for p in PRINCIPLES]),
    "all that revise": law([{**p, "phases": ["compare"]} for p in PRINCIPLES]),
}
READ = {"revise": ("text", "revision_request"), "compare": ("text", "aim", "comparison_question")}


def drawn(new: Constitution, phase: Any, record: str, step: int | str, count: int) -> set[str]:
    """Replies to red-team prompts are revised and compared by harmless principles, if there are any."""
    if not new.for_phase(phase):
        return set()
    law = new.drawn_from("harmless", phase)
    return {p.id for p in draw(law, phase, seed=SEED, record=record, step=step, count=count)}


def touches(new: Constitution, phase: Any, names: set[str], record: str, step: int | str) -> bool:
    """Whether a record that drew `names` draws others, or one that models read otherwise."""
    after = drawn(new, phase, record, step, len(names))
    reread = {
        n for n in names & after if any(getattr(OLD[n], field) != getattr(new[n], field) for field in READ[phase])
    }
    return after != names or bool(reread)


def expected(folder: Path, new: Constitution, *, retrained: bool = False) -> dict[str, int]:
    """The counts of an Impact, the plain way."""
    found = Counter[str]()
    chains = set()
    for row in read_rows(folder / "sl_cai/revisions.parquet"):
        if row["prompt_id"] in chains:
            found["revisions through"] += 1
        elif touches(new, "revise", {row["principle"]}, row["prompt_id"], row["step"]):
            found["revisions direct"] += 1
            chains.add(row["prompt_id"])
    for row in read_rows(folder / "rl_cai/preferences.parquet"):
        names = {v["principle"] for v in row["verdicts"]}
        through = retrained and bool(chains) if row["source"] == "policy" else row["prompt_id"] in chains
        if names and touches(new, "compare", names, row["id"], "compare"):
            found["labels direct"] += 1
        elif through:
            found["labels through"] += 1
    return {**found, "chains": len(chains)}


def counts(found: Impact) -> dict[str, int]:
    parts = {
        f"{name} {how}": getattr(getattr(found, name), how)
        for name in ("revisions", "labels")
        for how in ("direct", "through")
    }
    return {name: count for name, count in parts.items() if count} | {"chains": found.chains}


@pytest.mark.parametrize("what", NEW)
def test_what_a_change_touches_is_what_draws_or_reads_otherwise(run: Path, ensembles: Path, what: str) -> None:
    for folder in (run, ensembles):
        found = impact(folder, compare(OLD, NEW[what]))
        assert counts(found) == expected(folder, NEW[what])
        assert (found.revisions.total, found.chains_total) == (120, 40)
        assert found.labels.total == 60


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["no-harm", "real-help", "no-lies"]), unique=True), st.floats(0.1, 9), st.booleans())
def test_any_edit_is_counted_right(run: Path, words: list[str], weight: float, add: bool) -> None:
    principles = [{**p, "text": f"{p['text']} Indeed."} if p["id"] in words else p for p in changed(weight=weight)]
    new = law([*principles, {"id": "kind", "text": "A good reply is kind.", "aim": "harmless"}] if add else principles)
    found = impact(run, compare(OLD, new))
    assert counts(found) == expected(run, new)
    assert sum(found.revisions.reworded.values()) <= found.revisions.direct
    assert sum(found.revisions.moved.values()) <= found.revisions.direct
    assert found.labels.share <= 1


def test_answers_of_the_trained_policy_change_with_any_chain_those_of_another_model_with_none(
    run: Path, tmp_path: Path
) -> None:
    """The SL-CAI model learns from every chain, so every one of its answers may be another."""
    assert all(row["source"] == "policy" for row in read_rows(run / "rl_cai/preferences.parquet")[40:])
    copy = shutil.copytree(run, tmp_path / "copy")
    recipe = (copy / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(re.sub(r"  responder:\n(    .*\n)+", "", recipe))
    assert load_recipe(str(copy / "recipe.yaml")).roles.responder is None
    new = NEW["another request"]
    assert counts(impact(copy, compare(OLD, new))) == expected(copy, new, retrained=True)
    through = [impact(folder, compare(OLD, new)).labels.through for folder in (run, copy)]
    assert through == [expected(run, new)["labels through"], through[0] + 20]


def test_of_several_principles_only_those_that_differ_are_said_to_move(ensembles: Path) -> None:
    found = impact(ensembles, compare(OLD, NEW["added"]))
    assert found.labels.moved.total() == found.labels.direct > 0
    assert all(pair.endswith(" → kind") for pair in found.labels.moved)


def test_one_principle_more_is_drawn_where_there_were_too_few(tmp_path: Path) -> None:
    """Two are asked for and the constitution had one: every label is touched."""
    folder = made(tmp_path, "rl_cai.feedback.principles=9")
    found = impact(folder, compare(OLD, NEW["added"]))
    assert found.labels.direct == 60
    assert found.labels.moved == {"none → kind": 60}
    found = impact(folder, compare(OLD, NEW["removed"]))
    assert found.labels.moved == {"brief → none": 60}


def test_models_are_those_that_lie_there_and_learn_from_what_is_touched(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    for name in ("sl_cai/model", "rl_cai/reward_model", "rl_cai/policy"):
        (copy / name).mkdir()

    def models(what: str) -> tuple[str, ...]:
        return impact(copy, compare(OLD, NEW[what])).models

    assert models("reworded") == ("sl_cai/model", "rl_cai/reward_model", "rl_cai/policy")
    assert models("another question") == ("rl_cai/reward_model", "rl_cai/policy")
    assert models("a source") == ()
    (copy / "rl_cai/preferences.parquet").unlink()  # as with --until revisions
    assert models("another question") == ()
    assert models("another request") == ("sl_cai/model", "rl_cai/policy")
    assert impact(copy, compare(OLD, NEW["reworded"])).labels.total == 0


def test_files_of_another_constitution_are_not_counted(run: Path, tmp_path: Path) -> None:
    """A run that stopped half-way left its constitution beside the files of the one before."""
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "constitution.json").write_text(json.dumps(NEW["added"].model_dump(mode="json")))
    with pytest.raises(DataError, match="made under another constitution or seed") as stop:
        impact(copy, compare(load_constitution(copy), OLD))
    assert "\n" not in str(stop.value)
    shutil.copy(run / "constitution.json", copy)
    recipe = copy / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(f"seed: {SEED}", "seed: 6"))
    with pytest.raises(DataError, match="made under another constitution or seed"):
        impact(copy, compare(OLD, NEW["added"]))


def test_damaged_runs_are_refused_in_one_line(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "rl_cai/preferences.parquet").write_bytes(b"torn")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        impact(copy, compare(OLD, NEW["reworded"]))
    (copy / "recipe.yaml").unlink()
    with pytest.raises(ConfigError, match="no such file"):
        impact(copy, compare(OLD, NEW["reworded"]))


def test_changes_are_said_with_what_they_touch_or_without() -> None:
    found = Impact()
    found.revisions.moved.update({"no-harm → kind": 3, "brief → kind": 1})
    found.labels.reworded.update({"brief": 1})
    said = changes_said(compare(OLD, NEW["added and reworded"]), found)
    assert said == ["kind added: touches 4 revisions", "brief reworded: touches 1 revision and 1 label"]
    assert changes_said(compare(OLD, NEW["added and reworded"]), None) == ["kind added", "brief reworded"]
    assert changes_said(compare(OLD, NEW["priorities"]), None) == ["priorities changed"]
    assert changes_said(compare(OLD, NEW["removed"]), Impact()) == ["brief removed: touches nothing that was made"]
    assert changes_said(compare(OLD, OLD), None) == []


# --- the command line -----------------------------------------------------------------------------------


def cli(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["solon", "constitution", "diff", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        solon.cli.main()
    return int(stop.value.code or 0)


def written(folder: Path, constitution: Constitution) -> Path:
    path = folder / "new.yaml"
    with path.open("w") as handle:
        YAML(typ="safe", pure=True).dump(constitution.model_dump(mode="json", exclude_none=True), handle)
    return path


@pytest.mark.parametrize("what", ["added", "all that compare"])
def test_diff_with_a_run_says_what_it_touches(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    new = written(tmp_path, NEW[what])
    for arguments in ((run, new), (run.parent / "law.yaml", new, "--run", run)):
        assert cli(monkeypatch, *arguments, "--json") == 0
        found = json.loads(capsys.readouterr().out)["run"]
        direct = {name: found[name]["direct"] for name in ("revisions", "labels")}
        wanted = expected(run, NEW[what])
        assert direct == {name: wanted.get(f"{name} direct", 0) for name in direct}
        assert sum(found["labels"]["moved"].values()) == direct["labels"]
        assert cli(monkeypatch, *arguments) == 0
        assert f"chains touched: {found['chains']} of 40" in capsys.readouterr().out


def test_diff_with_a_run_of_another_constitution_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new = written(tmp_path, NEW["added"])
    assert cli(monkeypatch, new, "balanced", "--run", run) == 2
    assert "was made under another constitution than" in capsys.readouterr().err
    assert cli(monkeypatch, new, "balanced", "--run", tmp_path) == 2
    assert "holds no run" in capsys.readouterr().err
    assert cli(monkeypatch, new, "balanced", "--run", tmp_path / "none") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_folder_may_be_named_as_a_constitution_of_the_library(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "balanced")
    new = written(tmp_path, NEW["added"])
    monkeypatch.chdir(tmp_path)
    assert cli(monkeypatch, run.parent / "law.yaml", new, "--run", "balanced", "--json") == 0
    assert json.loads(capsys.readouterr().out)["run"]["chains_total"] == 40

"""A run's folder stands alone: moved, without the files that it was made from, asked from another directory."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from recipes_for_tests import tiny_recipe
from solon.constitution import Constitution
from solon.data.prompts import load_prompt_sets
from solon.errors import ConfigError, DataError
from solon.pipeline.places import PROMPTS, command_said, keep_prompts, prompts_of
from solon.pipeline.plan import make_plan
from solon.pipeline.recipe import load_recipe
from solon.runs import Run
from solon.serve.source import from_run
from tiny import write_tiny_llama

Solon = Callable[..., tuple[int, str, str]]
LAW = """name: shore
principles:
  - {id: says-the-tide, text: A good reply names the hour of the tide., aim: helpful}
  - {id: no-bathing-at-night, text: A good reply sends nobody into the sea at night., aim: harmless}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and `shore/`: a recipe whose constitution, prompts and scripts lie beside it."""
    home = tmp_path_factory.mktemp("home")
    model = write_tiny_llama(home / "model")
    path = tiny_recipe(home / "shore", model)
    path.write_text(
        path.read_text().replace(f"{home}/shore/", "").replace("constitution: balanced", "constitution: l.yaml")
    )
    (home / "shore/l.yaml").write_text(LAW)
    return home


@pytest.fixture(scope="module")
def made(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of it, made from the folder above, and moved; what it was made from is out of reach."""
    import contextlib

    from solon.pipeline.progress import Progress
    from solon.pipeline.run import run_recipe

    moved = tmp_path_factory.mktemp("elsewhere") / "moved"
    with contextlib.chdir(home):
        command = command_said(["solon", "run", "shore/recipe.yaml", "name=the-shore"])
        run_recipe(
            load_recipe("shore/recipe.yaml", ("name=the-shore",)), Path("made"), Progress(quiet=True), command=command
        )
    shutil.move(home / "made", moved)
    (moved.parent / "p.jsonl").write_text('{"prompt": "When is high water?"}\n{"prompt": "May I swim now?"}\n')
    return moved


@pytest.fixture
def moved(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run, with the current directory beside it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(made.parent / "p.jsonl", "p.jsonl")
    return shutil.copytree(made, tmp_path / "copy").relative_to(tmp_path)


# --- what a recipe names ------------------------------------------------------------------------------------


def test_a_recipe_is_planned_from_the_folder_above(
    home: Path, solon_cli: Solon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    code, out, _ = solon_cli("plan", "shore/recipe.yaml")
    assert code == 0
    assert "constitution: shore/l.yaml, beside the recipe" in out
    recipe = load_recipe("shore/recipe.yaml")
    assert recipe.prompts["red_team"].file == "shore/red_team.jsonl"
    assert recipe.roles.judge is not None
    assert recipe.roles.judge.model == "shore/script.yaml"


def test_beside_the_recipe_comes_first_then_the_current_directory(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home / "shore", tmp_path / "shore")
    monkeypatch.chdir(tmp_path)
    Path("l.yaml").write_text(LAW.replace("shore", "other"))
    assert load_recipe("shore/recipe.yaml").constitution == "shore/l.yaml"
    Path("shore/l.yaml").unlink()
    assert load_recipe("shore/recipe.yaml").constitution == "l.yaml"
    Path("l.yaml").unlink()
    with pytest.raises(ConfigError, match=r"no such file: shore/l\.yaml"):
        make_plan(load_recipe("shore/recipe.yaml"), Path("out"))
    Path("mine.yaml").write_text(LAW)
    Path("shore/mine.yaml").write_text(LAW)
    given = load_recipe("shore/recipe.yaml", ("constitution=mine.yaml",))
    assert given.constitution == "mine.yaml", "what the command line names is of the current directory"


def test_names_of_the_library_are_no_files(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(home / "shore", tmp_path / "shore")
    monkeypatch.chdir(tmp_path)
    recipe = YAML(typ="safe").load(Path("shore/recipe.yaml").read_text())
    recipe["constitution"] = "balanced"
    recipe["roles"]["judge"] = {"engine": "recorded", "recording": "quickstart"}
    recipe["rl_cai"]["qualify"]["data"] = "shipped"
    recipe["rl_cai"]["human"] = [{"file": "pairs.jsonl", "aim": "helpful"}]
    Path("shore/pairs.jsonl").touch()
    with Path("shore/recipe.yaml").open("w") as file:
        YAML(typ="safe").dump(recipe, file)
    for name in ("balanced", "quickstart", "shipped"):
        (tmp_path / "shore" / name).mkdir()
    loaded = load_recipe("shore/recipe.yaml")
    assert loaded.roles.judge is not None
    assert (loaded.constitution, loaded.roles.judge.recording, loaded.rl_cai.qualify.data) == (
        "balanced",
        "quickstart",
        "shipped",
    )
    assert loaded.rl_cai.human[0].file == "shore/pairs.jsonl"


# --- the folder, elsewhere ------------------------------------------------------------------------------------


def test_nothing_is_left_to_do_in_a_moved_run(moved: Path, solon_cli: Solon) -> None:
    code, out, err = solon_cli("plan", moved, "--json")
    assert code == 0
    plan = json.loads(out)
    assert [step["state"] for step in plan["steps"]] == ["unchanged"] * 7
    assert plan["notes"] == [
        f"constitution: shore/l.yaml is not here; the run's own is used, {moved}/constitution.json"
    ]
    assert re.search(r"red_team\.jsonl, \S+helpful\.jsonl not here; the rows that the run kept are used", err)
    code, out, _ = solon_cli("run", moved, "-q")
    assert code == 0
    assert "7 of 7 steps unchanged" in out
    text = (moved / "recipe.yaml").read_text()
    assert text.startswith("# solon run shore/recipe.yaml name=the-shore\n")
    assert "constitution: shore/l.yaml\n" in text, "the name of the law stays, though its file is gone"


def test_a_moved_run_is_served_under_its_own_law(moved: Path) -> None:
    source = from_run(moved)
    assert (source.constitution.name, source.warning) == ("shore", "")
    Path("shore").mkdir()
    Path("shore/l.yaml").write_text(LAW.replace("names the hour", "says the hour"))
    changed = from_run(moved)
    assert changed.constitution == source.constitution, "what it was trained with"
    assert changed.warning.endswith("shore/l.yaml has changed since; --constitution shore/l.yaml serves the new text")
    other = from_run(moved, constitution="balanced")
    assert other.constitution.name == "balanced"
    assert "was trained by another constitution than 'balanced'" in other.warning


def test_a_moved_run_is_evaluated_and_exported(moved: Path, solon_cli: Solon) -> None:
    code, out, _ = solon_cli("evaluate", moved, "p.jsonl", "--out", "answers.json")
    assert code == 0
    assert list(json.loads(Path("answers.json").read_text())) == ["base", "rl_cai", "sl_cai"]
    assert out.splitlines()[1].split() == ["group", "n", "base", "sl_cai", "rl_cai", "change"]
    assert solon_cli("export", moved, "--out", "taken")[0] == 0
    card = Path("taken/README.md").read_text()
    assert "says-the-tide" in card


def test_a_new_run_begins_with_a_moved_one(moved: Path, solon_cli: Solon, home: Path) -> None:
    scripts = [f"roles.{role}.model={home}/shore/script.yaml" for role in ("drafter", "reviser", "responder", "judge")]
    code, out, err = solon_cli("plan", moved, "rl_cai.ppo.steps=1", "--json")
    assert not code, err
    assert [step["name"] for step in json.loads(out)["steps"] if step["state"] == "to run"] == ["policy", "evaluate"]
    code, out, err = solon_cli("run", moved, "rl_cai.ppo.steps=1", *scripts, "--from", moved, "--out", "new", "-q")
    assert code == 0, err
    manifest = json.loads(Path("new/manifest.json").read_text())
    assert manifest["constitution"]["name"] == "shore"
    assert manifest["command"].endswith(f"--out new --from {moved}")
    assert Path("new", PROMPTS).read_bytes().count(b"\n") == Path(moved, PROMPTS).read_bytes().count(b"\n")
    code, out, _ = solon_cli("front", moved, *scripts, "--over", "rl_cai.ppo.steps=1,2", "--from", moved, "-q")
    assert code == 0
    shutil.move("runs/front", "taken")
    code, out, _ = solon_cli("evaluate", "taken", "p.jsonl")
    assert code == 0
    assert "RL-CAI" in out


def test_what_is_missing_is_named(moved: Path, solon_cli: Solon) -> None:
    (moved / PROMPTS).unlink()
    code, _, err = solon_cli("plan", moved)
    assert (code, "prompts.red_team: cannot read" in err) == (2, True)
    recipe = moved / "recipe.yaml"
    base = load_recipe(str(recipe)).roles.policy.model
    recipe.write_text(recipe.read_text().replace(base, "/gone/llama"))
    code, _, err = solon_cli("evaluate", moved, "p.jsonl")
    assert (code, "no such file or folder: /gone/llama" in err, err.count("\n")) == (2, True, 1)
    assert solon_cli("evaluate", moved, "p.jsonl", "--model", base)[0] == 0
    code, _, err = solon_cli("plan", moved, "rl_cai.qualify.data=pairs.jsonl")
    assert (code, err.count("\n")) == (2, 1)
    other = write_tiny_llama(Path("other"), seed=8)
    code, _, err = solon_cli("export", moved, "--merged", "--out", "merged", "--model", other)
    assert code == 2
    assert "was trained on model" in err


def test_a_run_half_done_is_refused_before_the_first_answer(moved: Path, solon_cli: Solon) -> None:
    for gone in ("rl_cai/policy", "evaluation"):
        shutil.rmtree(moved / gone)
    for gone in ("steps/policy.json", "steps/evaluate.json", "manifest.json"):
        (moved / gone).unlink()
    code, out, err = solon_cli("evaluate", moved, "p.jsonl")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"no finished RL-CAI model (step policy), or it was changed since; make it with solon run {moved}" in err
    assert err.endswith("--what sl_cai\n")
    assert solon_cli("evaluate", moved, "p.jsonl", "--what", "sl_cai", "--out", "a.json")[0] == 0
    assert list(json.loads(Path("a.json").read_text())) == ["base", "sl_cai"]
    code, _, err = solon_cli("export", moved, "--out", "x")
    assert (code, f"make it with solon run {moved}, or take what there is: --what sl_cai" in err) == (2, True)
    assert solon_cli("export", moved, "--out", "x", "--what", "sl_cai")[0] == 0
    (moved / "steps/sft.json").unlink()
    code, _, err = solon_cli("evaluate", moved, "p.jsonl", "--what", "sl_cai")
    assert (code, err.endswith("--what base\n")) == (2, True)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("reward_model", "is no model that answers"),
        ("policy@3", "keeps none"),
        ("sl_cai@3", "is no model that answers"),
    ],
)
def test_a_model_that_cannot_be_asked(moved: Path, solon_cli: Solon, what: str, said: str) -> None:
    code, _, err = solon_cli("evaluate", moved, "p.jsonl", "--what", what)
    assert (code, said in err) == (2, True)


# --- the rows of prompt files ---------------------------------------------------------------------------------


def test_kept_prompts_are_the_files(tmp_path: Path) -> None:
    rows = [{"id": f"a{n}", "prompt": f"Is {n} odd\u2028or even?", "area": "sums"} for n in range(7)]
    rows += [
        {"id": "b", "prompt": ""},
        {"id": "c", "prompt": "Half \ud83d?"},
        {"id": "a1", "prompt": "Is 1 odd or even?"},
    ]
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {"helpful": str(file)}
    read = load_prompt_sets(files)
    keep_prompts(tmp_path, files, read)
    before = (tmp_path / PROMPTS).stat().st_mtime_ns
    keep_prompts(tmp_path, files, read)
    assert (tmp_path / PROMPTS).stat().st_mtime_ns == before, "not written again where nothing changed"
    file.unlink()
    said: list[str] = []
    kept = prompts_of(files, [tmp_path / "no-run", tmp_path], said.append)
    assert (kept.prompts, kept.bad, kept.repeats) == (read.prompts, read.bad, read.repeats)
    assert len(said) == 1
    with pytest.raises(ConfigError, match=r"cannot read"):
        prompts_of({"helpful": str(tmp_path / "others.jsonl")}, [tmp_path])
    (tmp_path / PROMPTS).write_text((tmp_path / PROMPTS).read_text()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        prompts_of(files, [tmp_path])


def test_a_broken_prompt_file_is_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "Why?"}\n')
    files = {"helpful": str(file)}
    keep_prompts(tmp_path, files, load_prompt_sets(files))
    file.write_text("no json\n")
    with pytest.raises(DataError, match="has no usable row"):
        prompts_of(files, [tmp_path])


# --- the command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["solon", "run", "my recipe.yaml", "name=it's"], """solon run 'my recipe.yaml' 'name=it'"'"'s'"""),
        (["roles.judge.base_url=http://ada:pa55@host/v1"], "'roles.judge.base_url=http://***@host/v1'"),
        (["a.base_url=https://h/v1?api_key=abc&x=1"], "'a.base_url=https://h/v1?api_key=***&x=1'"),
        (["x=sk-proj-0123456789abcdef"], "'x=***'"),
        (["x=hf_abcdefghijk"], "'x=***'"),
        (["roles.judge.api_key=abc"], "'roles.judge.api_key=***'"),
        (
            ["roles.judge.api_key_env=MY_KEY", "evaluate.max_tokens=9"],
            "roles.judge.api_key_env=MY_KEY evaluate.max_tokens=9",
        ),
    ],
)
def test_a_command_is_quoted_and_holds_no_secret(words: list[str], said: str) -> None:
    assert command_said(words) == said


def test_a_run_gone_on_with_in_its_folder_was_made_by_its_first_command(moved: Path, solon_cli: Solon) -> None:
    recipe = moved / "recipe.yaml"
    recipe.write_text(
        recipe.read_text().replace("name=the-shore\n", "name=the-shore --until preferences --out made\n", 1)
    )
    assert solon_cli("run", moved, "-q")[0] == 0
    made = json.loads((moved / "manifest.json").read_text())["command"]
    assert made == "solon run shore/recipe.yaml name=the-shore --out made"


def test_the_report_says_what_was_run(moved: Path, solon_cli: Solon) -> None:
    from solon.report import write_report

    assert "<code>solon run shore/recipe.yaml name=the-shore</code>" in write_report(moved).read_text()
    manifest = json.loads((moved / "manifest.json").read_text())
    del manifest["command"]
    (moved / "manifest.json").write_text(json.dumps(manifest))
    assert "The command was not recorded" in write_report(moved).read_text()


def test_a_run_without_a_kept_law_uses_the_recipes(tmp_path: Path, constitution: Constitution) -> None:
    from solon.pipeline.places import constitution_of

    assert constitution_of(tmp_path, "balanced").name == "balanced"
    (tmp_path / "constitution.json").write_text(constitution.model_dump_json())
    assert constitution_of(tmp_path, "balanced").name == "test"


def test_a_run_keeps_the_modes_that_files_have(tmp_path: Path) -> None:
    import os

    run = Run(tmp_path / "run")
    before = os.umask(0o027)
    try:
        with run.building("made") as folder:
            (folder / "weights").touch(mode=0o600)
            (folder / "start.sh").touch(mode=0o700)
    finally:
        os.umask(before)
    modes: dict[str, Any] = {path.name: oct(path.stat().st_mode & 0o777) for path in (run.folder / "made").iterdir()}
    assert modes == {"weights": "0o640", "start.sh": "0o740"}

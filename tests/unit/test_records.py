"""What a run says of itself is believed only as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from solon.pipeline.progress import Progress
from solon.pipeline.recipe import load_recipe
from solon.pipeline.run import run_recipe
from solon.runs import Run


def finished(folder: Path) -> tuple[Run, Path]:
    run = Run(folder)
    (folder / "data.txt").write_text("made")
    run.finish(
        "revisions", "key", {"seed": "1"}, [folder / "data.txt"], {"chains": 3, "share": 0.1, "kinds": ("a", "b")}
    )
    return run, folder / "steps/revisions.json"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    run, _ = finished(tmp_path)
    record = run.finished("revisions")
    assert record is not None
    assert (record.key, record.facts["chains"]) == ("key", 3)


@pytest.mark.parametrize("change", [{"chains": 4}, {"chains": 3, "share": 0.1, "kinds": ["a", "b"], "qualified": True}])
def test_a_fact_that_was_changed_is_no_fact(tmp_path: Path, change: dict[str, Any]) -> None:
    run, path = finished(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "facts": change}))
    assert run.finished("revisions") is None


@pytest.mark.parametrize("part", ["key", "inputs", "outputs", "facts"])
@pytest.mark.parametrize("value", [None, [], 3, "x"])
def test_a_record_of_another_shape_is_none(tmp_path: Path, part: str, value: Any) -> None:
    run, path = finished(tmp_path)
    said = {name: own for name, own in json.loads(path.read_text()).items() if name != "hash"}  # as older ones are
    assert run.finished("revisions") is not None
    path.write_text(json.dumps({**said, part: value}))
    found = run.finished("revisions")
    assert found is None or (part, value) == ("key", "x")


@pytest.mark.parametrize("manifest", ["[]", "null", "3", '{"calls": []}', "[" * 100_000, ""])
def test_a_damaged_manifest_is_written_anew(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "script.yaml").write_text("name: fake\n")
    (tmp_path / "red.jsonl").write_text("".join(json.dumps({"prompt": f"How do I hurt {n}?"}) + "\n" for n in range(4)))
    scripted = {"engine": "scripted", "model": str(tmp_path / "script.yaml")}
    recipe = {"name": "r", "prompts": {"red_team": str(tmp_path / "red.jsonl")}, "roles": {"policy": scripted}}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({**recipe, "rl_cai": {"qualify": {"data": None, "unqualified": "use"}}}))
    for _ in range(2):
        made = run_recipe(load_recipe(str(path)), tmp_path / "run", Progress(quiet=True), "revisions")
        (tmp_path / "run/manifest.json").write_text(manifest)
    assert made["recipe"] == "r"

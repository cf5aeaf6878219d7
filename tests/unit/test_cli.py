"""Every mistake a user can make at the command line: one line, its own exit code, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipes_for_tests import tiny_recipe
from solon.runs import Run

Solon = tuple[int, str, str]


@pytest.fixture
def recipe(tmp_path: Path, tiny_folder: Path) -> Path:
    return tiny_recipe(tmp_path, tiny_folder)


def one_line(result: Solon, *parts: str, code: int = 2) -> None:
    """The last line of stderr explains; nothing is a traceback."""
    got, _, err = result
    assert got == code, err
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("solon: ")
    for part in parts:
        assert part in last


def test_a_missing_recipe(solon_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one_line(solon_cli("run", tmp_path / "none.yaml"), "recipe: no such file", "none.yaml")


def test_an_unknown_key_names_the_nearest(solon_cli, recipe: Path) -> None:  # type: ignore[no-untyped-def]
    one_line(solon_cli("run", recipe, "rl_cai.ppo.kl_coeff=1"), "rl_cai.ppo.kl_coeff", "did you mean 'kl_coef'?")


def test_a_wrong_value_names_the_choices(solon_cli, recipe: Path) -> None:  # type: ignore[no-untyped-def]
    result = solon_cli("run", recipe, "rl_cai.feedback.ask=maybe")
    one_line(result, "rl_cai.feedback.ask", "'choice', 'chain_of_thought', 'score', 'pointwise', 'likelihood' or")


def test_an_override_that_is_none(solon_cli, recipe: Path) -> None:  # type: ignore[no-untyped-def]
    one_line(solon_cli("run", recipe, "seed"), "'seed' is not key=value")


def test_a_missing_constitution_lists_the_library(solon_cli, recipe: Path) -> None:  # type: ignore[no-untyped-def]
    one_line(solon_cli("run", recipe, "constitution=nope.yaml"), "no such file: nope.yaml", "balanced")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nprinciples: []\n", "has no principles"),
        ("name: x\n", "has no principles"),
        ("name: x\nprinciples:\n- {id: a, text: t}\n- {id: a, text: u}\n", "two principles have the id 'a'"),
        ("name: x\nprinciples:\n- {id: a, text: t, wieght: 2}\n", "did you mean 'weight'?"),
        ("name: x\nname: y\n", "duplicate key"),
        ("a: &a [1]\nb: *a\n", ":2: YAML aliases are not allowed"),
        ("x: !!python/object/apply:os.system [ls]\n", "bad.yaml:1: the YAML tag"),
        ("- just\n- a list\n", "expected a mapping"),
        ("[" * 100_000, "nested deeper than 50"),
        ("name: x\nprinciples:\n- {id: a, text: t, weight: .nan}\n", "principles.0.weight"),
    ],
)
def test_a_broken_constitution(solon_cli, recipe: Path, tmp_path: Path, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    one_line(solon_cli("run", recipe, f"constitution={bad}"), "bad.yaml", said)


def test_a_missing_prompt_file(solon_cli, recipe: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = solon_cli("run", recipe, "prompts.red_team=none.jsonl", "--out", tmp_path / "o")
    one_line(result, "prompts.red_team", "none.jsonl")


def test_an_empty_prompt_file(solon_cli, recipe: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty.jsonl").write_text("\n\n")
    result = solon_cli("run", recipe, f"prompts.red_team={tmp_path}/empty.jsonl", "--out", tmp_path / "o")
    one_line(result, "has no usable row")


def model_folder(tmp_path: Path, *files: str, config: str = "{}") -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    for name in files:
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("files", "config", "said"),
    [
        (("pytorch_model.bin",), "{}", "pickle files (pytorch_model.bin)"),
        (("adapter_model.safetensors", "extra.pkl"), "{}", "pickle files (extra.pkl)"),
        (("model.safetensors",), json.dumps({"auto_map": {}}), "auto_map"),
        ((), "{}", "no .safetensors weights"),
    ],
)
def test_an_unsafe_model_folder_is_refused(solon_cli, recipe: Path, tmp_path: Path, files, config, said) -> None:  # type: ignore[no-untyped-def]
    model = model_folder(tmp_path, *files, config=config)
    one_line(solon_cli("run", recipe, f"roles.policy.model={model}", "--out", tmp_path / "o"), said)


def test_a_model_that_is_not_there(solon_cli, recipe: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = solon_cli("run", recipe, "roles.policy.model=./nowhere.gguf", "--out", tmp_path / "o")
    one_line(result, "no such file or folder: ./nowhere.gguf")


def test_an_unreachable_server_has_its_own_exit_code_and_keeps_what_was_done(solon_cli, recipe, tmp_path) -> None:  # type: ignore[no-untyped-def]
    server = ("roles.judge.engine=openai", "roles.judge.model=m", "roles.judge.base_url=http://127.0.0.1:9/v1")
    one_line(solon_cli("run", recipe, *server, "--out", tmp_path / "o"), "127.0.0.1:9", "resume", code=75)
    assert (tmp_path / "o/sl_cai/revisions.parquet").exists()


def test_a_folder_that_cannot_be_written(solon_cli, recipe: Path) -> None:  # type: ignore[no-untyped-def]
    one_line(solon_cli("run", recipe, "--out", "/dev/null/run"), "run folder /dev/null/run", "--out")


def test_a_second_run_on_the_same_folder_names_the_holder(solon_cli, recipe: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with Run(tmp_path / "o").locked():
        one_line(solon_cli("run", recipe, "--out", tmp_path / "o"), "in use by process", str(os.getpid()))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(recipe: Path, tmp_path: Path) -> None:
    """A limit on file size stands in for a disk that fills up in the middle of a run."""
    out = tmp_path / "o"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"
        f"sys.argv = ['solon', 'run', {str(recipe)!r}, '--out', {str(out)!r}, '-q'];"
        "import solon.cli; solon.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    one_line((done.returncode, done.stdout, done.stderr), "free space")
    assert not (out / "manifest.json").exists()
    assert not (out / "sl_cai/model").exists()


def test_a_recording_without_the_answer_says_how_to_attach_a_model(solon_cli, recipe: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recorded = ("roles.reviser={engine: recorded}",)
    result = solon_cli("run", recipe, *recorded, "--out", tmp_path / "o")
    one_line(result, "no answer to this reviser call", "roles.reviser.engine=openai")


def test_help_is_quick_to_import_and_never_loads_torch() -> None:
    code = "import sys, solon.cli; sys.argv=['solon','--help']\ntry: solon.cli.main()\nexcept SystemExit: pass\n"
    code += "bad = {'torch','transformers','openai','pyarrow','scipy','altair'} & set(sys.modules); assert not bad, bad"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    assert "serve" in done.stdout

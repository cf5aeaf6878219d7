"""What a recipe may say: prompts of any kinds, a reference and a schema from the settings, mistakes in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from recipes_for_tests import tiny_recipe, write_prompts
from solon.errors import ConfigError
from solon.files import read_text
from solon.pipeline.plan import make_plan
from solon.pipeline.recipe import Recipe, load_recipe, sections_in
from solon.pipeline.reference import keys_at, reference, schema
from solon.yaml import parse_yaml, read_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(Path(str(files("solon") / "recipes")).glob("*.yaml"))
LAW = """
name: linden
principles:
- {id: caretaker, text: A good reply names the caretaker.}
- {id: rent-help, text: A good reply says where to get help with rent.}
"""
Solon = Callable[..., tuple[int, str, str]]


# --- the reference and the schema -------------------------------------------------------------------------


def test_the_published_files_are_current() -> None:
    script = ROOT / "scripts" / "recipe.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}python scripts/recipe.py"


def test_every_key_is_described() -> None:
    bare = [
        f"{path}.{name}"
        for path, section in sections_in(Recipe).items()
        for name, field in section.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert bare == []


def test_a_key_is_told_with_its_range_default_and_meaning() -> None:
    assert "| `clip` | number > 0 | `0.2` | How far the ratio" in keys_at("rl_cai.ppo.clip")
    # A section's defaults are those of the place where it stands.
    assert "| `rank` | whole number ≥ 1 | `8` |" in keys_at("rl_cai.reward_model.lora")
    assert "| `rank` | whole number ≥ 1 | `16` |" in keys_at("sl_cai.sft.lora")
    assert "| `file` | text | required |" in keys_at("prompts.tenants")
    with pytest.raises(ConfigError, match=r"no key 'rl_cai.pppo'; did you mean 'rl_cai.ppo'"):
        keys_at("rl_cai.pppo")
    assert reference().count("\n### ") + 1 == len(sections_in(Recipe))


def errors(data: Any) -> list[str]:
    """What a JSON Schema validator says, empty when the data is valid."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema())
    return [error.message for error in validator(schema()).iter_errors(data)]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    assert errors(read_yaml(path, "recipe")) == []


BASE = "name: x\nroles: {policy: {engine: scripted}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "prompts: {red_team: a.jsonl, helpful: null}",
        "prompts: {lookalike: {file: a.csv}, tenants: {file: b.parquet, aims: [own, honest], share: 0.2}}",
        "prompts: {helpful: a}\nrl_cai: {policy_pairs: {helpful: null}, feedback: {clamp: [0.3, 0.7]}}",
    ],
)
def test_the_schema_takes_what_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(BASE + text)
    load_recipe(str(tmp_path / "recipe.yaml"))
    assert errors(parse_yaml(BASE + text, Path("f"), "f").data) == []


@pytest.mark.parametrize(
    "text",
    [
        "prompts: {}",
        "prompts: {tenants: a.jsonl}",
        "prompts: {tenants: {file: a.jsonl}}",
        "prompts: {helpful: {file: a, share: 2}}",
        "prompts: {helpful: a}\nsl_cai: {mix: 5}",
        "prompts: {helpful: a}\nrl_cai: {methd: ppo}",
        "prompts: {helpful: a}\nrl_cai: {method: pop}",
        "prompts: {helpful: a}\nsl_cai: {sft: {epochs: 0}}",
    ],
)
def test_the_schema_refuses_what_loading_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(BASE + text)
    with pytest.raises(ConfigError):
        load_recipe(str(tmp_path / "recipe.yaml"))
    assert errors(parse_yaml(BASE + text, Path("f"), "f").data)


def test_a_recipe_to_begin_with_is_printed(solon_cli: Solon) -> None:
    code, out, _ = solon_cli("recipe", "show", "self")
    assert (code, out) == (0, read_text(next(path for path in SHIPPED if path.stem == "self"), "recipe"))
    code, _, err = solon_cli("recipe", "show", "nothing")
    assert (code, err.count("\n")) == (2, 1)


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "sl_cai.mix=7",
            "sl_cai.mix: expected a section of keys and values (samples, repeats, shares, refusals) (given: '7')",
        ),
        ("roles.judge=ollama", "roles.judge: expected a section of keys and values (engine, model, "),
        ("prompts.tenants={file: t.csv, aims: null}", "prompts: tenants has no aims: say what replies"),
        ("prompts={}", "prompts: expected a list of at least 1"),
        (
            "rl_cai.method=gpro",
            "choose 'ppo', 'dpo', 'kto', 'grpo', 'rloo' or 'best_of_n' (given: 'gpro'); did you mean 'grpo'?",
        ),
        ("rl_cai.policy_pairs={helpful: -4}", "rl_cai.policy_pairs.helpful: expected at least 0 (given: '-4')"),
        (
            "rl_cai.policy_pairs=some",
            "rl_cai.policy_pairs: expected a whole number or a section of keys and values (given",
        ),
        (
            "rl_cai.feedback.principles=few",
            "rl_cai.feedback.principles: expected a whole number or choose 'all' (given",
        ),
        ("sl_cai.chains=helpful", "sl_cai.chains: expected a list (given: 'helpful')"),
        ("sl_cai.sft.learning_rate=.inf", "sl_cai.sft.learning_rate: expected a finite number"),
        ("rl_cai.ppo.whiten_rewards=perhaps", "rl_cai.ppo.whiten_rewards: expected true or false (given: 'perhaps')"),
        ("sl_cai.epochs=2", "unknown key 'sl_cai.epochs'; did you mean 'sl_cai.sft.epochs'?"),
        ("rl_cai.dpo.bta=2", "unknown key 'rl_cai.dpo.bta'; did you mean 'beta'?"),
        ("evaluate.xyz=2", "unknown key 'evaluate.xyz'; choose one of prompts, max_tokens, stop_after"),
    ],
)
def test_a_mistake_is_one_line_without_the_words_of_a_library(
    tmp_path: Path, tiny_folder: Path, override: str, said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        load_recipe(str(tiny_recipe(tmp_path, tiny_folder)), (override,))
    assert said in str(error.value)
    for leak in ("\n", "Input should", "valid dictionary", "instance of", "constrained-", "literal["):
        assert leak not in str(error.value)


# --- prompts of any kinds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "aims", "law"), [("helpful", "[helpful]", "balanced"), ("tenants", "[own]", "linden.yaml")]
)
def test_a_run_needs_no_prompts_that_ask_for_harm(
    tmp_path: Path, tiny_folder: Path, solon_cli: Solon, kind: str, aims: str, law: str
) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    (tmp_path / "linden.yaml").write_text(LAW)
    changes = (
        "prompts.red_team=null",
        "prompts.helpful=null",
        f"prompts.{kind}={{file: {write_prompts(tmp_path, kind, 9)}, aims: {aims}}}",
        f"constitution={tmp_path / law if law.endswith('.yaml') else law}",
    )
    loaded = load_recipe(str(recipe), changes)
    assert loaded.chain_kinds == (kind,)
    plan = make_plan(loaded, tmp_path / "out")
    assert not any("asks for harm" in line for line in plan.warnings)
    code, _, err = solon_cli("run", recipe, *changes, "--out", tmp_path / "out", "-q")
    assert code == 0, err
    report = (tmp_path / "out" / "report.html").read_text()
    assert "the aligned policy declines" in report
    assert "red-team" not in report


# --- before a run ---------------------------------------------------------------------------------------------


def test_models_behind_an_api_make_data_without_weights(tmp_path: Path, tiny_folder: Path, solon_cli: Solon) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    alone = f"roles={{policy: {{engine: scripted, model: {tmp_path / 'script.yaml'}}}}}"
    out = tmp_path / "out"
    code, _, err = solon_cli("run", recipe, alone, "--out", out, "--until", "preferences")
    assert code == 0, err
    assert "rl_cai.policy_pairs: no policy is trained before the labels" in err
    assert "name roles.responder to have them" in err
    assert (out / "rl_cai" / "preferences.parquet").is_file()
    assert not (out / "sl_cai" / "model").exists()
    code, _, err = solon_cli("run", recipe, alone, "--out", out)
    assert code == 2
    assert "make the data alone with --until preferences" in err


def test_a_policy_is_trained_for_pairs_that_are_asked_for(tmp_path: Path, tiny_folder: Path) -> None:
    recipe = str(tiny_recipe(tmp_path, tiny_folder))

    def steps(*more: str) -> list[str]:
        made = make_plan(load_recipe(recipe, ("roles.responder=null", *more)), tmp_path / "out", "preferences")
        return [step.name for step in made.steps]

    assert "sft" not in steps()
    assert "sft" in steps("rl_cai.policy_pairs=2")


def test_chains_that_failed_are_told_with_reasons(tmp_path: Path, tiny_folder: Path, solon_cli: Solon) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    (tmp_path / "short.yaml").write_text('name: short\nrules:\n- {match: "Rewrite the assistant", reply: ""}\n')
    empty = f"roles.reviser.model={tmp_path / 'short.yaml'}"
    code, _, err = solon_cli("run", recipe, empty, "--out", tmp_path / "out", "--until", "revisions")
    assert code in (2, 3)
    assert "no chain gave a revision: all revisions failed: 6 empty" in err
    rows = [json.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()]
    assert [row["reason"] for row in rows] == ["all revisions failed: 1 empty"] * 6
    assert [row["line"] for row in rows] == [1, 2, 4, 5, 7, 8]


def test_a_plan_says_what_will_be_set_aside(tmp_path: Path, tiny_folder: Path, solon_cli: Solon) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    with (tmp_path / "helpful.jsonl").open("a") as handle:
        handle.write('{"nothing": 1}\n{"prompt": "helpful 1?"}\n')
    _, out, _ = solon_cli("plan", recipe, "--out", tmp_path / "out")
    assert f"2 rows of {tmp_path}/helpful.jsonl will be set aside: " in out
    assert "1 no prompt text (looked for prompt, text, instruction, question, turns, messages and others)" in out


def test_more_layers_than_the_policy_has_are_refused(tmp_path: Path, tiny_folder: Path) -> None:
    recipe = str(tiny_recipe(tmp_path, tiny_folder))
    with pytest.raises(ConfigError, match=r"sl_cai\.sft\.lora\.layers: 999, and .* has 2 layers; give 1 to 2"):
        make_plan(load_recipe(recipe, ("sl_cai.sft.lora.layers=999",)), tmp_path / "out")


def test_times_of_models_here_are_estimated_and_marked(tmp_path: Path, tiny_folder: Path, solon_cli: Solon) -> None:
    recipe = tiny_recipe(tmp_path, tiny_folder)
    made = make_plan(load_recipe(str(recipe)), tmp_path / "out")
    by = {step.name: step for step in made.steps}
    assert by["sft"].estimated
    assert by["sft"].seconds is not None
    assert by["evaluate"].calls["policy (base)"].estimated
    assert by["revisions"].calls["reviser"].seconds is None  # nobody knows the pace of another's server
    _, out, _ = solon_cli("plan", recipe, "--out", tmp_path / "out")
    assert "~ times: estimated by the model's size" in out

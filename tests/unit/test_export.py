"""What a run gives away: models that open without Solon, cards that hide nothing, work for other trainers."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from cards import a_card
from finished import finished_run, read_json
from solon.cli.export import export as export_command
from solon.constitution import Constitution, Principle
from solon.data.tables import read_rows
from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, SolonError, UpstreamDown
from solon.files import sha256_file, write_json
from solon.pipeline.export import hub
from solon.pipeline.export.card import model_card
from solon.pipeline.export.launchers import openrlhf, verl
from solon.pipeline.export.launchers.rows import drawn_pairs
from solon.pipeline.export.launchers.script import command, head
from solon.pipeline.export.launchers.stage import Plan, Stage
from solon.pipeline.export.launchers.write import checked_names, export_launcher
from solon.pipeline.export.markdown import code, said
from solon.pipeline.export.model import export_model
from solon.pipeline.recipe import load_recipe
from solon.runs import Run
from solon.training.adapters import load_adapter
from solon.types import Message

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "Be good.</p><script>alert(1)</script> | [x](http://evil) `a` ```\n# Title\n---\nlicense: mit"


@pytest.fixture(scope="module")
def run(tiny_folder: Path, constitution: Constitution, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny", tiny_folder, constitution)


@pytest.fixture(scope="module")
def merged(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(run, tmp_path_factory.mktemp("out") / "merged", merged=True)


def adapted(tiny_folder: Path, run: Path, where: str = "rl_cai/policy") -> LocalModel:
    local = LocalModel.load(str(tiny_folder))
    load_adapter(local, "it", run / where)
    return local


# --- models --------------------------------------------------------------------------------------

ALONE = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder = sys.argv[1]
model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
ids = tokenizer.apply_chat_template(
    [{"role": "user", "content": "hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=False
)
with torch.no_grad():
    logits = model(ids).logits[0]
    answer = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1]:]
foreign = [name for name in sys.modules if name.split(".")[0] in ("solon", "peft")]
print(json.dumps({"ids": ids[0].tolist(), "logits": logits.tolist(), "answer": answer.tolist(), "foreign": foreign}))
"""


@torch.no_grad()
def test_a_merged_model_answers_as_the_adapter_does_without_solon_or_peft(
    run: Path, merged: Path, tiny_folder: Path
) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", ALONE, str(merged)], capture_output=True, text=True, check=True, cwd=merged.parent
    )
    alone = json.loads(shown.stdout)
    local = adapted(tiny_folder, run)
    ids = local.encode_chat((Message("user", "hello"),))
    assert alone["foreign"] == []
    assert alone["ids"] == ids
    here = local.model(torch.tensor([ids])).logits[0]
    assert torch.allclose(torch.tensor(alone["logits"]), here, atol=1e-4)
    with local.model.disable_adapter():
        assert not torch.allclose(local.model(torch.tensor([ids])).logits[0], here, atol=1e-2)
    written = local.model.generate(
        input_ids=torch.tensor([ids]), max_new_tokens=12, do_sample=False, eos_token_id=sorted(local.eos)
    )
    assert alone["answer"] == written[0, len(ids) :].tolist()


def test_merged_tensors_have_the_names_of_the_base_and_of_ggufs_map(merged: Path, tiny_folder: Path) -> None:
    """vLLM loads by these names; llama.cpp's converter maps them through gguf's table, and needs the tokenizer."""
    import gguf
    from safetensors import safe_open

    def names(folder: Path) -> set[str]:
        files = folder.glob("*.safetensors")
        return {key for file in files for key in safe_open(file, "pt").keys()}  # noqa: SIM118

    assert names(merged) == names(tiny_folder)
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    assert all(table.get_name(name, (".weight", ".bias")) for name in names(merged))
    config = read_json(merged / "config.json")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "float32"
    assert "auto_map" not in config
    assert (merged / "tokenizer.json").is_file()
    assert "<|im_start|>" in (merged / "chat_template.jinja").read_text()
    assert read_json(merged / "generation_config.json")["eos_token_id"] == [1]


def test_the_runs_precision_is_kept_and_rounded_to_once(
    tiny_folder: Path, constitution: Constitution, tmp_path: Path
) -> None:
    roles = {"policy": {"engine": "transformers", "model": str(tiny_folder), "precision": "bfloat16"}}
    half = finished_run(tmp_path / "half", tiny_folder, constitution, roles=roles)
    out = export_model(half, tmp_path / "out", merged=True)
    ours = LocalModel.load(str(out), "bfloat16").model.state_dict()
    whole = adapted(tiny_folder, half).model.merge_and_unload().state_dict()
    assert read_json(out / "config.json")["dtype"] == "bfloat16"
    assert all(torch.equal(ours[name], weight.to(torch.bfloat16)) for name, weight in whole.items())


def test_an_adapter_names_a_base_that_others_know(run: Path, tiny_folder: Path, tmp_path: Path) -> None:
    out = export_model(run, tmp_path / "adapter")
    config = read_json(out / "adapter_config.json")
    assert config["base_model_name_or_path"] == tiny_folder.name
    assert str(tiny_folder.parent) not in "".join(p.read_text() for p in out.glob("*.json") if p.name[0] != "t")
    assert (out / "adapter_model.safetensors").read_bytes() == (
        run / "rl_cai/policy/adapter_model.safetensors"
    ).read_bytes()
    assert (out / "chat_template.jinja").is_file()
    assert "not known here" in (out / "LICENSE").read_text()
    listed = read_json(out / "solon_export.json")["files"]
    assert set(listed) == {p.name for p in out.iterdir()} - {"solon_export.json"}


def test_a_base_that_says_its_licence_hands_it_on(
    tiny_folder: Path, constitution: Constitution, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_folder, tmp_path / "base")
    (base / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\nlicense: mit\n")
    (base / "LICENSE").write_text("Apache License\n")
    out = export_model(finished_run(tmp_path / "run", base, constitution), tmp_path / "out")
    assert front_matter((out / "README.md").read_text())["license"] == "apache-2.0"
    assert (out / "LICENSE").read_text() == "Apache License\n"


@torch.no_grad()
def test_a_merged_reward_model_is_a_classifier_with_the_same_rewards_up_to_a_constant(
    run: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    out = export_model(run, tmp_path / "reward", "reward_model", merged=True)
    model = AutoModelForSequenceClassification.from_pretrained(out).eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    local = adapted(tiny_folder, run, "rl_cai/reward_model")
    from safetensors.torch import load_file

    head_weights = load_file(run / "rl_cai/reward_model/reward_head.safetensors")["weight"].mean(0)
    for answer in ("no.", "certainly, here is how"):
        turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": answer}]
        ids = tokenizer.apply_chat_template(turns, return_dict=False)
        asked = local.encode_chat((Message("user", "hello"),))
        assert ids == [*asked, *local.encode_text(answer), local.tokenizer.eos_token_id]
        state = local.decoder(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        assert float(model(torch.tensor([ids])).logits) == pytest.approx(float(state @ head_weights), abs=1e-4)
    # Padding equals the end of a turn in the run's tokenizer; the exported one pads with another, so batches are right.
    rows = [[*asked, *local.encode_text(answer), local.tokenizer.eos_token_id] for answer in ("no.", "certainly not")]
    batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    alone = [float(model(torch.tensor([row])).logits) for row in rows]
    assert model(**batch).logits[:, 0].tolist() == pytest.approx(alone, abs=1e-5)


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "said_"),
    [
        (lambda run: shutil.rmtree(run), "no such folder"),
        (lambda run: (run / "recipe.yaml").unlink(), "no recipe.yaml"),
        (lambda run: (run / "manifest.json").write_text("{"), "not JSON"),
        (lambda run: shutil.rmtree(run / "rl_cai/policy"), "no finished rl_cai/policy"),
        (lambda run: (run / "rl_cai/policy/adapter_model.safetensors").write_bytes(b"x"), "changed since"),
    ],
)
def test_a_run_that_is_not_whole_is_refused_in_a_line(run: Path, tmp_path: Path, broken: Any, said_: str) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    broken(copy)
    with pytest.raises(ConfigError, match=said_) as refused:
        export_model(copy, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_only_an_export_is_ever_replaced_and_only_when_asked(run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    for force in (False, True):
        with pytest.raises(ConfigError, match="did not write"):
            export_model(run, mine, force=force)
    assert (mine / "thesis.txt").read_text() == "precious"
    out = export_model(run, tmp_path / "out")
    with pytest.raises(ConfigError, match="--force"):
        export_model(run, out)
    (out / "README.md").unlink()
    assert (export_model(run, out, force=True) / "README.md").is_file()


def test_a_failed_export_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solon.pipeline.export.model.model_card", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_model(run, tmp_path / "out" / "here")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said_"),
    [
        (["--what", "critic"], "'critic' is no model of a run; choose one of policy, sl_cai, reward_model"),
        (["--to", "trlx"], "'trlx' is no tool known here; choose one of openrlhf, verl"),
        (["--to", "verl", "--merged"], "--to: takes neither"),
        (["--push", "a/b"], "no token; set HF_TOKEN"),
        (["--push", "nobody"], "is no repository; give owner/name"),
        (["--private"], "nothing is pushed"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said_: str
) -> None:
    import typer

    for name in hub.TOKENS:
        monkeypatch.delenv(name, raising=False)
    app = typer.Typer()
    app.command()(export_command)
    result = CliRunner().invoke(app, [str(run), "--out", str(tmp_path / "out"), *arguments])
    assert isinstance(result.exception, SolonError)
    assert said_ in str(result.exception)
    assert not (tmp_path / "out").exists()


# --- the card ------------------------------------------------------------------------------------


def front_matter(card: str) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    return dict(ModelCard(card).data.to_dict())


def test_the_card_says_what_it_is_made_of(run: Path, constitution: Constitution) -> None:
    shown = model_card(run, "policy")
    front = front_matter(shown)
    assert front["library_name"] == "peft"
    assert front["pipeline_tag"] == "text-generation"
    assert "license" not in front  # nothing says what it is
    assert "base_model" not in front  # a local folder is no model of the hub's
    assert constitution.hash in shown
    assert all(said(p.text) in shown for p in constitution.principles)
    assert "| labelled comparisons | 3 |" in shown
    assert "| red\\_team | RL-CAI | 75% [50, 90] of 12 | +25 [-5, +50] |" in shown
    assert "solon `0.1.0`" in shown
    assert "**Not measured.**" in shown
    assert "75% [50, 90]" in model_card(run, "sl_cai")
    assert "in 3 of 4 held-out pairs" in model_card(run, "reward_model", merged=True)


def test_a_judge_that_did_not_qualify_is_never_hidden(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    failed = a_card(60)
    write_json(copy / "evaluation/judge.json", [failed.model_dump(mode="json")])
    for what in ("policy", "sl_cai", "reward_model"):
        shown = model_card(copy, what)
        assert "**Not qualified**" in shown
        assert said("agreement 35.7% [29, 43] is below 60%") in shown
        assert "**The judge did not qualify, and its labels were used all the same.**" in shown


def test_a_reward_model_that_did_not_qualify_is_never_hidden(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    facts = {"pairs": 3, "heldout_pairs": 4, "heldout_right": 3, "heldout": {}, "probes": {}}
    Run(copy).finish("reward_model", "k", {}, [copy / "rl_cai/reward_model"], facts)
    for what, used in (
        ("policy", ", and the policy learnt from it all the same, as the recipe says"),
        ("sl_cai", None),
    ):
        card = model_card(copy, what)
        assert (f"**Not qualified**{used}. Below the bar:" in card) == (used is not None)
        assert ("no held-out pair that prefers an answer measures it" in card) == (used is not None)
    assert "## Reward model" not in model_card(run, "policy")  # of a run that tried no probes nothing is said


def test_guards_that_rang_or_saw_nothing_are_said(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    facts = {
        "guards": {
            "stopped": "length rang",
            "alarms": [{"text": "step 5: answers are <b>3x</b> as long"}],
            "unwatched": {"gold": "there is no second judge"},
        }
    }
    Run(copy).finish("policy", "k", {}, [copy / "rl_cai/policy"], facts)
    shown = model_card(copy, "policy")
    assert "Training was ended early: length rang." in shown
    assert "- step 5: answers are &lt;b&gt;3x&lt;/b&gt; as long" in shown
    assert "- not watched: gold (there is no second judge)" in shown
    assert "Guards" not in model_card(copy, "sl_cai")


def test_a_base_that_was_a_gguf_file_is_named_by_file_licence_and_hash(run: Path, tmp_path: Path) -> None:
    from gguf import GGUFWriter

    file = tmp_path / "small.Q4.gguf"
    writer = GGUFWriter(file, "llama")
    writer.add_license("apache-2.0")
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    copy = shutil.copytree(run, tmp_path / "run")
    recipe = copy / "recipe.yaml"
    named = str(load_recipe(str(recipe)).roles.policy.model)
    recipe.write_text(recipe.read_text().replace(named, str(file)))
    shown = model_card(copy, "policy")
    assert sha256_file(file) in shown
    assert "gguf_file='small.Q4.gguf'" in shown
    assert "An export with `--merged` loads by itself." in shown
    assert front_matter(shown)["license"] == "apache-2.0"
    assert str(tmp_path) not in shown


def test_hostile_text_stays_text(tiny_folder: Path, tmp_path: Path) -> None:
    law = Constitution(name="x", version="1.0.0", principles=(Principle(id="p", text=HOSTILE, aim="harmless"),))
    shown = model_card(finished_run(tmp_path / "run", tiny_folder, law), "policy")
    assert "<script" not in shown
    assert not re.search(r"(?<!\\)\]\(http", shown)
    assert "\n# Title" not in shown
    assert "license" not in front_matter(shown)


@pytest.mark.parametrize("text", ["", "`", "a ``` b", "``", "x\n\u202ey\x00"])
def test_code_and_paragraph_text_cannot_be_left(text: str) -> None:
    span = code(text)
    ticks = len(span) - len(span.lstrip("`"))
    assert "`" * ticks not in span[ticks:-ticks]
    assert "\n" not in span + said(text)
    assert not {"\u202e", "\x00"} & set(span + said(text))


def test_text_of_others_is_shown_as_it_was_written() -> None:
    assert said("kind, brief: (and e.g. 3-4 words); #1!") == r"kind, brief: (and e.g. 3-4 words); #1\!"
    assert said("# a") == r"\# a"
    assert said("1. a") == r"1\. a"
    assert said("<b> & [x](https://www.e.com)") == r"&lt;b&gt; &amp; \[x\](https\://www\.e.com)"


# --- the hub -------------------------------------------------------------------------------------


class FakeHub:
    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def create_repo(self, name: str, **given: Any) -> None:
        self.calls.append(("create", {"name": name, **given}))

    def upload_folder(self, **given: Any) -> None:
        if self.error:
            raise self.error
        self.calls.append(("upload", given))


def test_a_push_is_one_upload_with_the_token_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", " hf_secret \n")
    api = FakeHub()
    key = hub.token()
    assert hub.push(tmp_path, "ada/model", key, private=True, api=api) == "https://huggingface.co/ada/model"
    create, upload = api.calls
    assert create[1] == {
        "name": "ada/model", "token": "hf_secret", "private": True, "repo_type": "model", "exist_ok": True
    }  # fmt: skip
    assert upload[1]["folder_path"] == str(tmp_path)
    assert upload[1]["token"] == "hf_secret"
    assert "hf_secret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(("status", "kind"), [(403, ConfigError), (503, UpstreamDown), (None, UpstreamDown)])
def test_a_hub_that_refuses_is_one_line_without_the_token(
    tmp_path: Path, status: int | None, kind: type[SolonError]
) -> None:
    error = RuntimeError("no for hf_secret\nmore")
    if status:
        error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    with pytest.raises(kind, match=r"no for \*\*\*") as refused:
        hub.push(tmp_path, "ada/model", "hf_secret", private=False, api=FakeHub(error))
    assert "hf_secret" not in str(refused.value)
    assert refused.value.__cause__ is None


# --- other trainers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_launchers", ROOT / "scripts" / "check_launchers.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("tool", ["openrlhf", "verl"])
def test_every_name_that_is_written_is_the_tools_own(checker: ModuleType, tool: str) -> None:
    stages = list(checker.every_stage(tool))
    assert {stage.name for stage in stages} >= {"sft", "ppo", "grpo", "rloo"}
    assert [line for stage in stages for line in checker.misnamed(stage, checked_names()[tool])] == []


def test_a_name_or_choice_that_a_tool_does_not_know_is_found(checker: ModuleType) -> None:
    names = checked_names()["openrlhf"]
    stage = Stage("ppo", "openrlhf.cli.train_ppo_ray", {"actor_learning_rate": 1, "algo.advantage.estimator": "grpo"})
    assert len(checker.misnamed(stage, names)) == 2


def test_argparse_names_are_read_from_loops_and_choices(checker: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "cli.py"
    path.write_text(
        'p.add_argument("--a.b", type=int)\n'
        'for prefix in ("actor", "critic"):\n    p.add_argument(f"--{prefix}.lr", choices=["x", "y"])\n'
    )
    assert checker.options(path) == {"a.b": None, "actor.lr": ["x", "y"], "critic.lr": ["x", "y"]}


def test_drawn_sides_are_the_soft_label_on_average_and_copies_are_spread() -> None:
    a, b = [{"role": "assistant", "content": "a"}], [{"role": "assistant", "content": "b"}]
    pairs = [
        {"id": str(n), "prompt": [], "chosen": a, "rejected": b, "prob_chosen": p}
        for n in range(400)
        for p in [0.6 if n < 300 else 1.0]
    ]
    once = drawn_pairs(pairs, 1)
    kept = sum(row["chosen"] == a for row in once if row["prob_chosen"] == 0.6)
    assert abs(kept / 300 - 0.6) < 0.1
    assert all(row["chosen"] == a for row in once if row["prob_chosen"] == 1.0)
    five = drawn_pairs(pairs[:3], 5)
    shares = [sum(row["chosen"] == a for row in five[5 * n : 5 * n + 5]) for n in range(3)]
    assert shares == [3, 3, 3]  # 5 · 0.6, whatever the draw


def test_settings_of_the_recipe_reach_the_tools() -> None:
    overrides = ("rl_cai.method=ppo", "rl_cai.ppo.kl_coef=0.05", "rl_cai.ppo.clip=0.3", "sl_cai.sft.max_length=512")
    overrides += ("sl_cai.sft.lora.rank=24",)
    plan = Plan(load_recipe("quickstart", overrides), "base", spread=0.5)
    sft, reward, ppo = openrlhf.stages(plan)
    assert sft.arguments["data.max_len"] == 512
    assert sft.arguments["ds.lora.rank"] == 24
    assert reward.arguments["adam.lr"] == pytest.approx(1e-4)  # all weights: a tenth
    assert ppo.arguments["actor.eps_clip"] == 0.3
    assert ppo.arguments["algo.kl.init_coef"] == 0.025  # of a reward that nobody divides by its spread 0.5
    _, rl = verl.stages(plan)
    assert rl.settings["algorithm.kl_ctrl.kl_coef"] == 0.025
    assert rl.settings["trainer.total_training_steps"] == 3
    asked = ("rl_cai.method=grpo", "rl_cai.grpo.batch_size=64", "rl_cai.grpo.group=8", "rl_cai.grpo.kl_coef=0.02")
    grouped = Plan(load_recipe("quickstart", asked), "base", spread=0.5)
    _, rl = verl.stages(grouped)
    assert rl.settings["data.train_batch_size"] == 8
    assert rl.settings["actor_rollout_ref.rollout.n"] == 8
    assert rl.settings["actor_rollout_ref.actor.kl_loss_coef"] == 0.02


ECHO = '#!/bin/bash\nprintf "%s\\0" "$@" >> "$LOG"; printf "\\n" >> "$LOG"\n'


def launched(script: Path, tmp_path: Path, **environment: str) -> list[list[str]]:
    """The commands that a script gives, arguments as the tool would see them."""
    log = tmp_path / "log"
    log.unlink(missing_ok=True)
    stubs = tmp_path / "stubs"
    stubs.mkdir(exist_ok=True)
    for name in ("python3", "deepspeed", "torchrun"):
        (stubs / name).write_text(ECHO)
        (stubs / name).chmod(0o755)
    given = {"PATH": f"{stubs}:{os.environ['PATH']}", "LOG": str(log), **environment}
    subprocess.run(["bash", str(script)], env=given, check=True, cwd=tmp_path)
    return [line.split("\0")[:-1] for line in log.read_text().splitlines()]


def value_of(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_openrlhf_gets_rows_models_and_commands_that_run(run: Path, tmp_path: Path, tiny_folder: Path) -> None:
    out = export_launcher(run, "openrlhf", tmp_path / "a b" / "out")
    sft = [json.loads(line) for line in (out / "sft.jsonl").read_text().splitlines()]
    assert [row["source"] for row in sft] == ["revision", "critique"]  # not the one that was cut off
    assert "<|im_end|>" not in sft[0]["prompt"][0]["content"]
    pairs = [json.loads(line) for line in (out / "preferences.jsonl").read_text().splitlines()]
    assert len(pairs) == 200  # not the pair of equal texts
    assert 0.6 < sum(row["chosen"][0]["content"] == "yes" for row in pairs) / 200 < 0.9
    trained, combined = launched(out / "sft.sh", tmp_path, NUM_GPUS_PER_NODE="3")
    assert trained[trained.index("-m") + 1] == "openrlhf.cli.train_sft"
    assert value_of(trained, "--model.model_name_or_path") == str(tiny_folder)
    assert value_of(trained, "--data.dataset") == str(out / "sft.jsonl")
    assert value_of(trained, "--train.batch_size") == "6"  # 4 of the recipe, in whole rounds of 3
    assert "--data.apply_chat_template" in trained
    assert value_of(combined, "--output_path") == str(out / "out/sft-merged")
    [ppo] = launched(out / "ppo.sh", tmp_path, NUM_NODES="2", REWARD_MODEL="me/judge")
    assert value_of(ppo, "--actor.model_name_or_path") == str(out / "models/sl_cai")
    assert value_of(ppo, "--reward.model_name_or_path") == "me/judge"
    assert value_of(ppo, "--vllm.num_engines") == "16"
    assert LocalModel.load(str(out / "models/sl_cai")).model
    left = (out / "README.md").read_text().split("Not carried over")[1]
    assert re.findall(r"`(rl_cai.*)`", left) == ["rl_cai.ppo.missing_eos_penalty=1"]


def test_verl_gets_a_configuration_on_top_of_its_own(run: Path, tmp_path: Path) -> None:
    from solon.yaml import read_yaml

    out = export_launcher(run, "verl", tmp_path / "out")
    [row] = read_rows(out / "sft.parquet")  # the critique stands in its revision's row, the other was cut off
    assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
    prompts = read_rows(out / "prompts.parquet")
    assert len(prompts) == 8  # 2 steps of 4
    assert prompts[0]["prompt"][0] == {"role": "user", "content": "red_team 0?"}
    assert len(read_rows(out / "heldout.parquet")) == 5
    config = read_yaml(out / "ppo.yaml", "verl")
    assert config["defaults"] == ["ppo_trainer", "_self_"]
    assert config["algorithm"]["adv_estimator"] == "gae"
    [ppo] = launched(out / "ppo.sh", tmp_path)
    assert ppo[:4] == ["-m", "verl.trainer.main_ppo", "--config-dir", str(out)]
    assert f"actor_rollout_ref.model.path='{out}/models/sl_cai'" in ppo
    [sft] = launched(out / "sft.sh", tmp_path, NUM_NODES="2", NODE_RANK="1")
    assert value_of(sft, "--node_rank") == "1"
    assert "data.train_batch_size=16" in sft


@pytest.mark.parametrize("base", ["/a b/c", "/q'uote", '/d"ouble', "/v$HOME", "/t`id`", "/b}race", "/back\\slash"])
def test_a_path_reaches_the_tool_whatever_is_in_it(base: str, tmp_path: Path) -> None:
    stage = Stage("x", "tool", {"model": "$BASE", "name": base})
    script = tmp_path / "x.sh"
    script.write_text(head(stage, "tool", base) + command("python3", "tool", stage.arguments, dashes=True))
    [arguments] = launched(script, tmp_path)
    assert value_of(arguments, "--model") == base
    assert value_of(arguments, "--name") == base


def test_a_method_that_a_tool_does_not_have_is_refused(
    tiny_folder: Path, constitution: Constitution, tmp_path: Path
) -> None:
    kto = finished_run(tmp_path / "run", tiny_folder, constitution, rl_cai={"method": "kto"})
    with pytest.raises(ConfigError, match=r"no trainer for rl_cai\.method kto; it has ppo, grpo, rloo, dpo"):
        export_launcher(kto, "openrlhf", tmp_path / "out")


# --- accelerate ----------------------------------------------------------------------------------


def test_the_shipped_configurations_are_accelerates(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_multi_gpu_env

    folder = ROOT / "src/solon/launch"
    assert load_config_from_file(str(folder / "cpu-2.yaml")).num_processes == 2
    config = load_config_from_file(str(folder / "fsdp-8.yaml"))
    fields = set(FullyShardedDataParallelPlugin.__dataclass_fields__)
    named = {name.removeprefix("fsdp_") for name in config.fsdp_config}
    assert named - fields <= {"version", "offload_params"}
    parser = launch_command_parser()
    args = parser.parse_args(["--config_file", str(folder / "fsdp-8.yaml"), "--module", "solon"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    args, _, _ = _validate_launch_command(args)
    environment = prepare_multi_gpu_env(args)
    assert environment["FSDP_VERSION"] == "2"
    assert environment["FSDP_RESHARD_AFTER_FORWARD"] == "true"
    for name, value in environment.items():
        if name.startswith(("FSDP", "ACCELERATE")):
            monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert SimpleNamespace(**vars(plugin)).activation_checkpointing


# --- what other models' files hold ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept", "told"),
    [
        ({"temperature": 0.6, "top_p": 0.9}, {"do_sample": True, "temperature": 0.6}, "do_sample is set"),
        ({"do_sample": False, "temperature": 0.7}, {"do_sample": False, "temperature": None}, "left out temperature"),
        ({"do_sample": True, "temperature": 0.7, "top_k": 20}, {"do_sample": True, "top_k": 20}, ""),
        ({}, {"do_sample": None}, ""),
    ],
)
def test_any_generation_config_can_be_saved(
    tmp_path: Path, given: dict[str, Any], kept: dict[str, Any], told: str
) -> None:
    from transformers import GenerationConfig

    from solon.pipeline.export.weights import made_valid

    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 1, **given}))
    config = GenerationConfig.from_pretrained(tmp_path)
    said = made_valid(config)
    assert said.startswith(told) if told else said == ""
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path)
    assert {name: getattr(again, name) for name in kept} == kept
    assert again.eos_token_id == 1


@torch.no_grad()
def test_a_reward_model_with_named_templates_is_exported(run: Path, tiny_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from solon.pipeline.export.weights import write_merged_reward

    adapter = shutil.copytree(run / "rl_cai/reward_model", tmp_path / "adapter")
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    tokenizer.chat_template = {"default": tokenizer.chat_template, "rag": "{{ messages }}"}
    tokenizer.save_pretrained(adapter)
    write_merged_reward(LocalModel.load(str(tiny_folder)), adapter, tmp_path / "reward")
    exported = AutoTokenizer.from_pretrained(tmp_path / "reward")
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "no."}]
    assert exported.apply_chat_template(turns, tokenize=False).endswith("no.<|im_end|>")
    assert exported.pad_token != exported.eos_token


@torch.no_grad()
def test_a_merge_into_a_tied_head_leaves_the_embedding(tiny: LocalModel, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from solon.pipeline.export.weights import write_merged

    config = tiny.model.config
    config.tie_word_embeddings = True
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "base")
    tiny.tokenizer.save_pretrained(tmp_path / "base")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "lm_head"], task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.normal_(std=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(tmp_path / "adapter")
    tiny.tokenizer.save_pretrained(tmp_path / "adapter")
    ids = torch.arange(12)[None] + 9
    wanted = model.eval()(ids).logits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_merged(LocalModel.load(str(tmp_path / "base")), tmp_path / "adapter", tmp_path / "out")
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()(ids).logits
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)

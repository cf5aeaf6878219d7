"""What solon train makes can be exported, merged, evaluated and served; what cannot be says so in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from solon.engines.local.model import LocalModel
from solon.errors import ConfigError, ModelError
from solon.pipeline.training.run import MANIFEST
from solon.serve.source import from_training
from solon.settings import LoraSettings
from solon.training.adapters import add_adapter
from solon.training.dpo.measure import measure_preferences
from solon.training.dpo.pairs import Pair
from tiny import write_tiny_llama

Solon = Callable[..., tuple[int, str, str]]
QUICK = ("--set", "learning_rate=1e-2", "--set", "batch_size=4", "-q")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, and files to train on: in every pair the longer reply is preferred."""
    folder = tmp_path_factory.mktemp("train")
    write_tiny_llama(folder / "base", seed=3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = [{"prompt": f"{a}?", "chosen": f"{a} and {a}.", "rejected": "no"} for a in letters]
    replies = [
        {"prompt": f"{a}!", "completion": "fine" if n % 2 else "bad", "label": bool(n % 2)}
        for n, a in enumerate(letters)
    ]
    for name, rows in {
        "pairs": pairs,
        "replies": replies,
        "prompts": [{"prompt": f"{a}."} for a in letters[:4]],
    }.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """A DPO training and a reward model, in runs/train-dpo and runs/train-reward."""
    import contextlib

    from typer.testing import CliRunner

    from solon.cli import app

    with contextlib.chdir(folder):
        for verb in ("dpo", "reward"):
            words = ["train", verb, "pairs.jsonl", "--model", "base", "--held-out", "0.3", *QUICK]
            done = CliRunner().invoke(app, [*words, "--set", "epochs=4"])
            assert done.exit_code == 0, done.output
    return folder / "runs"


@pytest.fixture(autouse=True)
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(folder / "prompts.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)


def test_a_training_is_exported_and_merged(trained: Path, folder: Path, solon_cli: Solon) -> None:
    dpo = trained / "train-dpo"
    assert solon_cli("export", dpo, "--out", "adapter")[0] == 0
    card = Path("adapter/README.md").read_text()
    assert "# Policy trained by dpo" in card
    assert "`pairs.jsonl`" in card
    assert str(folder) not in card
    assert json.loads(Path("adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "base"
    assert solon_cli("export", dpo / "model", "--out", "merged", "--merged")[0] == 0, "its model's folder will do"
    ids = torch.tensor([[5, 9, 40, 41]])
    merged = AutoModelForCausalLM.from_pretrained("merged")(ids).logits
    local = LocalModel.load(str(folder / "base"))
    plain = local.model(ids).logits
    from solon.training.adapters import load_adapter

    load_adapter(local, "policy", dpo / "model")
    torch.testing.assert_close(merged, local.model(ids).logits, atol=1e-4, rtol=1e-4)
    assert (merged - plain).abs().max() > 1e-2
    assert Path("merged/model.safetensors").stat().st_mode & 0o044 == Path("merged/README.md").stat().st_mode & 0o044


def test_a_trained_reward_model_becomes_a_classifier(trained: Path, solon_cli: Solon) -> None:
    assert solon_cli("export", trained / "train-reward", "--out", "classifier", "--merged")[0] == 0
    assert AutoModelForSequenceClassification.from_pretrained("classifier").config.num_labels == 1
    card = Path("classifier/README.md").read_text()
    assert "text-classification" in card
    assert "**Not qualified**" in card


def test_a_training_is_evaluated_against_its_base(trained: Path, solon_cli: Solon) -> None:
    code, out, _ = solon_cli("evaluate", trained / "train-dpo", "prompts.jsonl", "--out", "a.json")
    assert code == 0
    assert out.splitlines()[1].split() == ["group", "n", "base", "dpo", "change"]
    answers = json.loads(Path("a.json").read_text())
    assert [row["text"] for row in answers["base"]] != [row["text"] for row in answers["dpo"]]


def test_a_training_is_served_under_a_constitution(trained: Path) -> None:
    source = from_training(trained / "train-dpo", "balanced")
    assert (source.constitution.name, source.settings.model) == ("balanced", "train-dpo")
    assert source.engine.fingerprint.model.endswith("+policy")
    assert not from_training(trained / "train-dpo", "balanced", "base").engine.fingerprint.model.endswith("+policy")
    with pytest.raises(ConfigError, match="add --constitution balanced"):
        from_training(trained / "train-dpo", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "{runs}/train-reward", "prompts.jsonl"), "solon judge qualify --ask reward_model --model"),
        (
            ("serve", "{runs}/train-reward", "--constitution", "balanced", "--port", "0"),
            "solon best PROMPTS --ask reward_model",
        ),
        (("export", "{runs}/train-dpo", "--out", "x", "--what", "policy"), "holds one model; leave it out"),
        (("export", "{runs}/train-dpo", "--out", "x", "--to", "verl"), "holds a training on files"),
        (("compare", "{runs}/train-dpo"), "holds a training on files"),
        (("evaluate", "{runs}/train-dpo", "prompts.jsonl", "--what", "sl_cai"), "has the models base and policy"),
        (("plan", "{runs}/train-dpo"), "holds no run (no recipe.yaml)"),
        (("train", "reward", "prompts.jsonl"), "a folder or a GGUF file\n"),
        (("train", "dpo", "prompts.jsonl"), "or --adapter FOLDER, whose model it is\n"),
    ],
)
def test_what_a_training_is_not_for(trained: Path, solon_cli: Solon, words: tuple[str, ...], said: str) -> None:
    code, _, err = solon_cli(*(word.format(runs=trained) for word in words))
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_training_moved_with_its_base_gone(trained: Path, folder: Path, tmp_path: Path, solon_cli: Solon) -> None:
    copy = shutil.copytree(trained / "train-dpo", tmp_path / "copy")
    for path, key in ((copy / MANIFEST, "given"), (copy / "model/adapter_config.json", "base_model_name_or_path")):
        said = json.loads(path.read_text())
        (said["model"] if key == "given" else said)[key] = "/gone/base"
        path.write_text(json.dumps(said))
    code, _, err = solon_cli("evaluate", copy, "prompts.jsonl")
    assert code == 2
    assert "was trained on base (weights " in err
    assert "which is not at /gone/base any more; name where it is with --model" in err
    assert solon_cli("evaluate", copy, "prompts.jsonl", "--model", folder / "base")[0] == 0
    other = write_tiny_llama(tmp_path / "other", seed=4)
    with pytest.raises(ModelError, match="was trained on base"):
        from_training(copy, "balanced", base=str(other))


def test_an_unfinished_training_is_one_line(trained: Path, tmp_path: Path, solon_cli: Solon) -> None:
    copy = shutil.copytree(trained / "train-dpo", tmp_path / "copy")
    (copy / MANIFEST).unlink()
    shutil.rmtree(copy / "checkpoints", ignore_errors=True)
    (copy / ".model.x.building").mkdir()
    for words in (("evaluate", copy, "prompts.jsonl"), ("export", copy, "--out", "x")):
        code, _, err = solon_cli(*words)
        assert (code, err.count("\n")) == (2, 1)
        assert "is not finished; give the same command of solon train again" in err


# --- measured on what was held out ------------------------------------------------------------------------------


def test_dpo_is_measured_on_pairs_that_it_did_not_learn(trained: Path) -> None:
    manifest = json.loads((trained / "train-dpo" / MANIFEST).read_text())
    held = manifest["heldout"]
    reward = json.loads((trained / "train-reward" / MANIFEST).read_text())
    assert 0 < manifest["heldout_rows"] == reward["heldout_pairs"] < 26, "the same pairs as a reward model's"
    assert held["accuracy"]["n"] == manifest["heldout_rows"]
    assert held["accuracy"]["value"] > 0.8
    assert held["log_loss"]["value"] < 0.69
    assert held["margin"]["value"] > 0


def test_kto_is_measured_on_replies_that_it_did_not_learn(folder: Path, solon_cli: Solon) -> None:
    words = ("train", "kto", folder / "replies.jsonl", "--model", folder / "base", *QUICK, "--set", "epochs=4")
    assert solon_cli(*words, "--held-out", "0.4", "--out", "kto")[0] == 0
    held = json.loads(Path("kto", MANIFEST).read_text())["heldout"]
    assert held["good"]["value"] > held["bad"]["value"]
    assert held["good"]["n"] + held["bad"]["n"] == json.loads(Path("kto", MANIFEST).read_text())["heldout_rows"]


def test_the_held_out_figures_by_hand(tiny: LocalModel) -> None:
    add_adapter(tiny, "policy", LoraSettings(), seed=1)
    with torch.no_grad():
        for path, weight in tiny.model.named_parameters():
            if "lora_B.policy" in path:
                weight.normal_(std=0.3, generator=torch.Generator().manual_seed(2))
    pairs = [Pair([1, 7, 8], [9, 10], [11], 0.75), Pair([1, 5], [6], [7, 8, 9], 0.5)]
    lone = [{"prompt_ids": [1, 30], "completion_ids": [31, 32], "label": True}]

    def logprob(prompt: list[int], answer: list[int], adapter: str | None) -> float:
        with tiny.using(adapter), torch.no_grad():
            logits = tiny.model(torch.tensor([prompt + answer])).logits[0].double().log_softmax(-1)
        return sum(float(logits[len(prompt) - 1 + n, token]) for n, token in enumerate(answer))

    def reward(prompt: list[int], answer: list[int]) -> float:
        return 0.5 * (logprob(prompt, answer, "policy") - logprob(prompt, answer, None))

    gap, other = (reward(p.prompt, p.chosen) - reward(p.prompt, p.rejected) for p in pairs)
    found = measure_preferences(tiny, "policy", None, pairs, lone, beta=0.5, batch_size=2)

    def cost(h: float, p: float) -> float:
        h_ = torch.tensor(h)
        return float(-p * torch.nn.functional.logsigmoid(h_) - (1 - p) * torch.nn.functional.logsigmoid(-h_))

    assert found["log_loss"]["value"] == pytest.approx((cost(gap, 0.75) + cost(other, 0.5)) / 2, abs=1e-4)
    assert found["margin"]["value"] == pytest.approx(gap, abs=1e-4)
    assert (found["accuracy"]["hits"], found["accuracy"]["n"]) == (int(gap > 0), 1), "a label of 0.5 takes no side"
    assert found["good"]["value"] == pytest.approx(reward([1, 30], [31, 32]), abs=1e-4)
    assert "bad" not in found


def test_all_held_out_leaves_nothing_to_learn(folder: Path, tmp_path: Path, solon_cli: Solon) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps({"prompt": "a?", "chosen": "x", "rejected": "y"}) + "\n")
    words = ("train", "dpo", "one.jsonl", "--model", folder / "base", "--held-out", "0.9", "-q")
    code, _, err = solon_cli(*words)
    assert (code, err.splitlines()[-1]) == (
        2,
        "solon: --held-out 0.9: nothing of 1 rows is left to learn from; lower it",
    )

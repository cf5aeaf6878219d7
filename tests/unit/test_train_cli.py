"""`solon train`: every trainer on files, resumed, published whole; every mistake one line."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from solon.data.tables import write_rows
from solon.engines.local.model import LocalModel
from solon.files import sha256_file
from solon.pipeline.training import Job
from solon.pipeline.training.prompts import load_prompts
from solon.pipeline.training.rows import load_rows
from solon.pipeline.training.scoring import Published, load_scorer
from solon.runs import Run
from solon.settings import SftSettings
from solon.training.adapters import adapter_state, load_adapter
from solon.training.guards import line
from solon.training.reward import RewardModel
from tasks import asking
from tiny import write_tiny_llama

Solon = Callable[..., tuple[int, str, str]]

WORDS = list("abcdefghijklmnopqrst")
QUICK = ("--set", "learning_rate=1e-2")
SMALL = ("--set", "batch_size=4", *QUICK)
# Two terms, each divided by its spread in the first batch, which a resumed training must remember.
TERMS = ("--term", "source=length,weight=-1", "--term", "source=repetition,weight=-1")
ROLLED = ("--set", "steps=3", "--set", "batch_size=4", "--set", "max_tokens=6", *QUICK, *TERMS)
# The random model ends one answer in 260 tokens: short ones are all cut off, which is not learnt from.
UNMASKED = ("--set", "mask_truncated_completions=false")
BEST = ("--set", "n=2", "--set", "max_tokens=300", "--set", "sft.batch_size=2", "--set", "sft.learning_rate=1e-2")
VERBS: dict[str, tuple[str, ...]] = {
    "sft": ("rows", *SMALL),
    "reward": ("pairs", *SMALL),
    "dpo": ("pairs", *SMALL),
    "kto": ("pairs", *SMALL),
    "ppo": ("prompts", *ROLLED, "--set", "minibatch_size=2"),
    "grpo": ("prompts", *ROLLED, "--set", "group=2", *UNMASKED),
    "rloo": ("prompts", *ROLLED, "--set", "group=2", *UNMASKED),
    "best-of-n": ("prompts", *BEST, *TERMS),
}
POLICIES = [verb for verb in VERBS if verb != "reward"]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def pair(n: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"Say {WORDS[n]}", "chosen": f"{WORDS[n]} {WORDS[n + 1]}", "rejected": f"no {n}", **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file for every verb."""
    write(tmp_path / "rows.jsonl", [{"prompt": f"Say {w}", "completion": f"{w} it is"} for w in WORDS[:12]])
    write(tmp_path / "pairs.jsonl", [pair(n, prob_chosen=0.9) for n in range(12)])
    write(tmp_path / "prompts.jsonl", [{"prompt": f"Say {w}", "kind": "helpful"} for w in WORDS[:5]])
    return tmp_path


@pytest.fixture
def command(folder: Path, tiny_folder: Path) -> Callable[..., list[object]]:
    """The words of `solon train VERB FILE`, small and quick, into folder `out`."""

    def words(verb: str, *more: object, out: str = "out") -> list[object]:
        file, *settings = VERBS[verb]
        return [
            *("train", verb, folder / f"{file}.jsonl", "--model", tiny_folder, "--out", folder / out),
            *(*settings, *more),
        ]

    return words


def manifest(folder: Path, out: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / out / "manifest.json").read_text())
    return found


def weights(folder: Path, out: str = "out") -> dict[str, torch.Tensor]:
    found = load_file(folder / out / "model" / "adapter_model.safetensors")
    return {name: value.clone() for name, value in found.items()}  # not the file itself, which tests damage


def one_line(result: tuple[int, str, str], *parts: str, code: int = 2) -> None:
    """The last line of stderr explains; nothing is a traceback."""
    got, _, err = result
    assert got == code, err
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("solon: ")
    for part in parts:
        assert part in last, last


# --- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", POLICIES)
def test_every_verb_publishes_an_adapter_that_has_learnt(
    folder: Path, tiny_folder: Path, solon_cli: Solon, command: Callable[..., list[object]], verb: str
) -> None:
    code, out, err = solon_cli(*command(verb))
    assert code == 0, err
    local = LocalModel.load(str(tiny_folder))
    load_adapter(local, "trained", folder / "out/model")
    learnt = adapter_state(local, "trained")
    assert any(value.abs().max() > 0 for name, value in learnt.items() if "lora_B" in name)  # 0 in one that has not
    written = manifest(folder)
    assert written["outputs"] == {
        str(file.relative_to(folder / "out")): sha256_file(file)
        for file in sorted((folder / "out").rglob("*"))
        if file.is_file() and file.name not in ("lock", "manifest.json")
    }
    assert written["data"]["sha256"] == sha256_file(folder / f"{VERBS[verb][0]}.jsonl")
    history = json.loads((folder / "out/history.json").read_text())
    assert written["metrics"] == {"steps": history[-1]["step"], "first": history[0], "last": history[-1]}
    assert not (folder / "out/checkpoints").exists()
    assert f"--adapter {folder / 'out/model'}" in out


def test_a_reward_model_is_published_with_what_it_is_worth_on_held_out_prompts(
    folder: Path, tiny_folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    code, out, err = solon_cli(*command("reward", "--held-out", "0.4", "--set", "epochs=10"))
    assert code == 0, err
    model = RewardModel.load(LocalModel.load(str(tiny_folder)), "reward_model", folder / "out/model")
    better = model.score(asking(*(f"Say {w}" for w in WORDS[:12])), [pair(n)["chosen"] for n in range(12)])
    worse = model.score(asking(*(f"Say {w}" for w in WORDS[:12])), [pair(n)["rejected"] for n in range(12)])
    assert sum(b > w for b, w in zip(better, worse, strict=True)) >= 10
    written = manifest(folder)
    assert written["pairs"] + written["heldout_pairs"] == 12
    assert written["heldout"]["accuracy"]["n"] == written["heldout_pairs"] > 0
    assert "right on held-out pairs" in out


@pytest.mark.parametrize("verb", ["sft", "dpo", "ppo"])
def test_training_starts_from_the_adapter_it_is_given(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], verb: str
) -> None:
    """With a learning rate of next to nothing the model that comes out is the one that went in."""
    assert solon_cli(*command("sft", "--set", "lora.rank=3", out="start"))[0] == 0
    start = folder / "start/model"
    code, _, err = solon_cli(*command(verb, "--adapter", start, "--set", "learning_rate=1e-30"))
    assert code == 0, err
    given, found = weights(folder, "start"), weights(folder)
    assert all(torch.allclose(given[name], found[name], atol=1e-6) for name in given)
    first = manifest(folder)["metrics"]["first"]
    if verb == "dpo":
        assert first["loss"] == pytest.approx(0.693147, abs=1e-5)  # at the reference, which is the start
    if verb == "ppo":
        assert first["kl"] == pytest.approx(0, abs=1e-4)


def test_the_model_of_an_adapter_need_not_be_named(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    assert solon_cli(*command("sft", out="start"))[0] == 0
    file, *settings = VERBS["dpo"]
    words = ["train", "dpo", folder / f"{file}.jsonl", "--adapter", folder / "start/model", "--out", folder / "out"]
    code, _, err = solon_cli(*words, *settings)
    assert code == 0, err
    assert manifest(folder)["model"] == manifest(folder, "start")["model"]


def test_an_answer_is_rewarded_by_a_reward_model_and_watched_by_another(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], tmp_path: Path
) -> None:
    assert solon_cli(*command("reward", out="reward"))[0] == 0
    published = write_classifier(tmp_path / "classifier")
    code, out, err = solon_cli(*command("ppo", "--reward", folder / "reward/model", "--gold", published))
    assert code == 0, err
    last = manifest(folder)["metrics"]["last"]
    assert {"reward/reward_model", "reward/length", "gold"} <= set(last)
    assert "gold reward" in out


def test_guards_end_a_training_and_say_why(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    words = command("ppo", "--guard", "window=1", "--guard", "kl=1e-9", "--set", "steps=9")
    code, out, err = solon_cli(*words)
    assert code == 0, err
    written = manifest(folder)
    assert written["metrics"]["steps"] < 9
    assert written["guards"]["alarms"][0]["kind"] == "kl"
    assert "stopped early" in out
    assert "nats per answer from the reference" in " ".join(out.split())
    assert "warning" in err


# --- stopping and going on -----------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_a_stopped_training_resumes_as_if_unbroken(
    folder: Path,
    solon_cli: Solon,
    command: Callable[..., list[object]],
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert solon_cli(*command(verb, out="whole"))[0] == 0
    plain, seen = line.progress_line, []

    def interrupted(numbers: Mapping[str, float]) -> str:
        seen.append(1)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(numbers)

    monkeypatch.setattr(line, "progress_line", interrupted)
    one_line(solon_cli(*command(verb)), "stopped at step", "run the same command again to resume", code=130)
    assert not (folder / "out/model").exists()
    assert any((folder / "out/checkpoints").rglob("solon_checkpoint.json"))
    code, _, err = solon_cli(*command(verb))
    assert code == 0, err
    whole, found = weights(folder, "whole"), weights(folder)
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    one, other = (json.loads((folder / name / "history.json").read_text()) for name in ("whole", "out"))
    assert other == one
    assert not (folder / "out/checkpoints").exists()


def test_a_finished_training_is_not_done_again(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    assert solon_cli(*command("sft"))[0] == 0
    before = (folder / "out/manifest.json").stat().st_mtime_ns
    code, out, _ = solon_cli(*command("sft"))
    assert code == 0
    assert "Nothing was done" in out
    assert (folder / "out/manifest.json").stat().st_mtime_ns == before


def test_one_whose_model_was_damaged_is_done_again(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    assert solon_cli(*command("sft"))[0] == 0
    made = weights(folder)
    (folder / "out/model/adapter_model.safetensors").write_bytes(b"torn")
    assert solon_cli(*command("sft"))[0] == 0
    assert all(torch.equal(made[name], value) for name, value in weights(folder).items())


def test_another_training_is_replaced_only_by_force(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    assert solon_cli(*command("sft"))[0] == 0
    made = weights(folder)
    one_line(
        solon_cli(*command("sft", "--seed", 1, "--limit", 11)),
        "finished training that differs in data, --seed",
        "--force",
    )
    assert all(torch.equal(made[name], value) for name, value in weights(folder).items())
    assert solon_cli(*command("sft", "--seed", 1, "--force"))[0] == 0
    assert manifest(folder)["seed"] == 1
    assert not all(torch.equal(made[name], value) for name, value in weights(folder).items())


def test_what_solon_train_did_not_write_is_never_replaced(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    (folder / "out").mkdir()
    (folder / "out/manifest.json").write_text('{"recipe": "quickstart"}')
    one_line(solon_cli(*command("sft", "--force")), "did not write", "another folder")
    assert (folder / "out/manifest.json").read_text() == '{"recipe": "quickstart"}'


def test_a_folder_in_use_is_refused(folder: Path, solon_cli: Solon, command: Callable[..., list[object]]) -> None:
    with Run(folder / "out").locked():
        one_line(solon_cli(*command("sft")), "is in use by process")


def test_a_full_disk_publishes_nothing(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("solon.training.adapters.save_adapter", full)
    one_line(solon_cli(*command("sft")), "cannot write", "No space left on device; free space")
    assert not (folder / "out/model").exists()
    assert not (folder / "out/manifest.json").exists()


# --- files ---------------------------------------------------------------------------------------


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def rows_of(path: Path, rows: list[Any], format: str | None = None) -> list[tuple[list[str], str, bool]]:
    """(turns before, reply, whether it ended) of every row that is learnt."""
    loaded = load_rows(Job("sft", str(write(path / "r.jsonl", rows)), "", SftSettings(), path, format=format))
    return [([m["content"] for m in r["prompt"]], r["completion"][0]["content"], r["ended"]) for r in loaded.items]


def test_every_reply_of_a_conversation_is_a_row(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "Be kind."}, *said("a?", "A.", "b?", "B.")]
    assert rows_of(tmp_path, [{"messages": talk}]) == [
        (["Be kind.", "a?"], "A.", True),
        (["Be kind.", "a?", "A.", "b?"], "B.", True),
    ]


def test_of_a_completion_only_its_own_replies_are_learnt(tmp_path: Path) -> None:
    row = {"prompt": said("a?", "A.", "b?"), "completion": said("", "B.")[1:], "ended": False}
    assert rows_of(tmp_path, [row, {"prompt": "c?", "completion": "C."}]) == [
        (["a?", "A.", "b?"], "B.", False),
        (["c?"], "C.", True),
    ]


def test_of_preferences_the_better_reply_is_learnt(tmp_path: Path) -> None:
    hh = {"chosen": "\n\nHuman: a?\n\nAssistant: A.", "rejected": "\n\nHuman: a?\n\nAssistant: no"}
    assert rows_of(tmp_path, [hh]) == [(["a?"], "A.", True)]
    soft = [pair(0, prob_chosen=0.2), pair(1, prob_chosen=0.5), pair(2)]
    assert [reply for _, reply, _ in rows_of(tmp_path, soft)] == ["no 0", pair(2)["chosen"]]
    unpaired = [{"prompt": "a?", "completion": text, "label": text == "good"} for text in ("bad", "good", "bad")]
    assert rows_of(tmp_path, unpaired) == [(["a?"], "good", True)]


def test_parquet_is_read_as_json_lines_are(tmp_path: Path) -> None:
    rows = [{"messages": said(f"{n}?", f"{n}.")} for n in range(3)]
    write_rows(tmp_path / "r.parquet", rows)
    job = Job("sft", str(tmp_path / "r.parquet"), "", SftSettings(), tmp_path)
    assert [row["completion"][0]["content"] for row in load_rows(job).items] == ["0.", "1.", "2."]
    assert [reply for _, reply, _ in rows_of(tmp_path, rows)] == ["0.", "1.", "2."]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"messages": []}, "messages is empty"),
        ({"messages": said("a?")}, "no turn of the assistant"),
        ({"messages": said("a?", "A.")[1:]}, "a reply follows nothing"),
        ({"messages": said("a?", " ")}, "the reply is empty"),
        ({"messages": said("a?", "A\x00")}, "NUL"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "a turn of a tool"),
        ('{"messages": [', "not JSON"),
    ],
)
def test_a_bad_row_of_sft_is_set_aside_with_its_line(tmp_path: Path, row: Any, why: str) -> None:
    file = write(tmp_path / "r.jsonl", [{"messages": said("a?", "A.")}, row])
    loaded = load_rows(Job("sft", str(file), "", SftSettings(), tmp_path))
    assert len(loaded.items) == 1
    assert [(bad.line, why in bad.reason) for bad in loaded.bad] == [(2, True)], loaded.bad


def test_prompts_are_conversations_and_those_held_out_stay_out(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a?", "kind": "red_team"},
        {"prompt": said("b?"), "kind": "helpful"},
        {"instruction": "c?", "input": "See: c."},
        {"prompt": said("d?", "D.", "e?")},
        {"prompt": "f?", "split": "validation"},
        {"id": "1", "prompt": "g?"},
        {"id": "1", "prompt": "h?"},
        {"prompt": 7},
        {"prompt": " "},
        {"turns": ["i?", "j?"]},
    ]
    loaded = load_prompts(Job("ppo", str(write(tmp_path / "p.jsonl", rows)), "", None, tmp_path))
    assert [(one.text, one.harmless) for one in loaded.items] == [
        ("a?", False),
        ("b?", True),
        ("c?\n\nSee: c.", False),
        ("e?", False),
        ("g?", False),
    ]
    assert [turn.content for turn in loaded.items[3].turns] == ["d?", "D.", "e?"]
    reasons = ["is held out", "duplicate id '1'", "a number", "no prompt text", "has 2 turns to be asked"]
    assert all(why in bad.reason for why, bad in zip(reasons, loaded.bad, strict=True)), loaded.bad


def test_rows_that_cannot_be_used_are_set_aside_and_counted(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    long = "x" * 600  # more than the context of 512
    bad = [pair(1, prob_chosen=1.5), pair(2, chosen=None), pair(3, chosen=long)]
    write(folder / "pairs.jsonl", [pair(n, prob_chosen=0.9) for n in range(8)] + bad)
    code, out, err = solon_cli(*command("reward"))
    assert code == 0, err
    assert "2 rows set aside" in err
    assert "prob_chosen is 1.5, expected a number from 0 to 1" in err
    lines = [json.loads(text) for text in (folder / "out/quarantine.jsonl").read_text().splitlines()]
    assert [line["line"] for line in lines] == [9, 10, 11]
    assert "the context of llama is 512" in lines[2]["reason"]
    assert (manifest(folder)["rows"], manifest(folder)["set_aside"]) == (8, 3)
    assert "8, 3 set aside" in " ".join(out.split())


def test_prompts_past_the_context_are_set_aside(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    write(folder / "prompts.jsonl", [{"prompt": f"Say {w}"} for w in WORDS[:4]] + [{"prompt": "x" * 600}])
    code, _, err = solon_cli(*command("ppo", "--limit", 5))
    assert code == 0, err
    assert "prompts.jsonl:5: the prompt has" in err
    assert (manifest(folder)["prompts"], manifest(folder)["set_aside"]) == (4, 1)
    write(folder / "prompts.jsonl", [{"prompt": "x" * 600}])
    one_line(solon_cli(*command("ppo", out="none")), "none of 1 prompts can be answered", "tokens")


# --- reward models -------------------------------------------------------------------------------


def write_classifier(folder: Path, labels: int = 1, context: int = 512) -> Path:
    """A random sequence classifier over bytes."""
    write_tiny_llama(folder, context=context)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig.from_pretrained(folder)
    config.num_labels = labels
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(1)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_published_classifier_scores_in_batches_as_alone(tiny: LocalModel, tmp_path: Path) -> None:
    scorer = load_scorer(tiny, str(write_classifier(tmp_path / "classifier")), "reward_model")
    assert isinstance(scorer, Published)
    prompts, answers = asking(*(f"Say {w}" for w in WORDS)), [w * (n % 4 + 1) for n, w in enumerate(WORDS)]
    together = scorer.score(prompts, answers)
    alone = [scorer.score([p], [a])[0] for p, a in zip(prompts, answers, strict=True)]
    assert together == pytest.approx(alone, abs=1e-4)
    assert len(set(together)) > 10


def test_a_prompt_that_the_reward_model_cannot_read_is_set_aside(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], tmp_path: Path
) -> None:
    write(folder / "prompts.jsonl", [{"prompt": "x" * 90}, {"prompt": "Say it"}])
    short = write_classifier(tmp_path / "short", context=100)
    code, _, err = solon_cli(*command("ppo", "--reward", short))
    assert code == 0, err
    assert "prompts.jsonl:1" in err
    assert "100" in err


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "more", "parts"),
    [
        ("sft", ("--set", "learning_rat=1"), ("--set: unknown key 'learning_rat'", "did you mean 'learning_rate'?")),
        ("sft", ("--set", "lora.rnak=1"), ("unknown key 'lora.rnak'", "did you mean 'rank'?")),
        ("best-of-n", ("--set", "sft.lora.rnak=1"), ("'sft.lora.rnak'", "did you mean 'rank'?")),
        ("dpo", ("--set", "epochs=-1"), ("epochs", "more than 0", "'-1'")),
        ("dpo", ("--set", "beta"), ("--set", "'beta' is not key=value")),
        ("dpo", ("--set", "trainer_args.bta=1"), ("trainer_args.bta", "no such argument")),
        ("ppo", ("--guard", "window=0"), ("--guard: window",)),
        ("ppo", ("--guard", "lenght=2"), ("unknown key 'lenght'", "did you mean 'length'?")),
        ("grpo", ("--guard", "on_alarm=repair"), ("--guard: on_alarm: repair", "which only ppo can: grpo may stop")),
        ("ppo", ("--guard", "on_alarm=repair", "--set", "kl_coef=0"), ("--guard:", "doubles kl_coef, which is 0")),
        ("ppo", ("--term", "source=judge"), ("source judge", "rl_cai.rewards")),
        ("ppo", ("--term", "weight=1"), ("--term: 'weight=1' names no source",)),
        ("ppo", ("--term", "source=length,weight=-1"), ("2 terms have source length",)),
        ("ppo", ("--term", "source=reward_model"), ("which reward model? --reward",)),
        ("ppo", ("--reward", "nowhere/at/all"), ("no such file or folder: nowhere/at/all",)),
        ("ppo", ("--gold", "nowhere/at/all"), ("no such file or folder: nowhere/at/all",)),
        ("ppo", ("--model", "nowhere/at/all"), ("no such file or folder: nowhere/at/all",)),
        ("grpo", ("--set", "batch_size=3"), ("batch_size 3 is no multiple of group 2",)),
        ("kto", ("--set", "batch_size=1"), ("kto: batch_size 1",)),
        ("sft", ("--precision", "float8"), ("--precision: 'float8'", "bfloat16")),
        ("sft", ("--format", "message"), ("format 'message' is not known",)),
        ("sft", ("--adapter", "."), ("--adapter: . holds no adapter_config.json",)),
        ("sft", ("--set", "max_length=16"), ("none of 12 rows fits max_length 16",)),
        ("reward", ("--set", "principle=true"), ("names no principle",)),
    ],
)
def test_a_wrong_option_is_one_line(
    solon_cli: Solon, command: Callable[..., list[object]], verb: str, more: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    one_line(solon_cli(*command(verb, *more)), *parts)


def test_without_a_reward_or_a_model_the_user_is_told_which(folder: Path, solon_cli: Solon, tiny_folder: Path) -> None:
    one_line(solon_cli("train", "ppo", folder / "prompts.jsonl", "--model", tiny_folder), "which reward model?")
    one_line(solon_cli("train", "sft", folder / "rows.jsonl"), "which model? --model")
    bare = ("train", "ppo", folder / "prompts.jsonl", "--model", tiny_folder, "--term", "source=repetition")
    one_line(solon_cli(*bare), "source repetition has no weight")


# Of pairs a lone reply is none; KTO would learn from it, had it one of the other kind.
LONE = dict.fromkeys(("reward", "dpo"), "no reply with the other label") | {"kto": "all 1 replies are desirable"}
BAD: list[tuple[str, list[Any] | None, str]] = [
    ("sft", None, "No such file"),
    ("sft", [], "has no usable row (it is empty)"),
    ("sft", [{"text": "whole"}], "columns text are of no format that SFT learns from"),
    ("sft", [{"messages": []}], "has no usable row; line 1: messages is empty"),
    ("sft", ["{torn"], "no usable row; line 1: not JSON"),
    ("ppo", None, "No such file"),
    ("ppo", [], "no usable row (the file is empty)"),
    ("ppo", [{"prompt": ""}], "no usable row; line 1: no prompt text"),
    *[
        (verb, rows, message)
        for verb in ("reward", "dpo", "kto")
        for rows, message in (
            (None, "No such file"),
            ([], "no usable row (the file is empty)"),
            ([pair(0, prob_chosen=1.5)], "line 1: prob_chosen is 1.5, expected a number from 0 to 1"),
            ([pair(n, prob_chosen=0.5) for n in range(4)], "hold no preference"),
            ([pair(n) | {"rejected": pair(n)["chosen"]} for n in range(4)], "hold no preference"),
            ([{"prompt": "a", "completion": "b", "label": True}], LONE[verb]),
            ([{"prompt": "a", "response_a": "b", "response_b": "c"}], "has no label"),
            ([{"prompt": "a"}], "prompts without responses"),
        )
    ],
]


@pytest.mark.parametrize(("verb", "rows", "message"), BAD)
def test_a_file_that_teaches_nothing_is_one_line(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], verb: str, rows: Any, message: str
) -> None:
    file = folder / f"{VERBS[verb][0]}.jsonl"
    file.unlink()
    if rows is not None:
        write(file, rows)
    one_line(solon_cli(*command(verb, *(["--held-out", 0] if verb == "reward" else []))), message)
    assert not (folder / "out/model").exists()


def test_a_reward_model_of_another_base_is_one_line(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], tmp_path: Path
) -> None:
    other = write_tiny_llama(tmp_path / "other", seed=5)
    assert solon_cli(*command("reward", "--model", other, out="reward"))[0] == 0
    one_line(solon_cli(*command("ppo", "--reward", folder / "reward/model")), "was trained on other", "not on llama")
    one_line(solon_cli(*command("ppo", "--reward", folder / "reward")), "did you mean", "reward/model?")


def test_a_reward_model_that_did_not_qualify_is_used_with_a_word(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    """Said when it is made, kept in its manifest, and said again where a policy learns from it."""
    code, out, err = solon_cli(*command("reward", "--held-out", 0.4, out="reward"))
    assert code == 0
    assert "the reward model is not qualified: " in err
    assert "not qualified" in out
    shortfalls = manifest(folder, "reward")["shortfalls"]
    assert "held-out pairs are too few to tell; 20 or more are needed" in shortfalls[0]
    # A bar that moves is another word about the same model.
    easy = ("--set", "bar.log_loss=0.5", "--set", "unqualified=use")
    assert "Nothing was done" in solon_cli(*command("reward", "--held-out", 0.4, *easy, out="reward"))[1]
    code, _, err = solon_cli(*command("ppo", "--reward", folder / "reward/model"))
    assert code == 0
    assert f"--reward: {folder / 'reward/model'} is not qualified: {shortfalls[0]}" in " ".join(err.split())


def test_a_model_is_not_taken_for_what_it_is_not(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], tmp_path: Path
) -> None:
    assert solon_cli(*command("sft", out="sft"))[0] == 0
    assert solon_cli(*command("reward", out="reward"))[0] == 0
    one_line(solon_cli(*command("ppo", "--reward", folder / "sft/model")), "adapter without a reward head")
    one_line(solon_cli(*command("ppo", "--adapter", folder / "reward/model")), "is a reward model")
    one_line(solon_cli(*command("ppo", "--adapter", folder / "sft")), "did you mean", "sft/model?")
    two = write_classifier(tmp_path / "two", labels=2)
    one_line(solon_cli(*command("ppo", "--reward", two)), "is no reward model")


@pytest.mark.parametrize("shape", [{"width": 16}, {"layers": 3}, {"layers": 1}])
def test_an_adapter_of_another_model_is_one_line(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]], tmp_path: Path, shape: dict[str, int]
) -> None:
    other = write_tiny_llama(tmp_path / "other", **shape)
    assert solon_cli(*command("sft", "--model", other, out="start"))[0] == 0
    one_line(solon_cli(*command("dpo", "--adapter", folder / "start/model")), "--adapter", "was trained on other")
    (folder / "start/model/base.json").unlink()  # as others write adapters, whose base is not here any more
    other.rename(tmp_path / "gone")
    one_line(solon_cli(*command("dpo", "--adapter", folder / "start/model")), "--adapter", "does not fit llama")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("adapter_model.safetensors", b"torn", "does not fit llama"),
        ("adapter_model.safetensors", None, "holds no adapter_model.safetensors"),
        ("adapter_config.json", b"{", "cannot be read"),
        ("adapter_config.json", b'{"peft_type": "IA3"}', "is IA3"),
    ],
)
def test_a_damaged_adapter_is_one_line(
    folder: Path,
    solon_cli: Solon,
    command: Callable[..., list[object]],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    assert solon_cli(*command("sft", out="start"))[0] == 0
    file = folder / "start/model" / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    one_line(solon_cli(*command("dpo", "--adapter", folder / "start/model")), message)


def test_kto_learns_from_replies_that_no_other_makes_a_pair_of(
    folder: Path, solon_cli: Solon, tiny_folder: Path
) -> None:
    """Good and bad ones to different prompts, which is what it is for; a pair among them stays one."""
    rows: list[Any] = [{"prompt": f"q{n}", "completion": f"c{n}", "label": n % 2 == 0} for n in range(6)]
    rows += [{"prompt": "q0", "completion": "bad", "label": False}, {"prompt": "x", "completion": 3, "label": True}]
    file = write(folder / "unpaired.jsonl", rows)
    code, _, err = solon_cli("train", "kto", file, "--model", tiny_folder, "--out", folder / "kto", *SMALL)
    assert code == 0, err
    manifest = json.loads((folder / "kto/manifest.json").read_text())
    assert (manifest["rows"], manifest["set_aside"]) == (6, 1)  # one pair, five replies; a number is no completion
    limited = write(folder / "more.jsonl", rows[:6])
    asked = ("train", "kto", limited, "--model", tiny_folder, "--limit", 4, "--out", folder / "few", *SMALL)
    assert solon_cli(*asked)[0] == 0
    assert json.loads((folder / "few/manifest.json").read_text())["rows"] == 4


def test_a_mended_template_is_another_training(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    """What was trained under the old one is not passed off as done, nor replaced unasked."""
    model = write_tiny_llama(folder / "own")
    asked = command("sft", "--model", model)
    assert solon_cli(*asked)[0] == 0
    (model / "chat_template.jinja").write_text((model / "chat_template.jinja").read_text() + "\n")
    differs = "differs in the model's tokenizer, chat template or generation config;"
    one_line(solon_cli(*asked), differs, "--force")
    code, out, _ = solon_cli(*asked, "--force")
    assert (code, "Nothing was done" in out) == (0, False)


def test_an_adapter_of_another_base_of_the_same_shape_is_refused(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    """Its weights all have their place, so only the hash of the base can tell."""
    own, other = (write_tiny_llama(folder / name, seed=seed) for name, seed in (("own", 4), ("other", 5)))
    assert solon_cli(*command("sft", "--model", own, out="start"))[0] == 0
    adapter = folder / "start/model"
    said = f"{adapter} was trained on own (weights ", "), not on other (weights "
    one_line(solon_cli(*command("dpo", "--model", other, "--adapter", adapter)), *said)
    (own / "generation_config.json").write_text("{}")  # the weights are what an adapter fits
    assert solon_cli(*command("dpo", "--model", own, "--adapter", adapter))[0] == 0


@pytest.mark.filterwarnings("ignore:Could not find a config file")  # PEFT looks for the base's when it saves
def test_the_base_of_an_adapter_of_others_is_compared_where_it_is_here(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    """PEFT writes a name alone."""
    own, other = (write_tiny_llama(folder / name, seed=seed) for name, seed in (("own", 4), ("other", 5)))
    assert solon_cli(*command("sft", "--model", own, out="start"))[0] == 0
    adapter = folder / "start/model"
    (adapter / "base.json").unlink()
    one_line(solon_cli(*command("dpo", "--model", other, "--adapter", adapter)), "was trained on own (weights ")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "some/base"}))
    code, _, err = solon_cli(*command("dpo", "--model", other, "--adapter", adapter))
    assert code == 0
    assert (
        "says that it is of some/base, which is not here to compare; whether it is of other is not known"
        in " ".join(err.split())
    )


def test_a_full_gpu_says_what_to_lower(
    solon_cli: Solon, command: Callable[..., list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("solon.pipeline.training.run.load_start", full)
    one_line(solon_cli(*command("ppo")), "ppo: out of GPU memory", "minibatch_size", "max_tokens")


def test_a_reward_that_is_not_finite_ends_it_with_nothing_published(
    folder: Path, solon_cli: Solon, command: Callable[..., list[object]]
) -> None:
    assert solon_cli(*command("reward", out="reward"))[0] == 0
    head = folder / "reward/model/reward_head.safetensors"
    save_file({**load_file(head), "bias": torch.tensor([float("nan")])}, head)
    one_line(solon_cli(*command("ppo", "--reward", folder / "reward/model")), "rewards are not finite")
    assert not (folder / "out/model").exists()

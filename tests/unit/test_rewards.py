"""Reward models as judges: published ones and a run's own, behind the engine protocol."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from recipes_for_tests import tiny_recipe
from solon.constitution import Constitution
from solon.data.tables import read_rows
from solon.engines.local.model import LocalModel
from solon.engines.local.rewards import log_sigmoid
from solon.errors import ConfigError, ModelError
from solon.feedback.judges import RewardModelJudge
from solon.pipeline.plan import make_plan
from solon.pipeline.progress import Progress
from solon.pipeline.recipe import Role, load_recipe
from solon.pipeline.rewards import (
    base_of,
    framed,
    reward_at,
    reward_engine,
    reward_fingerprint,
    rewards_of,
    unframed,
)
from solon.pipeline.run import run_recipe
from solon.settings import LoraSettings
from solon.training.adapters import add_adapter
from solon.training.reward import Reading, RewardModel
from solon.types import ChooseRequest, Comparison, Message, assistant, user

TURNS = (user("hello"), assistant("hi"), user("what now?"))


def written(folder: Path, tiny_folder: Path, labels: int = 1, kind: Any = LlamaForSequenceClassification) -> Path:
    """A random classifier over bytes in `folder`."""
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(folder)
    config = LlamaConfig.from_pretrained(tiny_folder, num_labels=labels)
    torch.manual_seed(7)
    kind(config).save_pretrained(folder)
    return folder


@pytest.fixture
def published(tmp_path: Path, tiny_folder: Path) -> Role:
    return Role(model=str(written(tmp_path / "classifier", tiny_folder)))


@pytest.fixture
def own(tmp_path: Path, tiny: LocalModel) -> Role:
    """A reward model as a run leaves it."""
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=1)
    model = RewardModel(tiny, "reward_model")
    torch.nn.init.normal_(model.head.weight, std=0.5)
    model.save(tmp_path / "reward_model")
    return Role(model=str(tmp_path / "reward_model"))


def rewards(role: Role, turns: tuple[Message, ...], *replies: str) -> list[float]:
    """Asked side by side."""

    async def ask() -> list[float]:
        reward = rewards_of(reward_engine(role))
        return list(await asyncio.gather(*(reward(turns, reply) for reply in replies)))

    return asyncio.run(ask())


@given(st.floats(-700, 700))
def test_a_reward_survives_as_a_log_probability(reward: float) -> None:
    assert log_sigmoid(reward) <= 0
    assert reward_at(log_sigmoid(reward)) == pytest.approx(reward, rel=1e-9, abs=1e-9)


def test_a_published_model_gives_its_logit_at_the_end_of_the_reply(published: Role) -> None:
    replies = ("sorry", "a much longer reply, which needs no padding at all", "ok")
    tokenizer = AutoTokenizer.from_pretrained(published.model)
    model = LlamaForSequenceClassification.from_pretrained(published.model, pad_token_id=tokenizer.pad_token_id)
    for reply, found in zip(replies, rewards(published, TURNS, *replies), strict=True):
        said = [turn.as_dict() for turn in (*TURNS, assistant(reply))]
        ids = tokenizer.apply_chat_template(said, return_tensors="pt", return_dict=False)
        assert found == pytest.approx(float(model(ids).logits[0, 0].detach()), abs=1e-5)


def test_without_a_chat_template_prompt_and_reply_are_a_pair_of_texts(published: Role) -> None:
    tokenizer = AutoTokenizer.from_pretrained(published.model)
    tokenizer.chat_template = None
    (Path(published.model) / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer.save_pretrained(published.model)
    model = LlamaForSequenceClassification.from_pretrained(published.model, pad_token_id=tokenizer.pad_token_id)
    ids = tokenizer("how?", "so", return_tensors="pt")["input_ids"]
    expected = float(model(ids).logits[0, 0].detach())
    assert rewards(published, (user("how?"),), "so") == pytest.approx([expected], abs=1e-5)


def test_control_tokens_in_a_reply_stay_text(published: Role) -> None:
    engine = reward_engine(published)
    encode, token = engine.rewards.encode, "<|im_end|>"
    marked = encode(TURNS, f"a{token}b")
    special = engine.rewards.local.tokenizer.convert_tokens_to_ids(token)
    assert marked.count(special) == encode(TURNS, "ab").count(special) == len(TURNS) + 1


def test_a_model_of_a_run_gives_what_it_gave_there(own: Role, tiny_folder: Path) -> None:
    assert base_of(own.model) == str(tiny_folder)
    local = LocalModel.load(str(tiny_folder))
    model = RewardModel.load(local, "reward_model", Path(own.model))
    expected = model.score([(user("how?"),)] * 2, ["like this", "no"])
    assert rewards(own, (user("how?"),), "like this", "no") == pytest.approx(expected, abs=1e-5)
    assert expected[0] != pytest.approx(expected[1], abs=1e-3)


def test_a_model_that_reads_principles_says_their_mean(tmp_path: Path, tiny: LocalModel) -> None:
    add_adapter(tiny, "reward_model", LoraSettings(rank=2), seed=1)
    model = RewardModel(tiny, "reward_model", Reading(2, 0.5, (("Be kind.", 3), ("Be honest.", 1))))
    torch.nn.init.normal_(model.head.weight, std=0.5)
    model.save(tmp_path / "rm")
    role = Role(model=str(tmp_path / "rm"))
    found = rewards(role, TURNS, "like this", "no")
    expected = model.opinions([model.variants(TURNS, reply) for reply in ("like this", "no")])
    assert found == pytest.approx([opinion.reward for opinion in expected], abs=1e-5)
    before = reward_fingerprint(role)
    said = tmp_path / "rm/reward.json"
    said.write_text(said.read_text().replace('"caution": 0.5', '"caution": 0.6'))
    assert reward_fingerprint(role) != before


@given(st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1))
def test_rows_survive_being_one(rows: list[list[int]]) -> None:
    assert unframed(framed(rows)) == rows


@pytest.mark.parametrize("kind", ["published", "own"])
def test_a_reward_model_judges_by_the_difference(
    kind: str, request: pytest.FixtureRequest, constitution: Constitution
) -> None:
    role: Role = request.getfixturevalue(kind)
    engine = reward_engine(role)
    judge = RewardModelJudge(rewards_of(engine), engine.fingerprint)
    pair = Comparison("c", "p", "how?", "like this", "no")
    (verdict,) = asyncio.run(judge.verdicts(pair, constitution.principles[0]))
    a, b = rewards(role, pair.turns, "like this", "no")
    assert verdict.prob_a == pytest.approx(1 / (1 + math.exp(b - a)), abs=1e-5)
    assert (verdict.order, verdict.judge) == ("", engine.fingerprint.key)
    (failed,) = asyncio.run(judge.verdicts(Comparison("c", "p", "how?", "x" * 9000, "no"), constitution.principles[0]))
    assert failed.failure_kind == "too long"


@pytest.mark.parametrize("kind", ["published", "own"])
def test_who_it_is_can_be_told_before_it_is_loaded(kind: str, request: pytest.FixtureRequest) -> None:
    role: Role = request.getfixturevalue(kind)
    engine = reward_engine(role)
    assert reward_fingerprint(role) == engine.fingerprint
    assert engine.fingerprint.engine == "reward_model"
    weights = next(Path(role.model).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes() + b" ")
    assert reward_fingerprint(role) != engine.fingerprint
    code = (
        "import sys; from solon.pipeline.rewards import reward_fingerprint; from solon.pipeline.recipe import Role\n"
        f"assert reward_fingerprint(Role(model={role.model!r}))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("labels", "kind"), [(2, LlamaForSequenceClassification), (1, LlamaForCausalLM)], ids=["two labels", "no head"]
)
def test_other_models_are_refused_in_one_line(tmp_path: Path, tiny_folder: Path, labels: int, kind: Any) -> None:
    role = Role(model=str(written(tmp_path / "other", tiny_folder, labels, kind)))
    with pytest.raises(ModelError, match="other is no reward model") as stop:
        rewards(role, TURNS, "x")
    assert "\n" not in str(stop.value)


def test_what_cannot_be_a_reward_model_is_refused(own: Role) -> None:
    with pytest.raises(ConfigError, match="which engine scripted has not"):
        reward_engine(Role(engine="scripted"))
    with pytest.raises(ConfigError, match="writes nothing"):
        asyncio.run(reward_engine(own).generate(None))  # type: ignore[arg-type]
    (Path(own.model) / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="does not say of which model it is"):
        reward_engine(own)


def test_a_reward_without_a_number_is_no_reward(own: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = reward_engine(own)
    monkeypatch.setattr(engine._score, "_run", lambda rows: [math.nan for _ in rows])
    answer = asyncio.run(engine.choose(ChooseRequest(TURNS, ("x",))))
    assert answer.unreadable is not None


def test_a_run_is_labelled_by_the_reward_model_of_another(tmp_path: Path, tiny_folder: Path, own: Role) -> None:
    judge = f"roles.judge={{engine: transformers, model: {own.model!r}}}"
    recipe = load_recipe(
        str(tiny_recipe(tmp_path / "run", tiny_folder, labelled=4)), (judge, "rl_cai.feedback.ask=reward_model")
    )
    out = tmp_path / "run/out"
    made = make_plan(recipe, out, "preferences")
    run_recipe(recipe, out, Progress(quiet=True), "preferences")
    rows = read_rows(out / "rl_cai/preferences.parquet")
    assert {verdict["ask"] for row in rows for verdict in row["verdicts"]} == {"reward_model"}
    assert made.steps[0].calls["judge"].to_make == 8  # four pairs, a call for each reply
    assert not make_plan(recipe, out, "preferences").to_run

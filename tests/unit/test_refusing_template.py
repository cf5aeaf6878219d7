"""A chat template that refuses a conversation sets its row aside, by file and line, and answers 400 in serve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import solon.cli
from solon.constitution import Constitution
from solon.engines.local.model import LocalModel
from solon.engines.transformers import TransformersEngine
from solon.serve import ServeSettings, create_app
from solon.types import assistant, system, user
from tiny import TEMPLATE, write_tiny_llama

NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turns here') }}{% endif %}" + TEMPLATE


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("refusing") / "llama", NO_SYSTEM)


def rows(file: str, bad: bool) -> dict[str, Any]:
    before = [system("be kind"), user("well?")] if bad else [user("well?")]
    prompt = [turn.as_dict() for turn in before]
    if file == "sft":
        return {"messages": [*prompt, assistant("yes").as_dict()]}
    return {"prompt": prompt, "chosen": [assistant("yes").as_dict()], "rejected": [assistant("no").as_dict()]}


@pytest.mark.parametrize("verb", ["sft", "dpo", "kto", "reward"])
def test_the_row_is_set_aside_with_its_line(
    verb: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = "sft" if verb == "sft" else "pairs"
    lines = [rows(kind, bad=number == 3) for number in range(8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [
        "solon",
        "train",
        verb,
        str(tmp_path / "rows.jsonl"),
        "--model",
        str(model),
        "--out",
        str(tmp_path / "o"),
    ]
    monkeypatch.setattr("sys.argv", [*command, "--set", "batch_size=4"])
    with pytest.raises(SystemExit) as ended:
        solon.cli.main()
    assert ended.value.code in (0, None), capsys.readouterr().err
    (aside,) = map(json.loads, (tmp_path / "o" / "quarantine.jsonl").read_text().splitlines())
    assert aside["line"] == 4
    assert "refuses the conversation (system, user" in aside["reason"]
    assert "no system turns here" in aside["reason"]


def test_serve_answers_400(model: Path, constitution: Constitution) -> None:
    app = create_app(TransformersEngine(LocalModel.load(str(model))), constitution, ServeSettings("m"))
    with TestClient(app) as client:
        messages = [system("be kind").as_dict(), user("hi").as_dict()]
        answer = client.post("/v1/chat/completions", json={"messages": messages, "max_tokens": 4})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("messages", "unsupported_conversation")
    assert "no system turns here" in error["message"]

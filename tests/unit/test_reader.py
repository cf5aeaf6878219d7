"""The one reader: every container and form of a conversation gives the same rows; what cannot be held is named."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from solon.data.candidates import load_candidates
from solon.data.formats import load_pairs
from solon.data.formats.beside import unread
from solon.data.formats.checks import RowProblem
from solon.data.formats.conversation import conversation_of, trimmed
from solon.data.formats.records import about, records
from solon.data.formats.rendered import is_plain, plain_replies, turns_of_text
from solon.data.formats.write import convert
from solon.data.hub import fetched
from solon.data.prompts import PromptFile, load_prompt_files, load_prompts
from solon.data.rows import BadRow, data_path, names_a_file
from solon.errors import ConfigError, DataError
from solon.pipeline.labels.source import open_source
from solon.pipeline.training.job import Job
from solon.pipeline.training.prompts import load_prompts as prompts_to_train_on
from solon.types import Message, assistant, system, user

ROWS: list[dict[str, Any]] = [
    {"id": "a", "prompt": "Where do otters sleep?"},
    {"id": "b", "prompt": "Naïve café: 雨は?"},
    {"id": "c", "prompt": "Two\nlines, and a comma"},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def packed_by_arrow(raw: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS), sink)
    return bytes(sink.getvalue())


def arrow(make: Callable[..., Any]) -> bytes:
    table = pa.Table.from_pylist(ROWS)
    sink = pa.BufferOutputStream()
    with make(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def feathered() -> bytes:
    sink = pa.BufferOutputStream()
    feather.write_feather(pa.Table.from_pylist(ROWS), sink)
    return bytes(sink.getvalue())


def table(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "prompt"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


CONTAINERS: dict[str, bytes] = {
    "lines.jsonl": LINES.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + LINES.encode(),
    "carriage returns and line feeds": LINES.replace("\n", "\r\n").encode(),
    "an old Mac's lines": LINES.replace("\n", "\r").encode(),
    "utf-16.jsonl": LINES.encode("utf-16"),
    "utf-16 without a mark": LINES.encode("utf-16-le"),
    "utf-32": LINES.encode("utf-32"),
    "a list.jsonl": json.dumps(ROWS).encode(),
    "a pretty list.jsonl": json.dumps(ROWS, indent=2).encode(),
    "pretty objects.jsonl": "\n".join(json.dumps(row, indent=4) for row in ROWS).encode(),
    "data.jsonl": json.dumps({"version": 3, "data": ROWS}).encode(),
    "pretty data.json": json.dumps({"version": 3, "data": ROWS}, indent=1).encode(),
    "comma.csv": table(","),
    "semicolons": table(";"),
    "tabs.tsv": table("\t"),
    "spreadsheet.txt": table("\t").decode().encode("utf-16"),
    "parquet.jsonl": parquet(),
    "file.arrow": arrow(pa.ipc.new_file),
    "stream": arrow(pa.ipc.new_stream),
    "feather": feathered(),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": packed_by_arrow,
}


def put(path: Path, raw: bytes | str) -> str:
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return str(path)


def lines(path: Path, *rows: Any) -> str:
    return put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    put(path, CONTAINERS[name])
    assert [row for row in records(path) if isinstance(row, BadRow)] == []
    assert [row[1] for row in records(path) if not isinstance(row, BadRow)] == ROWS
    assert about(path) in (0, len(ROWS))


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", ["lines.jsonl", "comma.csv", "parquet.jsonl", "stream", "utf-16.jsonl"])
def test_containers_are_read_in_archives_of_any_name(tmp_path: Path, name: str, packer: str) -> None:
    put(tmp_path / "packed", PACKERS[packer](CONTAINERS[name]))
    assert [row[1] for row in records(tmp_path / "packed") if not isinstance(row, BadRow)] == ROWS


@pytest.mark.parametrize("packer", PACKERS)
def test_a_torn_archive_gives_the_rows_before_it_breaks(tmp_path: Path, packer: str) -> None:
    raw = "".join(json.dumps({"prompt": f"{n}: {hash((n, 'otter'))}"}) + "\n" for n in range(60_000)).encode()
    whole = PACKERS[packer](raw)
    put(tmp_path / "torn", whole[: len(whole) // 2])
    *found, last = records(tmp_path / "torn")
    assert 0 < len(found) < 60_000
    assert not any(isinstance(row, BadRow) for row in found)
    assert isinstance(last, BadRow)
    assert last.line == len(found) + 1
    assert "data breaks off here" in last.reason


def bad(path: Path) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in records(path) if isinstance(row, BadRow)]


def test_a_list_that_is_broken_gives_its_other_elements(tmp_path: Path) -> None:
    whole = json.dumps(ROWS, indent=1)
    path = tmp_path / "broken.json"
    put(path, whole.replace('"b"', "b"))
    assert [row[1]["id"] for row in records(path) if not isinstance(row, BadRow)] == ["a", "c"]
    assert [(line, "line 7 column" in reason) for line, reason in bad(path)] == [(2, True)]
    put(path, whole[:-30])
    assert [row[1]["id"] for row in records(path) if not isinstance(row, BadRow)] == ["a", "b"]
    assert len(bad(path)) == 1


def test_a_key_that_is_repeated_is_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    put(path, '{"prompt": "a", "prompt": "b"}\n{"prompt": "c"}\n{"prompt": "d", "meta": {"x": 1, "x": 2}}\n')
    assert [line for line, _ in bad(path)] == [1, 3]
    assert "the key 'prompt' is repeated" in bad(path)[0][1]
    put(path, json.dumps([{"prompt": "c"}]).replace("{", '{"prompt": "a", '))
    assert "the key 'prompt' is repeated" in bad(path)[0][1]


def test_a_missing_number_is_null_and_an_infinite_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    put(path, '{"prompt": "a", "x": NaN, "more": [NaN]}\n{"prompt": "b", "x": -Infinity}\n')
    (_, row), refused = list(records(path))  # type: ignore[misc]
    assert row == {"prompt": "a", "x": None, "more": [None]}
    assert "Infinity is no number" in refused.reason
    pq.write_table(pa.table({"prompt": ["a"], "x": [float("nan")], "s": [[float("nan"), 1.0]]}), tmp_path / "n.parquet")
    assert list(records(tmp_path / "n.parquet")) == [(1, {"prompt": "a", "s": [None, 1.0]})]


def test_a_column_that_python_cannot_hold_does_not_refuse_the_file(tmp_path: Path) -> None:
    at = pa.array([1, 86_400], pa.timestamp("s", tz="Mars/Olympus"))
    text = pa.array([b"fine", b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"prompt": ["a", "b"], "at": at}), tmp_path / "t.parquet")
    found = [row[1] for row in records(tmp_path / "t.parquet") if not isinstance(row, BadRow)]
    assert [row["at"].isoformat() for row in found] == ["1970-01-01T00:00:01+00:00", "1970-01-02T00:00:00+00:00"]
    pq.write_table(pa.table({"prompt": ["a", "b"], "note": text}), tmp_path / "u.parquet")
    assert bad(tmp_path / "u.parquet") == [(2, "column 'note' (string): not UTF-8 at byte 0")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"PK\x03\x04rest", "a zip archive or a spreadsheet"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page: download the raw file"),
        (b"\0" * 257 + b"ustar\0", "a tar archive: unpack it"),
        (parquet()[:-40], "cannot be read as Parquet"),
        (arrow(pa.ipc.new_file)[:40], "cannot be read as Arrow"),
        (b"prompt,prompt\na,b\n", "names the column 'prompt' twice"),
    ],
)
def test_what_holds_no_rows_is_refused_in_one_line_with_the_way_out(tmp_path: Path, raw: bytes, why: str) -> None:
    put(tmp_path / "p.csv", raw)
    with pytest.raises(DataError) as raised:
        list(records(tmp_path / "p.csv"))
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


def test_rows_of_a_table_that_are_broken_are_set_aside_by_line(tmp_path: Path) -> None:
    rows = ['a,"fine, and\nof two lines"', "b,x,y", 'c,"never closed', "d,fine", "e,caf\xe9"]
    put(tmp_path / "p.csv", ("id,prompt\n" + "\n".join(rows) + "\n").encode("latin-1"))
    assert [row[1]["id"] for row in records(tmp_path / "p.csv") if not isinstance(row, BadRow)] == ["a", "d"]
    assert [(line, why[:12]) for line, why in bad(tmp_path / "p.csv")] == [
        (4, "has 3 cells,"),
        (5, "a quote that"),
        (7, "not UTF-8: s"),
    ]


def test_cells_are_text_but_for_figures_and_json(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "user", "content": "Hi"}])
    text = io.StringIO()
    csv.writer(text).writerows(
        [["id", "prompt", "text", "label", "score", "note"], ["007", turns, "true", "True", "0.5", "12"]]
    )
    put(tmp_path / "p.csv", text.getvalue())
    ((_, row),) = records(tmp_path / "p.csv")  # type: ignore[misc]
    assert row == {
        "id": "007",
        "prompt": [{"role": "user", "content": "Hi"}],
        "text": "true",
        "label": True,
        "score": 0.5,
        "note": "12",
    }


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    put(tmp_path / "p.txt", "[draft] What is a fjord?\r\n\r\n    print(1)  # why?\r\n")
    prompts, _ = load_prompts(str(tmp_path / "p.txt"), "helpful")
    assert [p.text for p in prompts] == ["[draft] What is a fjord?", "print(1)  # why?"]


@given(
    st.lists(
        st.text(max_size=40).filter(lambda t: t.strip() and "\x00" not in t and is_plain(t)),
        max_size=8,
        unique_by=str.strip,
    )
)
def test_json_lines_lists_and_pretty_objects_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    rows = [{"prompt": text, "n": n} for n, text in enumerate(texts)]
    path = tmp_path_factory.mktemp("same") / "f"
    indented = "\n".join(json.dumps(row, indent=2) for row in rows)
    for raw in (
        "".join(json.dumps(row) + "\n" for row in rows),
        json.dumps(rows),
        json.dumps(rows, indent=1),
        indented,
    ):
        put(path, raw)
        assert [row[1] for row in records(path) if not isinstance(row, BadRow)] == rows


# --- conversations ------------------------------------------------------------------------------------------

TURNS = (system("Be brief."), user("Hi"), assistant("Yes?"), user("Bye"))


def shown(turns: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in turns]


FORMS: dict[str, dict[str, Any]] = {
    "prompt": {"prompt": [turn.as_dict() for turn in TURNS]},
    "messages": {"messages": [turn.as_dict() for turn in TURNS]},
    "OpenAI's input": {"input": {"messages": [turn.as_dict() for turn in TURNS]}},
    "parts": {"messages": [{"role": t.role, "content": [{"type": "text", "text": t.content}]} for t in TURNS]},
    "empty extras": {"messages": [{**turn.as_dict(), "name": None, "tool_calls": []} for turn in TURNS]},
    "facts of turns": {"conversation": [{**turn.as_dict(), "language": "en", "turn_id": 7} for turn in TURNS]},
    "ShareGPT": {
        "system": "Be brief.",
        "conversations": [
            {"from": {"user": "human", "assistant": "gpt"}[turn.role], "value": turn.content} for turn in TURNS[1:]
        ],
    },
    "a system prompt of its own column": {
        "system_prompt": "Be brief.",
        "prompt": [turn.as_dict() for turn in TURNS[1:]],
    },
    "history": {"system": "Be brief.", "instruction": "Bye", "history": [["Hi", "Yes?"]]},
    "context": {"context": [turn.as_dict() for turn in TURNS[:-1]], "prompt": "Bye"},
    "prompt_turns": {
        "system": "Be brief.",
        "prompt_turns": [
            {"role": "human", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "human", "content": "Bye"},
        ],
    },
    "HH": {"prompt": "Be brief.\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye\n\nAssistant:"},
    "ChatML": {
        "text": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?"
        "<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
    },
    "Llama 2": {"prompt": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Yes? </s><s>[INST] Bye [/INST]"},
    "Llama 3": {
        "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        "Yes?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    },
    "Mistral": {"prompt": "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi[/INST]Yes?</s>[INST]Bye[/INST]"},
    "Zephyr": {
        "prompt": "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nYes?</s>\n<|user|>\nBye</s>\n"
        "<|assistant|>\n"
    },
    "Phi": {
        "prompt": "<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>Yes?<|end|><|user|>Bye<|end|><|assistant|>"
    },
    "Vicuna": {"prompt": "Be brief. USER: Hi ASSISTANT: Yes?</s>USER: Bye ASSISTANT:"},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_conversation_is_the_same_prompt(tmp_path: Path, form: str) -> None:
    file = lines(tmp_path / "p.jsonl", FORMS[form])
    (prompt,), bad_rows = load_prompts(file, "helpful")
    assert bad_rows == []
    assert prompt.turns == TURNS
    (asked,) = prompts_to_train_on(Job("ppo", file, "", None, tmp_path)).items
    assert asked.turns == TURNS
    (candidates,), _ = load_candidates(file)
    assert candidates.turns == TURNS
    with_replies = lines(tmp_path / "r.jsonl", FORMS[form] | {"responses": ["a", "b"], "ratings": [1, 5]})
    (candidates,), _ = load_candidates(with_replies)
    assert (candidates.turns, candidates.extra["ratings"]) == (TURNS, [1, 5])


def test_gemma_has_no_system_turn() -> None:
    turns = [("user", "Hi"), ("model", "Yes?"), ("user", "Bye")]
    text = "".join(f"<start_of_turn>{role}\n{said}<end_of_turn>\n" for role, said in turns)
    assert turns_of_text(f"<bos>{text}<start_of_turn>model\n") == TURNS[1:]


@pytest.mark.parametrize(
    "text",
    [
        "What does <|im_start|>user\n do in a prompt?",
        "<|im_start|> and <|im_end|> are what?",
        "Is </s> a tag?",
        "<s>struck out</s> text",
        "[INST] stands for what?",
        "Human: is that a robot?",
        "Summarise:\n\nHuman: Hi\n\nAssistant: Hello\n\nwhat did the human want?",
        "Continue the play.\nUser: hello\nAssistant:",
    ],
)
def test_marks_that_are_quoted_are_words_of_the_user(text: str) -> None:
    assert turns_of_text(text) == (user(text),)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "<|start|>user<|message|>Hi<|end|><|start|>assistant"}, "a chat template that is not known"),
        ({"prompt": "Hi<|im_end|>\n<|im_start|>assistant\n"}, "text stands before the first turn of a ChatML prompt"),
        ({"prompt": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>tool\n5<|im_end|>\n"}, "is a tool's"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "of type 'image_url'"),
        (
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": "5"}]},
            "turn 2: is a turn of a tool",
        ),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]}, "has 'tool_calls'"),
        ({"conversations": [{"from": "observation", "value": "x"}]}, "is a turn of a tool"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "role is 'narrator'"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages ends with no turn of the user"),
        ({"prompt": "Hi", "system": {"a": 1}}, "system is an object, expected text"),
        ({"prompt": [system("A").as_dict(), user("Hi").as_dict()], "system": "B"}, "says another thing"),
        ({"question": ["a", "b"]}, "is a list of 2 texts"),
        ({"prompt": None, "text": 5}, "no prompt text"),
    ],
)
def test_what_turns_of_text_cannot_hold_is_set_aside_with_the_reason(row: dict[str, Any], why: str) -> None:
    with pytest.raises(RowProblem, match=why.replace("(", r"\(")):
        conversation_of(row)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "GPT4 Correct User: Hi<|end_of_turn|>GPT4 Correct Assistant:",
            "chat template that is not known (<|end_of_turn|>)",
        ),
        ("[|system|]Be kind.[|endofturn|]\n[|user|]Hi\n[|assistant|]", "not known ([|system|])"),
        ("<extra_id_0>System\n\n<extra_id_1>User\nHi\n<extra_id_1>Assistant\n", "not known (<extra_id_0>)"),
        ("<reserved_106>Hi<reserved_107>", "not known (<reserved_106>)"),
        ("[unused9]Hi[unused10]", "not known ([unused9])"),
        ("[AVAILABLE_TOOLS] [{}][/AVAILABLE_TOOLS][INST] Hi [/INST]", "a Mistral prompt with tools"),
        (
            "<|im_start|>user\n<tool_response>\n5\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
            "results of tools",
        ),
        ("<image>\nWhat is this?", "the place of an image"),
    ],
)
def test_templates_that_are_not_known_and_tools_in_texts_are_refused(text: str, why: str) -> None:
    with pytest.raises(RowProblem) as refused:
        turns_of_text(text)
    assert why in str(refused.value)
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "<human>: Hi\n<bot>: Yes?\n<human>: Bye\n<bot>:",
        "User: Hi\nAssistant: Yes?\nUser: Bye",
        '[{"role": "user", "content": "Hi"}, {"from": "gpt", "value": "Yes?"}, {"role": "user", "content": "Bye"}]',
    ],
)
def test_turns_in_words_and_in_json_are_turns(text: str) -> None:
    assert shown(turns_of_text(text)) == [("user", "Hi"), ("assistant", "Yes?"), ("user", "Bye")]
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text", ["What does <tool_call> do?", "How is <image> used in SVG?", "[unused9] is what?", "[1]"]
)
def test_marks_of_tools_and_images_that_are_spoken_of_are_words(text: str) -> None:
    assert turns_of_text(text) == (user(text),)


def test_what_belongs_to_turns_and_is_no_text_sets_the_row_aside(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "tools": []}, {"prompt": "b", "tools": [{"name": "w"}]}, {"prompt": "c", "image": "c.png"}]
    file = Path(lines(tmp_path / "p.jsonl", *rows))
    assert [line for line, _ in bad(file)] == [2, 3]
    assert "column 'tools'" in bad(file)[0][1]


def test_lists_that_were_written_as_json_are_lists(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    file = lines(tmp_path / "m.jsonl", {"messages": json.dumps(turns)})
    assert list(records(Path(file))) == [(1, {"messages": turns})]
    arena = {
        "prompt": '["Hi"]',
        "response_a": '["Yes?"]',
        "response_b": '["No."]',
        "winner_model_a": 0,
        "winner_model_b": 1,
    }
    (pair,), _ = load_pairs(Path(lines(tmp_path / "a.jsonl", arena)))
    told = pair.comparison
    assert (told.prompt, told.response_a, told.response_b, pair.prob_a) == ("Hi", "Yes?", "No.", 0)
    rounds = {"prompt": ["Hi", "Bye"], "response_a": ["Yes?", "So long."], "response_b": ["Yes?", "No."]}
    (pair,), _ = load_pairs(Path(lines(tmp_path / "b.jsonl", arena | rounds)))
    assert [turn.content for turn in pair.comparison.turns] == ["Hi", "Yes?", "Bye"]
    assert pair.comparison.response_a == "So long."


def test_objects_on_one_line_and_figures_of_pandas_are_read(tmp_path: Path) -> None:
    file = put(tmp_path / "p.json", '{"id": 1.0, "prompt": "a"}{"id": 2, "prompt": "b"} {"prompt": "c"}\n')
    prompts, aside = load_prompts(file, "helpful")
    assert [prompt.text for prompt in prompts] == ["a", "b", "c"]
    assert [prompt.id for prompt in prompts][:2] == ["1", "2"]
    assert aside == []


def test_faults_of_containers_are_named(tmp_path: Path) -> None:
    import os

    put(tmp_path / "p", gzip.compress(gzip.compress(b'{"prompt": "a"}\n')))
    with pytest.raises(DataError, match="packed twice, with gzip inside"):
        list(records(tmp_path / "p"))
    put(tmp_path / "deep.jsonl", '{"prompt": ' + "[" * 200_000 + "]" * 200_000 + "}")
    assert bad(tmp_path / "deep.jsonl") == [(1, "not JSON: lists and objects are nested more than 100 deep")]
    put(tmp_path / "l.csv", "fr\xfcher,prompt\na,b\n".encode("latin-1"))
    with pytest.raises(DataError, match="the header is not UTF-8"):
        list(records(tmp_path / "l.csv"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        list(records(tmp_path / "pipe"))


def test_a_reply_that_ends_a_conversation_is_a_draft_only_where_it_is_asked_for(tmp_path: Path) -> None:
    turns = [turn.as_dict() for turn in (*TURNS, assistant("So long."))]
    file = lines(tmp_path / "p.jsonl", {"messages": turns}, {"instruction": "Add 2.", "input": "3", "output": "5"})
    sets = load_prompt_files([PromptFile(file, "helpful")])
    assert [(p.turns[-1].content, p.draft) for p in sets.prompts["helpful"]] == [("Bye", ""), ("Add 2.\n\n3", "")]
    (note,) = sets.notes
    assert "replies or labels under messages, output are not used" in note
    sets = load_prompt_files([PromptFile(file, "helpful", drafts=True)])
    assert [p.draft for p in sets.prompts["helpful"]] == ["So long.", "5"]
    assert sets.notes == []


def test_labels_of_prompts_are_not_called_replies(tmp_path: Path) -> None:
    file = lines(tmp_path / "p.jsonl", {"prompt": "Hi", "label": "safe", "type": "x"})
    assert load_prompt_files([PromptFile(file, "helpful")]).notes == []


def test_what_a_question_is_about_follows_it() -> None:
    said = conversation_of({"question": "Who won?", "context": "In 1908 Kew beat Ham."})
    assert said.turns == (user("Who won?\n\nIn 1908 Kew beat Ham."),)
    assert conversation_of({"prompt": "Who won?", "context": "sports"}).turns == (user("Who won?\n\nsports"),)


def test_the_indentation_of_code_is_kept() -> None:
    assert trimmed("\n \n    if x:\n        y()\n\n") == "    if x:\n        y()"


def test_several_replies_that_nobody_understands_are_named(tmp_path: Path) -> None:
    file = lines(tmp_path / "p.jsonl", {"prompt": "Hi", "generations": ["a", "b"]})
    assert list(unread(Path(file)).lines) == ["generations"]
    assert list(unread(Path(lines(tmp_path / "q.jsonl", {"prompt": "Hi", "output": "a"}))).lines) == ["output"]


def test_pairs_out_of_rendered_texts_are_conversations(tmp_path: Path) -> None:
    rows = [
        {"prompt": FORMS["HH"]["prompt"], "chosen": " Hello", "rejected": " Go"},
        {"prompt": FORMS["ChatML"]["text"], "chosen": "Hello<|im_end|>", "rejected": "Go<|im_end|>"},
        {
            "prompt": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "chosen": [{"role": "assistant", "content": "a", "tool_calls": []}],
            "rejected": [{"role": "assistant", "content": "b", "name": None}],
        },
    ]
    found, bad_rows = load_pairs(Path(lines(tmp_path / "p.jsonl", *rows)))
    assert bad_rows == []
    assert [row.comparison.turns for row in found] == [TURNS, TURNS, (user("Hi"),)]
    assert [{row.comparison.response_a, row.comparison.response_b} for row in found[:2]] == [{"Hello", "Go"}] * 2


def test_the_mark_that_ends_a_turn_is_taken_off_replies_and_left_where_they_speak_of_it() -> None:
    assert plain_replies("Yes.</s>", "No.</s>") == ("Yes.", "No.")
    assert plain_replies("It is <|im_end|>", "No.") == ("It is <|im_end|>", "No.")
    assert plain_replies("<s>old</s>", "new") == ("<s>old</s>", "new")


# --- the hub ------------------------------------------------------------------------------------------------


class Split(list[dict[str, Any]]):
    _fingerprint = "f00d"

    def to_parquet(self, path: str) -> None:
        pq.write_table(pa.Table.from_pylist(self), path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The library with a hub in it that knows one dataset."""
    library = types.ModuleType("datasets")
    asked: list[tuple[Any, ...]] = []

    class DatasetNotFoundError(FileNotFoundError): ...

    def load_dataset(name: str, config: str | None = None, revision: str | None = None) -> dict[str, Split]:
        asked.append((name, config, revision))
        if name != "otters/questions":
            raise DatasetNotFoundError(f"Dataset '{name}' doesn't exist\non the Hub")
        return {"train": Split(ROWS), "test": Split(ROWS[:1])}

    library.load_dataset, library.asked = load_dataset, asked  # type: ignore[attr-defined]
    library.disable_progress_bars = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    monkeypatch.setenv("SOLON_CACHE", str(tmp_path / "cache"))
    fetched.cache_clear()
    yield library
    fetched.cache_clear()


def test_a_dataset_of_the_hub_is_a_file_like_any_other(hub: Any) -> None:
    prompts, _ = load_prompts("hub:otters/questions", "helpful")
    assert [p.id for p in prompts] == ["a", "b", "c"]
    assert [p.id for p in load_prompts("hub:otters/questions@v1:main/test", "helpful")[0]] == ["a"]
    assert hub.asked == [("otters/questions", None, None), ("otters/questions", "main", "v1")]
    assert data_path("hub:otters/questions").is_file()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hub:otters/answers", "the hub has no dataset otters/answers that you may read"),
        ("hub:otters/questions:dev", "has no split 'dev'; it has train, test"),
        ("hub:", "names no dataset: write hub:OWNER/NAME"),
    ],
)
def test_a_dataset_that_is_not_there_is_refused_in_one_line(hub: Any, name: str, why: str) -> None:
    with pytest.raises((ConfigError, DataError)) as raised:
        load_prompts(name, "helpful")
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    fetched.cache_clear()
    with pytest.raises(ConfigError, match=r"need the extra train: pip install 'solon\[train\]'"):
        data_path("hub:otters/questions")


def test_what_is_called_like_a_file_is_one_and_a_question_is_none(tmp_path: Path) -> None:
    assert names_a_file("hub:a/b")
    assert names_a_file("prompts.csv")
    assert names_a_file(put(tmp_path / "bare", "x"))
    assert not names_a_file("What is a file?")


TALK = [user("Where is Kew?").as_dict(), assistant("In London.").as_dict(), user("And Ham?").as_dict()]
PARK = "The park was laid out in 1759, and the public has been let in since 1840."


@pytest.mark.parametrize(
    ("beside", "turns"),
    [
        ({"prompt": "When?", "context": PARK}, (user(f"When?\n\n{PARK}"),)),
        ({"question": "When?", "context": "Kew"}, (user("When?\n\nKew"),)),
        ({"prompt": "When?", "input": "Kew"}, (user("When?\n\nKew"),)),
        ({"instruction": "Answer in German.", "question": "When?"}, (user("Answer in German.\n\nWhen?"),)),
        ({"instruction": "Shorten it.", "input": "a", "context": "b"}, (user("Shorten it.\n\na\n\nb"),)),
        ({"prompt": "When?", "document": PARK, "system": "Be kind."}, (system("Be kind."), user(f"When?\n\n{PARK}"))),
        (
            {"prompt": "When?", "history": [["Kew?", "A park."]]},
            (user("Kew?"), assistant("A park."), user("When?")),
        ),
        ({"messages": [user("When?").as_dict()], "passage": PARK}, (user(f"When?\n\n{PARK}"),)),
        (
            {"prompt": "When?", "messages": [system("Be kind.").as_dict(), user("When?").as_dict()]},
            (system("Be kind."), user("When?")),
        ),
        ({"question": "When?", "prompt": f"{PARK} When?"}, (user(f"{PARK} When?"),)),
    ],
)
def test_pairs_and_prompts_say_the_same_of_the_columns_around_a_question(
    tmp_path: Path, beside: dict[str, Any], turns: tuple[Message, ...]
) -> None:
    assert conversation_of(beside).turns == turns
    if "messages" not in beside:
        source = Path(lines(tmp_path / "p.jsonl", beside | {"chosen": "Here.", "rejected": "No."}))
        convert(source, tmp_path / "o.jsonl", "trl")
        (row,) = load_pairs(tmp_path / "o.jsonl")[0]
        assert row.comparison.turns == turns
    (row,) = load_pairs(Path(lines(tmp_path / "l.jsonl", beside | {"chosen": "Here.", "rejected": "No."})))[0]
    assert row.comparison.turns == turns


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "When?", "history": "we spoke of Kew"}, "history is text and tells no turns"),
        ({"messages": TALK, "document": PARK}, "document beside the 2 turns of the user in messages"),
        ({"prompt": "When?", "passages": [PARK, PARK]}, "passages is a list"),
        ({"prompt": "When?", "options": ["1759", "1840"]}, "options is a list"),
        ({"prompt": "When?", "system": "A", "system_prompt": "B"}, "system and system_prompt hold different"),
        ({"prompt": "When?", "messages": TALK}, "and (messages|prompt) both hold a question"),
        ({"prompt": "When?", "query": "Why?"}, "prompt and query both hold a question"),
    ],
)
def test_columns_that_have_no_place_or_contradict_each_other_are_named(
    tmp_path: Path, row: dict[str, Any], why: str
) -> None:
    with pytest.raises(RowProblem, match=why):
        conversation_of(row)
    with pytest.raises(DataError, match=why):
        load_pairs(Path(lines(tmp_path / "p.jsonl", row | {"chosen": "Here.", "rejected": "No."})))


@pytest.mark.parametrize("column", ["messages", "conversations"])
def test_a_conversation_that_ends_with_the_user_is_written_whole_as_a_prompt(tmp_path: Path, column: str) -> None:
    said = TALK if column == "messages" else [{"from": t["role"], "value": t["content"]} for t in TALK]
    said = [t | {"from": {"user": "human", "assistant": "gpt"}[t["from"]]} if "from" in t else t for t in said]
    file = lines(tmp_path / "p.jsonl", {column: said})
    convert(Path(file), tmp_path / "o.jsonl", "trl-prompts")
    assert json.loads((tmp_path / "o.jsonl").read_text())["prompt"] == TALK
    source = open_source(file, None, None)
    assert source.bare
    assert [item.turns for item in source.items] == [tuple(Message(t["role"], t["content"]) for t in TALK)]  # type: ignore


ASKED = "What grows at Kew?"


@pytest.mark.parametrize(
    "beside",
    [
        {"antwort_eins": "Eichen.", "antwort_zwei": "Nichts."},
        {"gpt4": "Oaks.", "llama": "Nothing.", "who_won": "gpt4"},
        {"accepted": "Oaks.", "refused": "Nothing."},
        {"draft": "Oaks.", "revision": "Oaks and palms."},
        {"ground_truth": "Oaks."},
        {"pos": ["Oaks."], "neg": ["Nothing."]},
        {"salida": "Crecen robles y palmeras en todo el jardin."},
        {"text": "Oaks."},
        {"completion": "Oaks.", "rating": 3},
    ],
)
def test_replies_beside_prompts_are_refused_and_listed(tmp_path: Path, beside: dict[str, Any]) -> None:
    file = lines(tmp_path / "p.jsonl", {"prompt": ASKED} | beside)
    with pytest.raises(DataError, match=next(iter(beside))):
        open_source(file, None, None)
    assert open_source(file, "prompts", None).bare
    assert set(unread(Path(file)).lines) >= {name for name in beside if name != "rating"}


def test_what_is_said_of_a_prompt_is_no_reply(tmp_path: Path) -> None:
    row = {"prompt": ASKED, "id": "a", "area": "plants", "source": "a long list of places to see", "difficulty": 3}
    row |= {
        "category": "gardens, parks and other green places",
        "score": 0.5,
        "url": "https://x.org",
        "tags": ["a", "b"],
    }
    file = lines(tmp_path / "p.jsonl", row | {"notes": "asked by the people who look after it"})
    assert not unread(Path(file))
    assert open_source(file, None, None).bare


def test_replies_that_come_late_in_a_file_are_seen(tmp_path: Path) -> None:
    bare = [{"prompt": f"What grows at Kew in month {n}?"} for n in range(30)]
    late = lines(tmp_path / "l.jsonl", *bare, {"prompt": ASKED, "my_answer": "Oaks."})
    with pytest.raises(DataError, match=r"my_answer \(from line 31\)"):
        open_source(late, None, None)
    source = open_source(
        lines(tmp_path / "m.jsonl", *bare, {"prompt": ASKED, "chosen": "a", "rejected": "b"}), None, None
    )
    assert source.format.startswith("trl")
    assert [isinstance(item, BadRow) for item in source.items] == [*[True] * 30, False]


def test_texts_that_are_no_part_of_a_prompt_are_told(tmp_path: Path) -> None:
    file = lines(tmp_path / "p.jsonl", {"prompt": ASKED, "beleg": PARK})
    assert "texts under beleg are no part of the prompts" in load_prompt_files([PromptFile(file, "helpful")]).notes[0]

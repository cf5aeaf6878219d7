"""Preference files as they are: every format is read for what it says, and what it does not say is not guessed."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solon.data.formats import Row, load_pairs, read_pairs, recognise
from solon.data.formats.checks import RowProblem
from solon.data.formats.hh import read_transcript, write_transcript
from solon.data.formats.names import chosen_comes_first
from solon.data.formats.records import FOREIGN
from solon.data.formats.unpacking import packed_as
from solon.data.formats.unpaired import ALONE
from solon.data.rows import BadRow
from solon.data.tables import write_rows
from solon.errors import ConfigError, DataError
from solon.types import Message, assistant, system, user

SAID_TO_BE = tuple(magic for magic, _ in FOREIGN)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
Record = dict[str, Any]

ASK = [{"role": "user", "content": "ask"}]
YES = [{"role": "assistant", "content": "yes"}]
NO = [{"role": "assistant", "content": "no"}]
HH_YES, HH_NO = "\n\nHuman: ask\n\nAssistant: yes", "\n\nHuman: ask\n\nAssistant: no"


def lines(folder: Path, *rows: Record, name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def only(folder: Path, record: Record, format: str | None = None) -> Row:
    rows, bad = load_pairs(lines(folder, record), format)
    assert not bad
    assert len(rows) == 1
    return rows[0]


def better(row: Row) -> tuple[str, str]:
    """The better response and the other."""
    c = row.comparison
    assert row.prob_a in (0, 1)
    return (c.response_a, c.response_b) if row.prob_a else (c.response_b, c.response_a)


# --- one row of each kind -----------------------------------------------------------------------------------

KINDS: list[tuple[str, Record]] = [
    ("hh", {"chosen": HH_YES, "rejected": HH_NO}),
    ("hh-turns", {"prompt_turns": [{"role": "human", "content": "ask"}], "chosen": "yes", "rejected": "no"}),
    ("hhh-eval", {"chosen": HH_YES, "rejected": HH_NO, "gold_option": "(B)"}),
    ("hhh-eval", {"prompt": "ask", "corrects": ["yes"], "incorrects": ["no"]}),
    (
        "hhh-eval",
        {
            "prompt": "… Options:\n (A) [[[no]]]\n (B) [[[yes]]]\n\nThe answer is:",
            "corrects": [" (B)"],
            "incorrects": [" (A)"],
            "text_correct": HH_YES,
            "text_incorrect": HH_NO,
        },
    ),
    ("hhh-eval", {"input": "ask", "target_scores": {"no": 0, "yes": 1}}),
    ("hhh-eval", {"input": "\n\nHuman: ask\n\nAssistant:", "target_scores": {"yes": 1, "no": 0}}),
    ("hhh-eval", {"input": "ask", "targets": {"choices": ["yes", "no"], "labels": [1, 0]}}),
    ("llmbar", {"input": "ask", "output_1": "no", "output_2": "yes", "label": 2, "subset": "Natural"}),
    ("rewardbench", {"prompt": "ask", "chosen": "yes", "rejected": "no", "subset": "hep-cpp", "id": 7}),
    ("rewardbench", {"prompt": ASK, "chosen": YES, "rejected": NO, "subset": "hep-cpp", "id": 7}),
    ("trl", {"prompt": "ask", "chosen": "yes", "rejected": "no"}),
    ("trl", {"prompt": ASK, "chosen": YES, "rejected": NO}),
    ("trl", {"prompt": "ask", "chosen": [*ASK, *YES], "rejected": [*ASK, *NO]}),
    ("trl-implicit", {"chosen": [*ASK, *YES], "rejected": [*ASK, *NO]}),
    (
        "ultrafeedback",
        {
            "prompt": "ask",
            "prompt_id": "p",
            "chosen": [*ASK, *YES],
            "rejected": [*ASK, *NO],
            "messages": [*ASK, *YES],
            "score_chosen": 8.5,
            "score_rejected": 4,
        },
    ),
    (
        "ultrafeedback-raw",
        {
            "instruction": "ask",
            "completions": [
                {"response": "maybe", "overall_score": 5, "model": "m1"},
                {"response": "no", "overall_score": 2.5, "model": "m2"},
                {"response": "yes", "overall_score": None, "fine-grained_score": 9.25, "model": "m3"},
            ],
        },
    ),
    ("pairs", {"prompt": "ask", "response_a": "no", "response_b": "yes", "better": "b"}),
    ("pairs", {"prompt": "ask", "response_a": "yes", "response_b": "no", "prob_a": 1}),
]


@pytest.mark.parametrize(("name", "record"), KINDS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(KINDS)])
def test_every_format_says_what_it_says(tmp_path: Path, name: str, record: Record) -> None:
    assert recognise(lines(tmp_path, record)).name == name
    for row in (only(tmp_path, record), only(tmp_path, record, name)):
        assert row.comparison.turns == (user("ask"),)
        assert better(row) == ("yes", "no")


@pytest.mark.parametrize(("name", "record"), KINDS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(KINDS)])
def test_columns_that_are_no_formats_own_are_kept(tmp_path: Path, name: str, record: Record) -> None:
    more = {"Länge": 3, "nested": {"a": [1, None, "x"]}, "none": None, "difficulty": "hard", "aim": "harmless"}
    row = only(tmp_path, record | more)
    assert {key: row.extra[key] for key in more} == more
    assert (row.aim, row.difficulty) == ("harmless", "hard")


def test_the_place_of_the_gold_option_is_the_place_of_the_response(tmp_path: Path) -> None:
    for option, a in (("(A)", "yes"), ("(B)", "no")):
        row = only(tmp_path, {"chosen": HH_YES, "rejected": HH_NO, "gold_option": option})
        assert row.comparison.response_a == a


def test_the_best_and_the_worst_completion_make_the_pair(tmp_path: Path) -> None:
    extra = only(tmp_path, KINDS[16][1]).extra
    assert extra == {"score_chosen": 9.25, "score_rejected": 2.5, "model_chosen": "m3", "model_rejected": "m2"}


def test_every_good_reply_is_paired_with_every_bad_one(tmp_path: Path) -> None:
    record = {"id": "5", "prompt": "ask", "chosen": ["yes"], "rejected": ["no", "never"], "subset": "Focus"}
    rows, bad = load_pairs(lines(tmp_path, record))
    assert [(row.comparison.id, better(row)) for row in rows] == [("5/1-1", ("yes", "no")), ("5/1-2", ("yes", "never"))]
    assert not bad


def test_unpaired_replies_are_paired_by_prompt_or_by_pair(tmp_path: Path) -> None:
    def reply(prompt: str, text: str, label: bool, **more: Any) -> Record:
        return {"prompt": prompt, "completion": text, "label": label} | more

    path = lines(
        tmp_path,
        reply("q", "good 1", True, model="m"),
        reply("r", "good r", True),
        reply("q", "good 2", True, model="m"),
        reply("q", "bad 1", False, model="n"),
        reply("q", "bad 2", False, model="m"),
        reply("r", "bad r", "maybe"),  # type: ignore[arg-type]
        reply("s", "good s1", True, pair_id="1"),
        reply("s", "good s2", True, pair_id="2"),
        reply("s", "bad s2", False, pair_id="2"),
        reply("s", "bad s1", False, pair_id="1"),
    )
    rows, bad = load_pairs(path)
    said = [("good 1", "bad 1"), ("good 2", "bad 2"), ("good s2", "bad s2"), ("good s1", "bad s1")]
    assert [better(row) for row in rows] == said
    assert [row.extra for row in rows[:2]] == [{"model_chosen": "m", "model_rejected": "n"}, {"model": "m"}]
    assert [(b.line, b.reason) for b in bad] == [
        (6, "label is 'maybe', expected true or false"),
        (2, ALONE),
    ]


def test_a_conversation_is_read_to_its_last_reply(tmp_path: Path) -> None:
    talk = "\n\nHuman: a\n\nAssistant:  b \n\nHuman: c\nd"
    row = only(tmp_path, {"chosen": f"{talk}\n\nAssistant: yes", "rejected": f"{talk}\n\nAssistant:"})
    assert row.comparison.turns == (user("a"), assistant(" b "), user("c\nd"))
    assert better(row) == ("yes", "")
    assert row.empty
    assert not row.identical


def test_equal_responses_are_a_row_and_said_to_be_equal(tmp_path: Path) -> None:
    row = only(tmp_path, {"prompt": "ask", "chosen": "yes", "rejected": "yes"})
    assert row.identical
    assert not row.empty


# --- labels and places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "prob", "kept"),
    [((8, 3), 1.0, True), ((7, 7), 0.5, True), ((0.75, 0.25), 0.75, False), ((1, 0), 1.0, False)],
)
def test_scores_that_sum_to_one_are_probabilities(
    tmp_path: Path, scores: tuple[float, float], prob: float, kept: bool
) -> None:
    both = dict(zip(("score_chosen", "score_rejected"), scores, strict=True))
    row = only(tmp_path, {"prompt": "ask", "chosen": [*ASK, *YES], "rejected": [*ASK, *NO]} | both)
    assert row.prob_a == (prob if row.comparison.response_a == "yes" else 1 - prob)
    assert {k: v for k, v in row.extra.items() if k in both} == (both if kept else {})


def test_a_soft_label_and_the_place_of_the_chosen_one_are_read(tmp_path: Path) -> None:
    record = {"prompt": "ask", "chosen": "yes", "rejected": "no", "prob_chosen": 0.75}
    row = only(tmp_path, record | {"chosen_is_a": False, "revised_chosen": True})
    assert (row.comparison.response_b, row.comparison.revised, row.prob_a) == ("yes", "yes", 0.25)
    row = only(tmp_path, record | {"chosen_is_a": True, "revised_chosen": False})
    assert (row.comparison.response_a, row.comparison.revised, row.prob_a) == ("yes", "no", 0.75)


def test_which_reply_is_called_a_does_not_tell_the_better_one(tmp_path: Path) -> None:
    records = [{"prompt": f"ask {n}", "chosen": "yes", "rejected": "no"} for n in range(1000)]
    rows, _ = load_pairs(lines(tmp_path, *records))
    # A fair coin falls outside this once in 10,000 times; the hash is fixed, so this never changes.
    assert 440 <= sum(row.prob_a == 1 for row in rows) <= 560
    turned = [r | {"chosen": r["rejected"], "rejected": r["chosen"]} for r in records]
    swapped, _ = load_pairs(lines(tmp_path, *turned))
    # The place goes with the pair's name, which the label has no part in.
    assert [row.prob_a for row in rows] == [row.prob_a for row in swapped]
    assert [row.comparison.id for row in rows] == [row.comparison.id for row in swapped]
    assert chosen_comes_first("any", 0.5)


def test_rows_without_an_id_get_one_from_their_content(tmp_path: Path) -> None:
    record = {"prompt": "ask", "chosen": "yes", "rejected": "no"}
    other = {"prompt": "ask", "chosen": "yes", "rejected": "never"}
    rows, bad = load_pairs(lines(tmp_path, record, other, record, record | {"chosen": "no", "rejected": "yes"}))
    first, second = rows[0].comparison.id, rows[1].comparison.id
    assert [row.comparison.id for row in rows] == [first, second, f"{first}-2", f"{first}-3"]
    assert len({row.comparison.prompt_id for row in rows}) == 1
    assert not bad
    again, _ = load_pairs(lines(tmp_path, other))
    assert again[0].comparison.id == second


# --- what is set aside --------------------------------------------------------------------------------------

GOOD: Record = {"id": "one", "prompt": "ask", "chosen": "yes", "rejected": "no"}


def dumped(**changes: Any) -> bytes:
    return json.dumps({k: v for k, v in (GOOD | {"id": "x"} | changes).items() if v is not ...}).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"prompt": "ask", "chosen": "torn', "not JSON"),
        (b'{"prompt": "\xff"}', "not UTF-8 at byte 12"),
        (b'{"prompt": "a\x00b", "chosen": "x", "rejected": "y"}', "holds a NUL byte"),
        (dumped(chosen="a\x00b"), "holds a NUL character"),
        (rb'{"prompt": "ask", "chosen": "\ud83d", "rejected": "no"}', "holds a lone surrogate"),
        (rb'{"prompt": "ask", "chosen": "yes", "rejected": "no", "more": ["\udc00"]}', "holds a lone surrogate"),
        (dumped(chosen="x" * 1_000_000), "the row has more than 1,000,000 bytes"),
        (b"[" * 100_000, "not JSON"),
        (b'{"x": ' + b"[" * 500 + b"]" * 500 + b"}", "nested more than 100 deep"),
        (b"[1, 2]", "expected an object, found a list"),
        (b"null", "expected an object, found null"),
        (b'{"prompt": "ask", "chosen": "yes", "rejected": "no", "x": Infinity}', "Infinity is no number"),
        (dumped(id="one"), "duplicate id 'one'"),
        (dumped(id=True), "id is true or false, expected text or a whole number"),
        (dumped(id=""), "id is empty"),
        (dumped(chosen=...), "chosen is missing"),
        (dumped(chosen=7), "chosen is a number"),
        (dumped(chosen=None), "chosen is missing"),
        (dumped(prompt={"a": 1}), "prompt is an object, expected text or a list of messages"),
        (dumped(chosen=[]), "chosen is empty, expected a list of messages"),
        (dumped(chosen=["yes"]), "chosen, turn 1 is text, expected an object with role and content"),
        (dumped(chosen=[{"role": "tool", "content": "x"}]), "chosen, turn 1: is a turn of a tool"),
        (dumped(chosen=[{"role": "assistant", "content": [1]}]), "part 1 is a number, expected text"),
        (dumped(chosen=[{"role": "assistant", "content": "x", "tool_calls": [1]}]), "has 'tool_calls'"),
        (dumped(chosen=ASK), "chosen ends with a turn of the user"),
        (dumped(prompt="other", chosen=[*ASK, *YES]), "chosen opens with another turn than the prompt"),
        (dumped(chosen=[*YES, *ASK, *YES]), "which differ in length"),
        (dumped(prompt=[*ASK, *YES]), "follows a turn of the assistant, expected one of the user"),
        (dumped(prob_chosen=1.5), "prob_chosen is 1.5, expected a number from 0 to 1"),
        (dumped(prob_chosen="1"), "prob_chosen is text, expected a number"),
        (dumped(prob_chosen=10**400), "prob_chosen is inf, expected a finite number"),
        (dumped(chosen_is_a=1), "chosen_is_a is a number, expected true or false"),
        (dumped(prompt=...), "chosen is text and there is no prompt: where the prompt ends is not told"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "file.jsonl"
    other = json.dumps(GOOD | {"id": "two"}).encode()
    path.write_bytes(json.dumps(GOOD).encode() + b"\r\n\n" + line + b"\n" + other)
    rows, bad = load_pairs(path)
    assert [row.comparison.id for row in rows] == ["one", "two"]
    assert [row.line for row in rows] == [1, 4]
    assert [(b.file, b.line) for b in bad] == [(str(path), 3)]
    assert why in bad[0].reason


TALK = "\n\nHuman: ask\n\nAssistant: so\n\nHuman: more"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"chosen": f"{TALK}\n\nAssistant: a", "rejected": f"{TALK}?\n\nAssistant: b"}, "which differ at turn 3"),
        ({"chosen": f"{TALK}\n\nAssistant: a", "rejected": HH_NO}, "which differ in length: 4 and 2 turns"),
        ({"chosen": TALK, "rejected": TALK}, "chosen ends with a turn of the user"),
        ({"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}, "the last reply follows nothing"),
        ({"chosen": "Q: a", "rejected": HH_NO}, "chosen is no transcript: it does not begin with 'Human:'"),
        ({"chosen": HH_YES, "rejected": HH_NO, "gold_option": "(C)"}, "gold_option is '(C)', expected (A) or (B)"),
        (
            {"input": "i", "output_1": "a", "output_2": "b", "label": "3"},
            "label is '3', expected output_1, output_2 or tie",
        ),
        ({"input": "i", "output_1": "a", "output_2": "b", "label": True}, "label is True, expected output_1"),
        ({"input": "i", "target_scores": {"a": 1}}, "expected two choices and their scores"),
        ({"input": "i", "target_scores": {"a": 1, "b": 1}}, "both choices have the same score"),
        ({"input": "i", "targets": {"choices": ["a"], "labels": [1, 0]}}, "targets has no choices with a label each"),
        ({"prompt": "p", "corrects": [" (A)"], "incorrects": [" (B)"]}, "text_correct, which would say what it is"),
        ({"prompt": "p", "corrects": ["a", "b"], "incorrects": ["c"]}, "expected a list of one text"),
        (KINDS[15][1] | {"score_chosen": 3}, "score_chosen is 3, below score_rejected, 4"),
        (KINDS[15][1] | {"messages": ASK}, "messages is not the chosen conversation"),
        ({"instruction": "i", "completions": [{"response": "a", "overall_score": 1}] * 2}, "the same score, 1"),
        (
            {"instruction": "i", "completions": [{"response": "a", "overall_score": 1}]},
            "has 1 completions, expected two or more",
        ),
        ({"prompt": "p", "response_a": "a", "response_b": "b", "prob_a": -0.1}, "prob_a is -0.1, expected a number"),
        (
            {"prompt": "p", "response_a": "a", "response_b": "b", "better": "C"},
            "better is 'C', expected response_a, response_b or tie",
        ),
        ({"prompt": [*ASK, *YES], "response_a": "a", "response_b": "b"}, "prompt ends with a turn of the assistant"),
        ({"prompt_turns": ASK, "chosen": "a", "rejected": "b"}, "role is 'user', expected human, assistant, system"),
        ({"prompt": "p", "chosen": ["a"], "rejected": "b", "subset": "s"}, "are not both lists of texts"),
    ],
)
def test_what_a_format_cannot_mean_is_not_guessed(tmp_path: Path, record: Record, why: str) -> None:
    with pytest.raises(DataError, match=r"has no usable row; line 1: ") as refused:
        load_pairs(lines(tmp_path, record))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"messages": [*ASK, *YES]}, "language modelling: whole texts, no two responses to one prompt"),
        ({"text": "t"}, "language modelling"),
        ({"prompt": "p"}, "prompts without responses"),
        ({"prompt": "p", "responses": []}, "several responses to a prompt and no label: solon label makes"),
        ({"prompt": "p", "completion": "c"}, "one completion a prompt and no label"),
        ({"question": "q", "answer": "a"}, "columns question, answer are of no format that is known; the nearest is '"),
        ({}, "columns none"),
    ],
)
def test_a_file_of_no_pairs_is_refused_in_one_line(tmp_path: Path, record: Record, why: str) -> None:
    with pytest.raises(DataError) as refused:
        read_pairs(lines(tmp_path, record))
    assert why in str(refused.value)
    assert "(--format NAME says another; docs/forms.md" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.jsonl: No such file"):
        read_pairs(tmp_path / "nowhere.jsonl")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_pairs(tmp_path)
    with pytest.raises(DataError, match=r"has no usable row \(the file is empty\)"):
        read_pairs(lines(tmp_path))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_pairs(tmp_path / "torn.parquet")
    with pytest.raises(ConfigError, match=r"format 'ultrafedback' is not known; did you mean 'ultrafeedback'\?"):
        read_pairs(lines(tmp_path, GOOD), "ultrafedback")
    with pytest.raises(ConfigError, match=r"format 'trl-prompts' is not read; formats that are read: trl, "):
        read_pairs(lines(tmp_path, GOOD), "trl-prompts")


def test_a_broken_first_row_does_not_hide_the_format(tmp_path: Path) -> None:
    rows, bad = load_pairs(lines(tmp_path, {"text": "t"}, {}, GOOD, GOOD | {"id": "two"}))
    assert [row.comparison.id for row in rows] == ["one", "two"]
    assert [b.line for b in bad] == [1, 2]


# --- containers ---------------------------------------------------------------------------------------------

ROWS: list[Record] = [GOOD, {"id": "two", "prompt": "ä\u2028ö", "chosen": "1\n2", "rejected": "", "x": 1}]


@pytest.fixture
def expected(tmp_path: Path) -> list[Row]:
    return load_pairs(lines(tmp_path, *ROWS, name="expected.jsonl"))[0]


def test_the_same_rows_in_any_container_are_the_same(tmp_path: Path, expected: list[Row]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "packed.jsonl").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=2))
    (tmp_path / "flat.json").write_text(json.dumps(ROWS))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(ROWS).encode()))
    (tmp_path / "lines.json").write_text(text)
    (tmp_path / "task.json").write_text(json.dumps({"name": "BIG-bench", "examples": ROWS}))
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    write_rows(tmp_path / "a.parquet", [row | {"x": row.get("x")} for row in ROWS])
    made = [path for path in tmp_path.iterdir() if path.name != "expected.jsonl"]
    assert len(made) == 9
    for path in made:
        assert load_pairs(path) == (expected, []), path.name


def test_elements_of_a_list_are_set_aside_by_number(tmp_path: Path, expected: list[Row]) -> None:
    path = tmp_path / "list.json"
    huge = {"prompt": "p", "chosen": "x" * 1_000_000, "rejected": "y"}
    path.write_text(json.dumps([ROWS[0], "text", {"chosen": "\ud800"}, huge, ROWS[1]]))
    rows, bad = load_pairs(path)
    assert rows == expected
    assert [(b.line, b.reason.split(",")[0]) for b in bad] == [
        (2, "expected an object"),
        (3, "holds a lone surrogate"),
        (4, "the row has more than 1"),
    ]


def test_a_gzip_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "prompt": random.Random(n).randbytes(30).hex(), "chosen": "a", "rejected": "b"}
        for n in range(500)
    ]
    whole = gzip.compress(lines(tmp_path, *rows).read_bytes())
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(whole[: len(whole) // 2])
    found, bad = load_pairs(torn)
    assert 100 < len(found) < 400
    assert [row.comparison.id for row in found] == [str(n) for n in range(len(found))]
    assert "the gzip data breaks off here" in bad[-1].reason
    (tmp_path / "torn.json.gz").write_bytes(whole[: len(whole) // 2])
    again, _ = load_pairs(tmp_path / "torn.json.gz")
    assert [row.comparison for row in again] == [row.comparison for row in found]


# --- fuzz ---------------------------------------------------------------------------------------------------


def seen(rows: Iterator[Row | BadRow]) -> Counter[int]:
    """How many rows and bad rows each line gave."""
    counted: Counter[int] = Counter()
    with suppress(DataError):  # raised at the end, when no row was usable
        for row in rows:
            assert isinstance(row, Row) or row.reason
            counted[row.line] += 1
    return counted


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9), kind=st.sampled_from(KINDS), data=st.data())
def test_no_corruption_crashes_and_every_line_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: tuple[str, Record], data: st.DataObject
) -> None:
    name, record = kind
    drawn = random.Random(seed)
    whole = "".join(json.dumps(record | {"id": f"r{n}"}) + "\n" for n in range(6)).encode()
    raw = bytearray(whole)
    for _ in range(drawn.randint(1, 6)):
        at = drawn.randrange(len(raw))
        match drawn.randrange(4):
            case 0:
                raw[at] = drawn.randrange(256)
            case 1:
                del raw[at : at + drawn.randrange(40)]
            case 2:
                raw[at:at] = bytes(drawn.choice([b"\n", b"\x00", b'"', b"{", b"\xff", b"\\ud800", b"[", b"1e999"]))
            case 3:
                raw[at:at] = data.draw(st.binary(max_size=20))
    path = tmp_path_factory.mktemp("fuzz") / "f.jsonl"
    path.write_bytes(raw)
    filled = [n for n, line in enumerate(bytes(raw).split(b"\n"), 1) if line.strip()]
    assert seen(read_pairs(path, name)) == Counter(filled)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "f.jsonl"
    assume(not packed_as(raw) and not raw.startswith(SAID_TO_BE))  # a broken archive has no lines
    path.write_bytes(raw + b"\n" + json.dumps(GOOD).encode() + b"\n")
    rows, bad = load_pairs(path)
    assert [row.comparison.id for row in rows] == ["one"]
    assert all(b.line >= 1 and b.reason for b in bad)


# --- transcripts --------------------------------------------------------------------------------------------

SAID = st.text(st.sampled_from("ab :\n") | st.characters(codec="utf-8"), max_size=12)
TURNS = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), SAID), min_size=1, max_size=5)


@given(TURNS)
def test_transcripts_round_trip(turns: list[Message]) -> None:
    assert read_transcript(write_transcript(turns), "chosen") == tuple(turns)


@pytest.mark.parametrize("text", ["a\n\nHuman: b", "\n\nAssistant:", "x\n\n\nHuman:y"])
def test_a_message_that_would_become_two_turns_is_not_written(text: str) -> None:
    with pytest.raises(RowProblem, match=r"turn 2 holds .* which would be read as another turn"):
        write_transcript([user("q"), assistant(text)])
    with pytest.raises(RowProblem, match="turn 1 is a system turn"):
        write_transcript([system("s"), user("q")])


# --- files by others, which are not shipped -------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="third-party data is not shipped")
@pytest.mark.parametrize(
    ("file", "name", "count", "a_better"),
    [
        ("hh_harmless_pairs", "hh-turns", 800, None),
        ("hhh_pairs", "hhh-eval", 200, 106),
        ("llmbar", "llmbar", 200, 100),
    ],
)
def test_files_by_others_are_read_whole(file: str, name: str, count: int, a_better: int | None) -> None:
    path = SHARED / f"{file}.jsonl"
    rows, bad = load_pairs(path)
    assert recognise(path).name == name
    assert (len(rows), bad) == (count, [])
    assert all(row.prob_a in (0, 1) for row in rows)
    if a_better is not None:
        assert sum(row.prob_a == 1 for row in rows) == a_better

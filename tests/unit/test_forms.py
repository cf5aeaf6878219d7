"""The forms of other tools: each is read for what it says, and written so that it says the same again."""

from __future__ import annotations

import datetime
import decimal
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solon.data.formats import Reply, Row, convert, known, load_pairs, recognise, write_pairs
from solon.data.formats.base import Format, has
from solon.data.formats.checks import RowProblem
from solon.data.formats.kwise import PICKS
from solon.data.formats.labels import better_of, is_good
from solon.data.formats.read import ReplyFile
from solon.data.formats.write import write_rows
from solon.data.tables import read_rows
from solon.data.tables import write_rows as write_table
from solon.errors import ConfigError, DataError
from solon.types import assistant, system, user

Record = dict[str, Any]
ASK, YES, NO = (
    {"role": role, "content": said} for role, said in (("user", "ask"), ("assistant", "yes"), ("assistant", "no"))
)
H, G, N = ({"from": who, "value": said} for who, said in (("human", "ask"), ("gpt", "yes"), ("gpt", "no")))


def lines(folder: Path, *rows: Record, name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def records(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def better(row: Row) -> tuple[str, str]:
    c = row.comparison
    assert row.prob_a in (0, 1)
    return (c.response_a, c.response_b) if row.prob_a else (c.response_b, c.response_a)


# --- pairs --------------------------------------------------------------------------------------------------

PAIRS: list[tuple[str, Record]] = [
    ("sharegpt-pairs", {"conversations": [H], "chosen": G, "rejected": N}),
    ("sharegpt-pairs", {"conversations": [H], "chosen": [G], "rejected": "no"}),
    ("sharegpt-pairs", {"messages": [ASK], "chosen": YES, "rejected": NO}),
    ("trl-implicit", {"chosen": [H, G], "rejected": [H, N]}),
    ("trl", {"prompt": [H], "chosen": [G], "rejected": [N]}),
    ("alpaca-pairs", {"instruction": "ask", "input": "", "chosen": "yes", "rejected": "no"}),
    ("alpaca-pairs", {"instruction": "ask", "output": ["yes", "no"]}),
    ("openai-preference", {"input": {"messages": [ASK]}, "preferred_output": [YES], "non_preferred_output": [NO]}),
    (
        "nectar",
        {
            "prompt": "\n\nHuman: ask\n\nAssistant: ",
            "answers": [{"answer": "no", "rank": 5}, {"answer": "yes", "rank": 2}],
        },
    ),
    ("responses", {"prompt": "ask", "responses": ["no", "yes"], "scores": [-1, 0.5]}),
    ("responses", {"prompt": "ask", "responses": ["no", "yes"], "ranks": [2, 1]}),
    (
        "pku-saferlhf:helpful",
        {"prompt": "ask", "response_0": "no", "response_1": "yes", "better_response_id": 1, "safer_response_id": 0},
    ),
    ("helpsteer3", {"context": [ASK], "response1": "no", "response2": "yes", "overall_preference": 2}),
    ("helpsteer3", {"context": [ASK], "response1": "yes", "response2": "no", "overall_preference": -1}),
    ("judgebench", {"question": "ask", "response_A": "no", "response_B": "yes", "label": "B>A"}),
    ("icai", {"text_a": "yes", "text_b": "no", "preferred_text": "text_a", "input": "ask", "index": "0"}),
    ("shp", {"history": "ask", "human_ref_A": "yes", "human_ref_B": "no", "labels": 1}),
    ("chatbot-arena", {"conversation_a": [ASK, NO], "conversation_b": [ASK, YES], "winner": "model_b"}),
    (
        "label-studio",
        {
            "id": 3,
            "data": {"prompt": "ask", "answer1": "no", "answer2": "yes"},
            "annotations": [{"result": [{"type": "pairwise", "value": {"selected": "right"}}], "completed_by": 7}],
        },
    ),
    ("preferred", {"question": "ask", "preferred": "yes", "other": "no"}),
    ("preferred", {"system": "", "question": "ask", "chosen": "yes", "rejected": "no"}),
    ("side-by-side", {"prompt": "ask", "answer1": "no", "answer2": "yes", "comparison": "right"}),
    ("side-by-side", {"instruction": "ask", "output_1": "no", "output_2": "yes", "preference": 2.0}),
    ("side-by-side", {"prompt": "ask", "response_a": "yes", "response_b": "no", "winner": "model_a"}),
    ("llmbar", {"input": "ask", "output_1": "no", "output_2": "yes", "label": "2"}),
    ("messages-kto", {"messages": [ASK, YES], "label": 1}),
]


@pytest.mark.parametrize(("name", "record"), PAIRS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PAIRS)])
def test_every_form_says_which_reply_is_better(tmp_path: Path, name: str, record: Record) -> None:
    given = [record, {"messages": [ASK, NO], "label": 0}] if name == "messages-kto" else [record]
    path = lines(tmp_path, *({**one, "topic": "t", "n": [1, None]} for one in given))
    if ":" not in name:
        assert recognise(path).name == name
    rows, bad = load_pairs(path, name)
    assert not bad
    assert [(row.comparison.turns, better(row)) for row in rows] == [((user("ask"),), ("yes", "no"))]
    assert (rows[0].extra["topic"], rows[0].extra["n"]) == ("t", [1, None])


@pytest.mark.parametrize(("name", "record"), PAIRS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PAIRS)])
def test_what_a_form_says_is_said_by_every_other(tmp_path: Path, name: str, record: Record) -> None:
    source = lines(tmp_path, *([record, {"messages": [ASK, NO], "label": 0}] if name == "messages-kto" else [record]))
    (row,), _ = load_pairs(source, name)
    for to in (f for f in known.writables() if known.FORMATS[f].parse is not None):
        if to == "pku-saferlhf" and row.comparison.id.endswith(":1-2"):
            continue  # the id would have to say its aim
        path = tmp_path / f"{to}.jsonl"
        assert write_pairs(path, [row], to).aside == 0
        (back,), bad = load_pairs(path)
        assert not bad
        assert (back.comparison.turns, better(back)) == (row.comparison.turns, better(row)), to
        kept = [name for name in row.extra if name != "id"]
        assert {name: back.extra.get(name) for name in kept} == {name: row.extra[name] for name in kept}, to


def test_a_tie_is_half(tmp_path: Path) -> None:
    ties: list[Record] = [
        {"question": "ask", "response_A": "no", "response_B": "yes", "label": "A=B"},
        {"context": [ASK], "response1": "no", "response2": "yes", "overall_preference": 0},
        {"prompt": "ask", "answers": [{"answer": "no", "rank": 1}, {"answer": "yes", "rank": 1}]},
        {"prompt": "ask", "response_a": "yes", "response_b": "no", "winner": "tie (bothbad)"},
        {"prompt": "ask", "response_a": "yes", "response_b": "no", "better": "tie"},
        {"instruction": "ask", "output_1": "no", "output_2": "yes", "preference": 1.5},
    ]
    for n, record in enumerate(ties):
        (row,), _ = load_pairs(lines(tmp_path, record, name=f"{n}.jsonl"))
        assert row.prob_a == 0.5, record


@pytest.mark.parametrize(
    ("value", "a", "b", "prob"),
    [
        ("A>>B", "x_a", "x_b", 1.0),
        ("[[B>A]]", "x_a", "x_b", 0.0),
        ("A<B", "x_a", "x_b", 0.0),
        ("Response 1", "response_1", "response_2", 1.0),
        ("response_0", "response_0", "response_1", 1.0),
        ("left", "answer1", "answer2", 1.0),
        (1, "response_0", "response_1", 0.0),
        (1, "output_1", "output_2", 1.0),
        (1.25, "output_1", "output_2", 0.75),
        ("2", "output_1", "output_2", 0.0),
        (None, "a", "b", None),
    ],
)
def test_the_words_of_labels(value: Any, a: str, b: str, prob: float | None) -> None:
    assert better_of(value, "label", a, b) == prob


@pytest.mark.parametrize("value", ["good", "C", 3, -2, True, [1], "A>A"])
def test_a_label_that_is_not_understood_is_not_guessed(value: Any) -> None:
    with pytest.raises(RowProblem, match=r"label is .*, expected response_1, response_2 or tie"):
        better_of(value, "label", "response_1", "response_2")
    if value not in ("good", True):
        with pytest.raises(RowProblem, match=r"label is .*, expected true or false"):
            is_good({"label": value})


def _beside(first: str, second: str, label: str, *values: Any) -> list[Record]:
    return [{"prompt": f"ask {n}", first: "yes", second: "no", label: value} for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            _beside("response_1", "response_2", "label", 0, 1, 1),
            "label is only 0 and 1 beside response_1 and response_2",
        ),
        (_beside("answer1", "answer2", "winner", "1", "0"), "winner is only 0 and 1 beside answer1 and answer2"),
        (_beside("completion_1", "completion_2", "preference", 1, 1), "preference is only 1 beside"),
        (_beside("output_1", "output_2", "preference", 0, 1.0), "rename the columns to output_0 and output_1"),
        (_beside("response_0", "response_1", "label", 1, 2), "rename the columns to response_1 and response_2"),
        (
            [{"input": f"ask {n}", "output_1": "yes", "output_2": "no", "label": n} for n in (0, 1)],
            "label is only 0 and 1 beside output_1 and output_2",
        ),
    ],
)
def test_numbers_that_may_count_from_0_or_1_refuse_the_file(tmp_path: Path, rows: list[Record], why: str) -> None:
    with pytest.raises(DataError) as refused:
        load_pairs(lines(tmp_path, *rows))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "probs"),
    [
        (_beside("response_1", "response_2", "label", 1, 0, 1, 2), [1, 0.5, 1, 0]),
        (_beside("response_1", "response_2", "label", 1, 1.5), [1, 0.5]),
        (_beside("reply_0", "reply_1", "label", 1, 0, 1), [0, 1, 0]),
        (_beside("output_1", "output_2", "preference", 1, 1), [1, 1]),
    ],
)
def test_one_label_of_the_file_tells_how_it_counts(tmp_path: Path, rows: list[Record], probs: list[float]) -> None:
    found, bad = load_pairs(lines(tmp_path, *rows))
    assert [row.prob_a for row in found] == probs
    assert bad == []


TWO = {"prompt": "ask", "response_a": "yes", "response_b": "no"}


@pytest.mark.parametrize(
    ("said", "prob"),
    [
        ({"winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0}, 0),
        ({"winner_model_a": False, "winner_model_b": False, "winner_tie": True}, 0.5),
        ({"loser": "model_a"}, 0),
        ({"worse": "response_b"}, 1),
        ({"score_a": 2, "score_b": 3.5}, 0),
        ({"rank_a": 1, "rank_b": 4}, 1),
        ({"response_a_rating": 4, "response_b_rating": 4}, 0.5),
        ({"winner": "model_b", "label": "b"}, 0),
        ({"model_a": "mimas", "model_b": "rhea", "winner": "rhea"}, 0),
        ({"preferred": "yes"}, 1),
        ({"winner": "model_b", "score_a": 9, "score_b": 1}, 0),
        ({}, None),
    ],
)
def test_labels_in_plain_sight_are_read(tmp_path: Path, said: Record, prob: float | None) -> None:
    (row,), bad = load_pairs(lines(tmp_path, TWO | said))
    assert row.prob_a == prob
    assert bad == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"winner": "model_b", "label": "a"}, "winner (model_b) and label (a) contradict each other"),
        ({"better": "a", "loser": "a"}, "better (a) and loser (a) contradict each other"),
        ({"winner_model_a": 1, "winner_model_b": 1}, "winner_model_a and winner_model_b are both 1"),
        ({"overall_preference": -100}, "overall_preference is -100, expected a number from -3 to 3"),
    ],
)
def test_labels_that_say_two_things_are_set_aside(tmp_path: Path, said: Record, why: str) -> None:
    with pytest.raises(DataError) as refused:
        load_pairs(lines(tmp_path, TWO | said))
    assert why in str(refused.value)


def test_a_ranking_that_may_be_an_order_is_set_aside(tmp_path: Path) -> None:
    listed = {"prompt": "ask", "responses": ["a", "b", "c"]}
    rows, bad = load_pairs(lines(tmp_path, listed | {"ranking": [2, 3, 1]}, listed | {"ranking": [1, 3, 2]}))
    assert [b.reason.partition(",")[0] for b in bad] == ["ranking is [2"]
    assert "the rank of each reply, or their places from the best on?" in bad[0].reason
    assert len(rows) == 3
    rows, bad = load_pairs(lines(tmp_path, listed | {"ranks": [2, 3, 1]}))
    assert {better(row)[0] for row in rows} == {"a", "c"}
    assert not bad


@pytest.mark.parametrize("said", [{"winner": 1}, {"label": 0}, {"order": [2, 0, 1]}])
def test_a_number_of_a_listed_reply_is_not_guessed(tmp_path: Path, said: Record) -> None:
    with pytest.raises(DataError, match="counts the replies from 0 or from 1 is not certain"):
        load_pairs(lines(tmp_path, {"prompt": "ask", "responses": ["a", "b", "c"]} | said))


def test_bare_prompts_are_converted_to_prompts_and_to_nothing_else(tmp_path: Path) -> None:
    source = lines(tmp_path, {"messages": [ASK, YES, {"role": "user", "content": "and now?"}]}, {"text": '["one"]'})
    prompts = _converted(source, tmp_path / "out.jsonl", "trl-prompts")
    assert [[turn["content"] for turn in one["prompt"]] for one in prompts] == [["ask", "yes", "and now?"], ["one"]]
    with pytest.raises(DataError, match="prompts hold no replies to write as hh"):
        convert(source, tmp_path / "hh.jsonl", "hh", "prompts")


def test_numbers_of_places_without_numbers_say_nothing() -> None:
    with pytest.raises(RowProblem, match="label is 1, expected"):
        better_of(1, "label", "response_a", "response_b")


# --- several replies ----------------------------------------------------------------------------------------

RANKED = {
    "id": "q",
    "prompt": "ask",
    "topic": "t",
    "answers": [
        {"answer": said, "rank": rank, "model": f"m{rank}"} for said, rank in (("c", 3), ("a", 1), ("b", 2), ("b2", 2))
    ],
}


def test_a_list_is_all_its_pairs_or_neighbours_or_the_ends(tmp_path: Path) -> None:
    path = lines(tmp_path, RANKED)
    said = {way: [r.prob_a == 0.5 or better(r) for r in load_pairs(path, f"nectar:{way}")[0]] for way in PICKS}
    assert said["all"] == [("a", "c"), ("b", "c"), ("b2", "c"), ("a", "b"), ("a", "b2"), True]
    assert said["adjacent"] == [("a", "b"), True, ("b2", "c")]
    assert said["best-worst"] == [("a", "c")]
    rows, _ = load_pairs(path)
    assert [row.comparison.id for row in rows] == [f"q/{n}" for n in ("1-2", "1-3", "1-4", "2-3", "2-4", "3-4")]
    assert {"topic": "t", "rank_chosen": 1, "rank_rejected": 3, "model_chosen": "m1"}.items() <= rows[0].extra.items()


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_list_is_one_list_again(tmp_path: Path, ending: str) -> None:
    other = {"prompt": [ASK], "answers": [{"answer": "x", "score": 1.5}, {"answer": "y", "score": 9.0}], "topic": "u"}
    source = lines(tmp_path, RANKED, other)
    assert convert(source, tmp_path / f"there{ending}", "trl").rows == 7
    done = convert(tmp_path / f"there{ending}", tmp_path / "back.jsonl", "nectar")
    assert (done.rows, done.aside) == (7, 0)
    first, second = records(tmp_path / "back.jsonl")
    assert first["answers"] == RANKED["answers"]
    assert (first["id"], first["topic"], second["topic"]) == ("q", "t", "u")
    assert sorted(answer["score"] for answer in second["answers"]) == [1.5, 9.0]
    assert load_pairs(tmp_path / "back.jsonl")[0][:6] == load_pairs(source)[0][:6]


def test_pairs_that_no_order_of_merit_makes_are_set_aside(tmp_path: Path) -> None:
    rows, _ = load_pairs(lines(tmp_path, RANKED))
    turned = [rows[0], Row(rows[1].comparison, 1 - (rows[1].prob_a or 0), rows[1].extra)]
    with pytest.raises(DataError, match="is another one in another pair"):
        write_pairs(tmp_path / "f.jsonl", turned, "nectar")


def test_best_of_four_is_best_of_four_again(tmp_path: Path) -> None:
    record = {
        "id": "9",
        "prompt": "ask",
        "chosen": ["yes"],
        "rejected": ["no", "never", "hm"],
        "num_correct": 1,
        "subset": "Focus",
    }
    source = lines(tmp_path, record, record | {"id": "10", "subset": "Math"})
    convert(source, tmp_path / "there.parquet", "trl")
    assert len(read_rows(tmp_path / "there.parquet")) == 6
    convert(tmp_path / "there.parquet", tmp_path / "back.jsonl", "rewardbench-2")
    assert records(tmp_path / "back.jsonl") == [record, record | {"id": "10", "subset": "Math"}]


def test_a_reply_without_a_score_makes_no_pair_and_is_counted(tmp_path: Path) -> None:
    record = {
        "instruction": "ask",
        "completions": [
            {"response": "yes", "overall_score": 9, "critique": "good"},
            {"response": "hm", "overall_score": "N/A"},
            {"response": "no", "overall_score": "3.5"},
        ],
    }
    (row,), bad = load_pairs(lines(tmp_path, record, record | {"completions": record["completions"][:2]}))
    assert better(row) == ("yes", "no")
    assert row.extra == {"score_chosen": 9, "score_rejected": 3.5, "critique_chosen": "good", "unscored": 1}
    assert [one.reason for one in bad] == ["only 1 of 2 completions has a score: there is nothing to compare"]


def test_two_aims_are_two_pairs_and_one_record_again(tmp_path: Path) -> None:
    record = {
        "prompt": "ask",
        "response_0": "no",
        "response_1": "yes",
        "is_response_0_safe": True,
        "is_response_1_safe": False,
        "better_response_id": 1,
        "safer_response_id": 0,
        "source": "s",
        "id": "r",
    }
    source = lines(tmp_path, record, {n: v for n, v in record.items() if n != "safer_response_id"} | {"id": "q"})
    rows, _ = load_pairs(source)
    assert [(r.comparison.aim, better(r)[0], r.comparison.id) for r in rows[:2]] == [
        ("helpful", "yes", "r/helpful"),
        ("harmless", "no", "r/harmless"),
    ]
    assert (rows[3].aim, better(rows[3])) == ("harmless", ("no", "yes"))  # by which of them is safe
    convert(source, tmp_path / "there.jsonl", "trl")
    convert(tmp_path / "there.jsonl", tmp_path / "back.jsonl", "pku-saferlhf")
    assert records(tmp_path / "back.jsonl") == [record, record | {"id": "q"}]


def test_annotators_are_averaged_and_their_words_kept(tmp_path: Path) -> None:
    def said(where: str, **more: Any) -> Record:
        return {"result": [{"type": "pairwise", "value": {"selected": where}}]} | more

    task = {
        "id": 1,
        "data": {"prompt": "ask", "answer1": "yes", "answer2": "no"},
        "annotations": [
            said("left"),
            said("right"),
            said("left"),
            said("right", was_cancelled=True),
        ],
    }
    (row,), _ = load_pairs(lines(tmp_path, task))
    assert row.prob_a == pytest.approx(2 / 3)
    write_pairs(tmp_path / "back.jsonl", [row], "label-studio")
    (back,) = records(tmp_path / "back.jsonl")
    assert back["annotations"] == task["annotations"]


# --- single replies -----------------------------------------------------------------------------------------

SFT = ("messages", "prompt-completion", "sharegpt", "alpaca")
KTO = ("trl-unpaired", "messages-kto", "sharegpt-kto", "alpaca-kto")
TEXT = st.text(st.sampled_from("\n\u2028 :") | st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
EXTRA = st.dictionaries(st.text("xyzé", min_size=1, max_size=3), TEXT | st.integers(-9, 9) | st.none(), max_size=2)


@st.composite
def replies(draw: st.DrawFn, good: bool | None = None) -> Reply:
    turns = [system(draw(TEXT.filter(bool)))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        turns += [user(draw(TEXT)), assistant(draw(TEXT))]
    ended = draw(st.sampled_from([None, True, False]))
    extra = draw(EXTRA) | ({} if ended is None else {"ended": ended})
    return Reply((*turns, user(draw(TEXT))), draw(TEXT), good, ended, extra)


@pytest.mark.parametrize("to", [*SFT, *KTO])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_single_replies_round_trip(tmp_path_factory: pytest.TempPathFactory, to: str, data: st.DataObject) -> None:
    reply = data.draw(replies(None if to in SFT else data.draw(st.booleans())))
    path = tmp_path_factory.mktemp("reply") / "f.jsonl"
    write_rows(path, [reply], known.FORMATS[to], to)
    assert recognise(path, replies=True).name == to
    assert list(ReplyFile(path, known.FORMATS[to])) == [reply]


def test_alpaca_comes_apart_again(tmp_path: Path) -> None:
    record = {
        "instruction": "Say it in French.",
        "input": "Good day",
        "output": "Bonjour",
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
        "topic": "t",
    }
    source = lines(tmp_path, record)
    for through in ("messages", "sharegpt", "prompt-completion"):
        convert(source, tmp_path / "there.jsonl", through)
        convert(tmp_path / "there.jsonl", tmp_path / "back.jsonl", "alpaca")
        assert records(tmp_path / "back.jsonl") == [record]
    (messages,) = (r["messages"] for r in _converted(source, tmp_path / "m.jsonl", "messages"))
    assert [turn["content"] for turn in messages] == [
        "Be brief.",
        "Hi",
        "Hello",
        "Say it in French.\n\nGood day",
        "Bonjour",
    ]


def _converted(source: Path, target: Path, to: str) -> list[Record]:
    convert(source, target, to)
    return records(target)


def test_replies_alone_are_written_as_such_and_pairs_give_the_chosen_one(tmp_path: Path) -> None:
    kto = lines(
        tmp_path, {"prompt": "a", "completion": "b", "label": True}, {"prompt": "c", "completion": "d", "label": 0}
    )
    assert [r["kto_tag"] for r in _converted(kto, tmp_path / "1.jsonl", "sharegpt-kto")] == [True, False]
    assert [r["messages"][-1]["content"] for r in _converted(kto, tmp_path / "2.jsonl", "messages")] == ["b"]
    with pytest.raises(DataError, match="alone it makes no pair; KTO learns from it"):
        convert(kto, tmp_path / "3.jsonl", "trl")
    pairs = lines(
        tmp_path, {"prompt": "ask", "chosen": "yes", "rejected": "no", "prob_chosen": 0.8, "topic": "t"}, name="p.jsonl"
    )
    assert _converted(pairs, tmp_path / "4.jsonl", "sharegpt") == [{"conversations": [H, G], "topic": "t"}]
    sft = lines(tmp_path, {"messages": [ASK, YES]}, name="s.jsonl")
    with pytest.raises(DataError, match="messages holds one reply to each prompt, and no label"):
        convert(sft, tmp_path / "5.jsonl", "trl")


def test_a_conversation_may_go_on_after_its_last_reply(tmp_path: Path) -> None:
    source = lines(tmp_path, {"messages": [ASK, YES, ASK]})
    assert _converted(source, tmp_path / "s.jsonl", "sharegpt") == [{"conversations": [H, G, H]}]
    with pytest.raises(DataError, match="goes on after the reply, with a turn of the user"):
        convert(source, tmp_path / "a.jsonl", "alpaca")


# --- columns of every type ----------------------------------------------------------------------------------


def test_dates_decimals_and_bytes_leave_as_text_and_are_named(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 5, 6, 7, 8, tzinfo=datetime.UTC)
    row = {
        "prompt": "p",
        "chosen": "a",
        "rejected": "b",
        "when": when,
        "day": when.date(),
        "cost": decimal.Decimal("1.10"),
    }
    write_table(tmp_path / "in.parquet", [row | {"raw": b"\x00\xff", "deep": {"when": [when]}}])
    done = convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", "trl")
    (said,) = records(tmp_path / "out.jsonl")
    assert (said["when"], said["day"], said["cost"]) == ("2024-05-06T07:08:00+00:00", "2024-05-06", "1.10")
    assert (said["raw"], said["deep"]) == ("AP8=", {"when": ["2024-05-06T07:08:00+00:00"]})
    assert [sorted(names) for names in done.changed.values()] == [["cost", "day", "deep", "raw", "when"]]
    convert(tmp_path / "in.parquet", tmp_path / "out.parquet", "trl")
    (kept,) = read_rows(tmp_path / "out.parquet")
    assert (kept["when"], kept["day"], kept["cost"], kept["raw"]) == (when, when.date(), row["cost"], b"\x00\xff")


def test_json_never_holds_a_number_that_is_none(tmp_path: Path) -> None:
    pair = Row(load_pairs(lines(tmp_path, {"prompt": "p", "chosen": "a", "rejected": "b"}))[0][0].comparison, 1.0)
    odd = Row(pair.comparison, 1.0, {"x": float("inf"), "y": [{"z": float("nan")}]})
    done = write_pairs(tmp_path / "out.json", [odd], "trl")
    (said,) = json.loads((tmp_path / "out.json").read_text(), parse_constant=pytest.fail)
    assert (said["x"], said["y"]) == (None, [{"z": None}])
    assert [list(names) for names in done.changed.values()] == [["x", "y"]]


def test_objects_without_a_field_are_null_in_parquet_and_named(tmp_path: Path) -> None:
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}
    source = lines(tmp_path, *[pair | {"prompt": str(n), "meta": {}, "deep": [{"x": {}, "n": n}]} for n in range(3)])
    done = convert(source, tmp_path / "out.parquet", "trl")
    assert (done.rows, done.changed) == (3, {"objects without a field as null": ("meta", "deep")})
    assert [(r["meta"], r["deep"][0]["n"]) for r in read_rows(tmp_path / "out.parquet")] == [
        (None, 0),
        (None, 1),
        (None, 2),
    ]


def test_a_column_of_two_types_names_itself_and_the_way_out(tmp_path: Path) -> None:
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}
    source = lines(tmp_path, pair | {"x": 1}, pair | {"prompt": "q", "x": "one"})
    with pytest.raises(DataError, match=r"column 'x': .*Parquet needs one type: write JSON lines"):
        convert(source, tmp_path / "out.parquet", "trl")
    assert [r["x"] for r in _converted(source, tmp_path / "out.jsonl", "trl")] == [1, "one"]


def test_the_table_in_the_docs_is_what_round_trips_give() -> None:
    path = Path(__file__).resolve().parents[2] / "scripts" / "forms.py"
    spec = importlib.util.spec_from_file_location("forms", path)
    assert spec is not None
    assert spec.loader is not None
    forms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(forms)
    assert forms.page() == forms.PAGE.read_text(encoding="utf-8"), "run python scripts/forms.py"


# --- what nobody understands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "near"),
    [
        ({"prompt": "p", "choosen": "a", "rejected": "b"}, "'trl"),
        ({"prompt": "p", "good_reply": "a", "bad_reply": "b"}, "'"),
        (
            {"conversation": [H], "chosen_answer": G, "rejected_answer": N},
            "'sharegpt-pairs' (conversations, chosen, rejected)",
        ),
    ],
)
def test_columns_of_no_format_are_listed_and_the_nearest_is_named(tmp_path: Path, record: Record, near: str) -> None:
    with pytest.raises(DataError) as refused:
        recognise(lines(tmp_path, record))
    assert f"columns {', '.join(record)} are of no format that is known; the nearest is {near}" in str(refused.value)


def test_a_format_from_outside_is_read_first(tmp_path: Path) -> None:
    mine = Format(
        "mine",
        "q, up, down",
        has("q", "up", "down"),
        lambda r: known.FORMATS["trl"].parse(  # type: ignore[misc]
            {"prompt": r["q"], "chosen": r["up"], "rejected": r["down"]}
        ),
    )
    known.register(mine)
    try:
        (row,), _ = load_pairs(lines(tmp_path, {"q": "ask", "up": "yes", "down": "no"}))
        assert better(row) == ("yes", "no")
        with pytest.raises(ConfigError, match="format 'mine' is known already"):
            known.register(mine)
    finally:
        del known.FORMATS["mine"]


def test_an_empty_prompt_beside_whole_conversations_is_none(tmp_path: Path) -> None:
    whole = {"chosen": [ASK, YES], "rejected": [ASK, NO]}
    rows, bad = load_pairs(
        lines(tmp_path, *({"prompt": empty, **whole, "id": n} for n, empty in enumerate(("", [], None))))
    )
    assert not bad
    assert [(row.comparison.turns, better(row)) for row in rows] == [((user("ask"),), ("yes", "no"))] * 3
    (said,), _ = load_pairs(lines(tmp_path, {"prompt": "", "chosen": "a", "rejected": "b"}))
    assert said.comparison.turns == (user(""),)

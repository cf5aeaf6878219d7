"""Preference files as they are written: nothing that a format can hold is lost, and what it cannot is set aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import solon.cli.data
from solon.data.formats import Row, convert, load_pairs, row_of, write_pairs
from solon.data.formats.hh import MARKER
from solon.data.formats.known import FORMATS, writables
from solon.data.formats.names import content_id
from solon.data.preferences import comparison_of, preference_row, preference_schema
from solon.data.rows import BadRow
from solon.data.tables import GROUP, RowWriter, read_rows, widened
from solon.errors import ConfigError, DataError, SolonError, StorageError
from solon.types import Comparison, Preference, Verdict, assistant, system, user

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PAIRED = sorted(name for name in writables() if FORMATS[name].parse is not None)
ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
Record = dict[str, Any]

# --- lossless round trips -----------------------------------------------------------------------------------

TEXT = st.text(st.sampled_from("\n\r\u2028 :") | st.characters(codec="utf-8", exclude_characters="\x00"), max_size=15)
SAID = TEXT | st.sampled_from(["x\n\nHuman: y", "\n\nAssistant:", ""])
PROBS = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
# Parquet gives a column one type and knows no difference between null and absent.
FLAT = st.fixed_dictionaries({}, optional={"x_text": TEXT, "x_whole": st.integers(-9, 9), "x_many": st.lists(TEXT)})


@st.composite
def rows(draw: st.DrawFn, extra: st.SearchStrategy[Record], labelled: bool = True) -> Row:
    context = [system(draw(SAID))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        context += [user(draw(SAID)), assistant(draw(SAID))]
    prompt, a, b = draw(SAID), draw(SAID), draw(SAID)
    made = content_id((*context, user(prompt)), a, b)
    comparison = Comparison(
        id=draw(st.just(made) | st.text("abc:1", min_size=1, max_size=8)),
        prompt_id=draw(st.text("pq-", min_size=1, max_size=3)),
        prompt=prompt,
        response_a=a,
        response_b=b,
        source=draw(st.sampled_from(["", "revision", "policy"])),
        revised=draw(st.sampled_from(["", a, b])) if a != b and labelled else "",
        context=tuple(context),
        ended_a=draw(st.sampled_from([None, True, False])),
        ended_b=draw(st.sampled_from([None, True, False])),
    )
    return Row(comparison, draw(PROBS), draw(extra), "x.jsonl", draw(st.integers(1, 99)))


def written(path: Path, row: Row, to: str) -> Row | None:
    """The row read back; None when it was set aside, for the reason that the format's page gives."""
    try:
        done = write_pairs(path, [row], to)
    except DataError as error:
        assert not path.exists()
        reason = str(error)
        texts = [turn.content for turn in row.comparison.turns] + [row.comparison.response_a, row.comparison.response_b]
        if to == "hh":
            named = any(turn.role == "system" for turn in row.comparison.turns) or any(map(MARKER.search, texts))
            assert named, reason
        elif to.startswith("alpaca"):
            assert "empty system turn" in reason
        else:
            assert FORMATS[to].loss == "turns before the prompt", reason
            assert row.comparison.context
        assert f"; first: x.jsonl:{row.line}: " in reason
        return None
    assert (done.rows, done.aside, done.first) == (1, 0, None)
    found, bad = load_pairs(path, to)
    assert not bad
    assert len(found) == 1
    return found[0]


def same(row: Row, back: Row) -> None:
    """Everything but the last bit: a probability below one half is written as one above."""
    assert back.comparison == row.comparison
    if row.prob_a is None or row.prob_a >= 0.5:
        assert back.prob_a == row.prob_a
    else:
        assert back.prob_a == pytest.approx(row.prob_a, abs=2**-53, rel=0)
    assert {name: back.extra.get(name) for name in row.extra} == row.extra


@pytest.mark.parametrize("to", PAIRED)
@settings(max_examples=25, deadline=None)
@given(row=rows(st.dictionaries(st.text("xyzé_", min_size=1, max_size=4), JSON, max_size=3)))
def test_what_is_written_as_lines_is_read_back(tmp_path_factory: pytest.TempPathFactory, to: str, row: Row) -> None:
    back = written(tmp_path_factory.mktemp("lines") / "f.jsonl", row, to)
    if back is not None:
        same(row, back)


@pytest.mark.parametrize("to", PAIRED)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(row=rows(FLAT))
def test_what_is_written_as_parquet_is_read_back(tmp_path_factory: pytest.TempPathFactory, to: str, row: Row) -> None:
    back = written(tmp_path_factory.mktemp("parquet") / "f.parquet", row, to)
    if back is not None:
        same(row, back)


@settings(max_examples=20, deadline=None)
@given(row=rows(st.just({}), labelled=False))
def test_pairs_without_a_label_stay_without_one(tmp_path_factory: pytest.TempPathFactory, row: Row) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    bare = Row(row.comparison, None, row.extra)
    write_pairs(folder / "f.jsonl", [bare], "pairs")
    (back,), _ = load_pairs(folder / "f.jsonl")
    same(bare, back)
    with pytest.raises(DataError, match="has no label, so neither response is the chosen one"):
        write_pairs(folder / "g.jsonl", [bare], "trl")


@pytest.mark.skipif(not SHARED.is_dir(), reason="third-party data is not shipped")
@pytest.mark.parametrize(
    "to", ["solon", "hh", "hh-turns", "trl", "trl-implicit", "trl-unpaired", "ultrafeedback", "pairs"]
)
@pytest.mark.parametrize("file", ["hh_harmless_pairs", "hhh_pairs", "llmbar"])
def test_every_pair_by_others_survives_every_format(tmp_path: Path, file: str, to: str) -> None:
    pairs, _ = load_pairs(SHARED / f"{file}.jsonl")
    for ending in (".jsonl.gz", ".parquet"):
        path = tmp_path / f"f{ending}"
        assert convert(SHARED / f"{file}.jsonl", path, to).aside == 0
        back, bad = load_pairs(path)
        assert not bad
        assert [(r.comparison, r.prob_a, r.aim) for r in back] == [(r.comparison, r.prob_a, r.aim) for r in pairs]


@pytest.mark.skipif(not SHARED.is_dir(), reason="third-party data is not shipped")
@pytest.mark.parametrize("through", ["solon", "trl", "hh", "kto", "ultrafeedback"])
def test_there_and_back_again_is_the_file_that_it_was(tmp_path: Path, through: str) -> None:
    original = SHARED / "hh_harmless_pairs.jsonl"
    convert(original, tmp_path / "there.jsonl", through)
    convert(tmp_path / "there.jsonl", tmp_path / "back.jsonl", "hh-turns")
    before, after = (
        [json.loads(line) for line in path.read_bytes().splitlines()] for path in (original, tmp_path / "back.jsonl")
    )
    assert [{name: record[name] for name in old} for old, record in zip(before, after, strict=True)] == before


# --- what each format looks like ----------------------------------------------------------------------------

TALK = Comparison("t1", "p1", "ask", "no", "yes", "policy", "", (system("be kind"), user("hi"), assistant("hello")))
ASKED = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]
ASKED += [{"role": "assistant", "content": "hello"}, {"role": "user", "content": "ask"}]
YES, NO = [{"role": "assistant", "content": "yes"}], [{"role": "assistant", "content": "no"}]
# By hash, "t1" would put chosen first.
KEPT = {"id": "t1", "prompt_id": "p1", "source": "policy", "prob_chosen": 0.75, "chosen_is_a": False}


def records(path: Path, rows: list[Row], to: str) -> list[Record]:
    write_pairs(path, rows, to)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_columns_are_trls(tmp_path: Path) -> None:
    path, row = tmp_path / "f.jsonl", Row(TALK, 0.25)
    assert records(path, [row], "trl") == [{"prompt": ASKED, "chosen": YES, "rejected": NO} | KEPT]
    assert records(path, [row], "trl-implicit") == [{"chosen": [*ASKED, *YES], "rejected": [*ASKED, *NO]} | KEPT]
    unpaired = [
        {"prompt": ASKED, "completion": YES, "label": True, "pair_id": "t1"} | KEPT,
        {"prompt": ASKED, "completion": NO, "label": False, "pair_id": "t1"} | KEPT,
    ]
    assert records(path, [row], "trl-unpaired") == records(path, [row], "kto") == unpaired
    prompts = [{"id": "p1", "prompt": ASKED}]
    other = Row(Comparison("c2", "p1", "ask", "other", "no", "policy", "", TALK.context), None)
    assert records(path, [row, other], "trl-prompts") == prompts
    short = Row(Comparison("t1", "p1", "ask", "no", "yes"), 0.0)
    standard = {"prompt": "ask", "chosen": "yes", "rejected": "no"}
    hard = {"id": "t1", "prompt_id": "p1", "chosen_is_a": False}
    assert records(path, [short], "trl-standard") == [standard | hard]
    assert records(path, [short], "trl-prompts-standard") == [{"id": "p1", "prompt": "ask"}]


def test_the_columns_are_hhs_and_ultrafeedbacks(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    whole = {"chosen": [*ASKED, *YES], "rejected": [*ASKED, *NO], "messages": [*ASKED, *YES]}
    scores = {"score_chosen": 0.75, "score_rejected": 0.25}
    kept = {name: KEPT[name] for name in ("id", "prompt_id", "source", "chosen_is_a")}
    assert records(path, [Row(TALK, 0.25)], "ultrafeedback") == [{"prompt": "hi"} | whole | scores | kept]
    spoken = Comparison("t1", "p1", "ask", "no", "yes", context=TALK.context[1:])
    before = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: ask\n\nAssistant: "
    hard = {"id": "t1", "prompt_id": "p1", "chosen_is_a": False}
    assert records(path, [Row(spoken, 0.0)], "hh") == [{"chosen": f"{before}yes", "rejected": f"{before}no"} | hard]
    assert records(path, [Row(spoken, 0.0)], "hh-turns") == [
        {
            "prompt_turns": [
                {"role": "human", "content": "hi"},
                {"role": "assistant", "content": "hello"},
                {"role": "human", "content": "ask"},
            ],
            "chosen": "yes",
            "rejected": "no",
        }
        | hard
    ]


def test_scores_that_say_more_than_the_label_come_out_again(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "ask"}]
    record = {"prompt": "ask", "prompt_id": "p", "chosen": [*asked, *YES], "rejected": [*asked, *NO]}
    record |= {"messages": [*asked, *YES], "score_chosen": 8.5, "score_rejected": 4}
    (tmp_path / "in.jsonl").write_text(json.dumps(record))
    convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "ultrafeedback")
    made = json.loads((tmp_path / "out.jsonl").read_text())
    made.pop("chosen_is_a", None)
    assert made == record


@pytest.mark.parametrize(
    ("extra", "to", "why"),
    [
        ({"label": 3}, "trl", "column 'label' would be taken for the format's own; rename it"),
        ({"messages": []}, "trl-unpaired", "column 'messages'"),
        ({"prompt": "x"}, "trl-implicit", "column 'prompt'"),
        ({"prompt": "x"}, "solon", "column 'prompt' would be taken for the store's own"),
        ({"source": ["x"]}, "solon", "column 'source' would be taken for the store's own"),
        ({"x": {1, 2}}, "hh", "column 'x': JSON cannot hold a value of type set"),
        ({"x": [object()]}, "hh", "column 'x': JSON cannot hold a value of type object"),
        ({"x": "y" * 1_000_000}, "trl", "it would have more than 1,000,000 bytes"),
    ],
)
def test_what_a_format_cannot_hold_is_set_aside(tmp_path: Path, extra: Record, to: str, why: str) -> None:
    good, bad = (
        Row(Comparison("1", "1", "q", "a", "b"), 1.0),
        Row(Comparison("2", "2", "q", "a", "c"), 1.0, extra, "f", 7),
    )
    done = write_pairs(tmp_path / "f.jsonl", [good, BadRow("f", 3, "broken"), bad], to)
    assert (done.rows, done.aside, done.first) == (1, 2, BadRow("f", 3, "broken"))
    assert len(load_pairs(tmp_path / "f.jsonl", to)[0]) == 1
    with pytest.raises(DataError, match=f"no row could be written as {to}; first: f:7: ") as refused:
        write_pairs(tmp_path / "g.jsonl", [bad], to)
    assert why in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["f.jsonl"]


def test_a_column_of_two_types_is_no_parquet(tmp_path: Path) -> None:
    rows = [
        Row(Comparison(str(n), "1", "q", "a", "b"), 1.0, {"x": "text" if n == GROUP else n}) for n in range(GROUP + 1)
    ]
    with pytest.raises(DataError, match=r"f\.parquet: Field x has incompatible types: .*write JSON lines"):
        write_pairs(tmp_path / "f.parquet", rows, "trl")
    assert not list(tmp_path.iterdir())


def test_columns_that_come_late_are_written(tmp_path: Path) -> None:
    rows = [Row(Comparison(str(n), "1", "q", "a", "b"), 1.0, {"x": n} if n > GROUP else {}) for n in range(GROUP + 9)]
    write_pairs(tmp_path / "f.parquet", rows, "trl")
    assert [row.get("x") for row in read_rows(tmp_path / "f.parquet")] == [None] * (GROUP + 1) + list(
        range(GROUP + 1, GROUP + 9)
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    rows = [Row(Comparison(str(n), "1", "q", "a", f"b {n}"), n / 10) for n in range(11)]
    for name in ("one", "two"):
        write_pairs(tmp_path / f"{name}{ending}", rows, "solon")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


# --- the label store ----------------------------------------------------------------------------------------

VERDICTS = (
    Verdict("kind", "ab", 0.9, "judge-1", None, "because", "chain_of_thought", 0),
    Verdict("kind", "ba", 0.7, "judge-1", None, None, "chain_of_thought", 0),
    Verdict("calm", "ab", 0.4, "judge-1", None, None, "choice", 0),
    Verdict("calm", "ba", 0.8, "judge-1", None, None, "choice", 0),
)
LABELLED = Preference(TALK, 0.7, VERDICTS, (0.8, 0.6))


def test_a_row_of_the_store_says_how_far_to_trust_it() -> None:
    row = preference_row(LABELLED)
    assert row["prompt"] == ASKED
    assert (row["chosen"], row["rejected"], row["prob_chosen"], row["chosen_is_a"]) == (NO, YES, 0.7, True)
    assert row["confidence"] == pytest.approx(0.4)  # |2 · 0.7 - 1|
    assert row["order_consistency"] == 0.5  # "kind" names A twice, "calm" names B, then A
    assert row["principle_agreement"] == 1  # 0.8 and 0.6 both name A
    assert (row["judge"], row["principle"]) == ("judge-1", "kind")
    assert [Verdict(**verdict) for verdict in row["verdicts"]] == list(VERDICTS)
    bare = preference_row(Preference(TALK, 0.5))
    assert (bare["confidence"], bare["order_consistency"], bare["principle_agreement"]) == (0, None, None)
    assert (bare["judge"], bare["principle"], bare["verdicts"]) == ("", "", [])


@given(rows(st.just({})))
def test_a_row_of_the_store_gives_its_comparison_back(row: Row) -> None:
    assert row.prob_a is not None
    assert comparison_of(preference_row(Preference(row.comparison, row.prob_a))) == row.comparison


def test_the_schema_of_the_store_is_that_of_its_rows() -> None:
    revised = Comparison("c", "p", "q", "a", "b", "revision", "b", ended_a=False, ended_b=True)
    failed = Verdict("kind", "ab", None, "j", "refused: no", "r")
    full = [preference_row(LABELLED), preference_row(Preference(revised, 0.7, (failed,)))]
    assert widened(None, full) == preference_schema()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_label_keeps_its_trail_through_any_format(tmp_path: Path, ending: str) -> None:
    row = row_of(LABELLED)
    assert write_pairs(tmp_path / f"store{ending}", [row], "solon").rows == 1
    (back,), _ = load_pairs(tmp_path / f"store{ending}")
    assert (back.comparison, back.prob_a) == (TALK, 0.7)
    for through in ("trl", "ultrafeedback", "kto", "trl-implicit"):
        convert(tmp_path / f"store{ending}", tmp_path / "there.jsonl", through)
        convert(tmp_path / "there.jsonl", tmp_path / "back.parquet", "solon")
        assert read_rows(tmp_path / "back.parquet") == [preference_row(LABELLED)]


# --- TRL ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from transformers import AutoTokenizer

    from tiny import write_tiny_llama

    return AutoTokenizer.from_pretrained(write_tiny_llama(tmp_path_factory.mktemp("model")))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """preferences.parquet as a run writes it."""
    path = tmp_path / "preferences.parquet"
    pairs = [Preference(Comparison("c2", "p2", "why?", "a", "b", "revision", "b"), 0.2, VERDICTS[:2]), LABELLED]
    with RowWriter(path, preference_schema()) as writer:
        writer.append(preference_row(p) for p in pairs)
    return path


def loaded(path: Path) -> Any:
    from datasets import load_dataset

    kind = "parquet" if path.suffix == ".parquet" else "json"
    return load_dataset(kind, data_files=str(path), cache_dir=str(path.parent / "cache"), split="train")


def test_the_store_loads_in_trl_as_it_is(store: Path, tokenizer: Any) -> None:
    from trl.data_utils import is_conversational, maybe_apply_chat_template, maybe_extract_prompt

    dataset = loaded(store)
    assert len(dataset) == 2
    assert {"prompt", "chosen", "rejected"} <= set(dataset.column_names)
    for example in dataset:
        assert is_conversational(example)
        assert maybe_extract_prompt(example) == example
    said = maybe_apply_chat_template(dataset[1], tokenizer)
    assert said["prompt"] == (
        "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
        "<|im_start|>assistant\nhello<|im_end|>\n<|im_start|>user\nask<|im_end|>\n<|im_start|>assistant\n"
    )
    assert (said["chosen"], said["rejected"]) == ("no<|im_end|>\n", "yes<|im_end|>\n")


def test_trl_makes_of_our_files_what_we_do(store: Path, tokenizer: Any) -> None:
    from trl.data_utils import (
        is_conversational,
        maybe_apply_chat_template,
        maybe_extract_prompt,
        unpair_preference_dataset,
    )

    folder = store.parent
    for to in ("trl", "trl-implicit", "trl-unpaired", "trl-prompts"):
        convert(store, folder / f"{to}.jsonl", to)
    explicit, implicit, unpaired, prompts = (
        loaded(folder / f"{to}.jsonl") for to in ("trl", "trl-implicit", "trl-unpaired", "trl-prompts")
    )
    for one, other in zip(explicit, implicit, strict=True):
        assert maybe_extract_prompt(other) == {name: one[name] for name in ("prompt", "chosen", "rejected")}
    theirs = unpair_preference_dataset(explicit)
    key = ("prompt", "completion", "label")
    assert sorted(str([r[k] for k in key]) for r in theirs) == sorted(str([r[k] for k in key]) for r in unpaired)
    assert prompts["prompt"] == explicit["prompt"]
    for dataset in (unpaired, prompts):
        assert is_conversational(dataset[0])
        assert maybe_apply_chat_template(dataset[0], tokenizer)["prompt"].endswith("<|im_start|>assistant\n")
    theirs.to_json(folder / "theirs.jsonl")
    ours, _ = load_pairs(store)
    back, bad = load_pairs(folder / "theirs.jsonl", "trl-unpaired")
    assert not bad
    assert [(r.comparison, r.prob_a) for r in back] == [(r.comparison, r.prob_a) for r in ours]


# --- the writer of Parquet ------------------------------------------------------------------------------------


def test_rows_are_the_same_however_they_are_dealt_out(tmp_path: Path) -> None:
    rows = [{"n": n, "text": f"row {n}"} for n in range(2 * GROUP + 3)]
    with RowWriter(tmp_path / "one") as writer:
        writer.append(rows)
    with RowWriter(tmp_path / "two") as writer:
        for start in range(0, len(rows), 100):
            writer.append(rows[start : start + 100])
        assert writer.rows == len(rows)
        assert not (tmp_path / "two").exists()
    assert read_rows(tmp_path / "one") == rows
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("late", "why"),
    [
        ({"n": 1, "more": 1}, "column 'more' is not in the file's schema"),
        ({"n": "one"}, "Field n has incompatible types: int64 vs string"),
        ({"n": 2**70}, "column 'n': Python int too large"),
        ({"n": 1, "of": {"a": 1, "b": 1}}, "column 'of' is struct<a: int64, b: int64>, expected struct<a: int64>"),
    ],
)
def test_a_row_that_does_not_fit_is_not_cut_to_size(tmp_path: Path, late: Record, why: str) -> None:
    path = tmp_path / "f.parquet"
    path.write_bytes(b"old")
    with pytest.raises(DataError) as refused, RowWriter(path) as writer:
        writer.append([*[{"n": 1, "of": {"a": 1}}] * GROUP, late])
    assert why in str(refused.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.parquet"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x"), OSError(28, "No space left on device")])
def test_a_writer_that_is_interrupted_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    expected = StorageError if isinstance(error, OSError) else type(error)

    def rows() -> Iterator[Record]:
        yield from [{"n": 1}] * (GROUP + 1)
        raise error

    with pytest.raises(expected), RowWriter(tmp_path / "f.parquet") as writer:
        writer.append(rows())
    assert not list(tmp_path.iterdir())


# --- the command line -----------------------------------------------------------------------------------------

app = typer.Typer()
app.add_typer(solon.cli.data.app)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", "convert", *map(str, words)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    lines = [{"prompt": f"q {n}", "chosen": "yes", "rejected": "no"} for n in range(3)]
    lines[1]["chosen"] = "so\n\nHuman: what?"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "torn\n")
    return path


def test_convert_says_what_it_did_in_one_line(tmp_path: Path, source: Path) -> None:
    done = run(source, tmp_path / "out.parquet", "--to", "trl")
    assert done.exit_code == 0
    why = "not JSON: Expecting value: line 1 column 1 (char 0)"
    assert done.output == f"{tmp_path}/out.parquet: 3 rows as trl; 1 set aside (first: {source}:4: {why})\n"
    assert len(read_rows(tmp_path / "out.parquet")) == 3
    done = run(source, tmp_path / "out.jsonl.gz", "--to", "hh", "--json")
    assert json.loads(done.output)["rows"] == 2
    assert json.loads(done.output)["set_aside"] == 2
    assert json.loads(done.output)["first"]["line"] == 2
    assert "would be read as another turn" in json.loads(done.output)["first"]["reason"]
    done = run(tmp_path / "out.jsonl.gz", tmp_path / "out.jsonl", "--to", "kto", "--from", "hh")
    assert done.output == f"{tmp_path}/out.jsonl: 2 rows as kto; none set aside\n"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


def test_convert_writes_over_a_file_only_when_told(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    refused = run(source, out, "--to", "trl")
    assert isinstance(refused.exception, ConfigError)
    assert str(refused.exception) == f"convert: {out} exists; give another name, or --force to write over it"
    assert out.read_text() == "mine"
    assert run(source, out, "--to", "trl", "--force").exit_code == 0
    before = load_pairs(source)[0]
    assert load_pairs(out)[0] == before
    assert run(source, source, "--to", "trl", "--force").exit_code == 0  # its own source, published whole
    assert load_pairs(source)[0] == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("in.jsonl", "out.csv", "--to", "trl"), "must end in .jsonl, .jsonl.gz, .json, .parquet"),
        (("in.jsonl", "out.jsonl", "--to", "trll"), "format 'trll' is not known; did you mean 'trl'?"),
        (
            ("in.jsonl", "out.jsonl", "--to", "llmbar"),
            "format 'llmbar' is not written; formats that are written: trl,",
        ),
        (
            ("in.jsonl", "out.jsonl", "--to", "trl", "--from", "hh"),
            "has no usable row; line 1: chosen is no transcript",
        ),
        (("nowhere.jsonl", "out.jsonl", "--to", "trl"), "cannot read"),
        (("in.jsonl", "in.jsonl/out.jsonl", "--to", "trl"), "cannot write"),
        ((".", "out.jsonl", "--to", "trl"), "Is a directory"),
        (("in.jsonl", "folder.jsonl", "--to", "trl", "--force"), "cannot write"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    tmp_path: Path, source: Path, words: tuple[str, ...], why: str
) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    before = sorted(tmp_path.iterdir())
    refused = run(*(tmp_path / word for word in words[:2]), *words[2:])
    assert isinstance(refused.exception, SolonError)
    assert why in str(refused.exception)
    assert "\n" not in str(refused.exception)
    assert sorted(tmp_path.iterdir()) == before

"""The memo: what is stored stays, and nothing stored is asked again."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.engines import MemoisedEngine, Usage
from solon.engines.recorded import RecordedEngine, load_recording, write_recording
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import DataError, EngineError, RecordingMiss, StorageError
from solon.memo import _TABLES, SHARED_CHARS, Cost, Memo, call_key, pack, unpack
from solon.types import (
    Choice,
    ChooseRequest,
    Completion,
    Fingerprint,
    GenerateRequest,
    Message,
    Request,
    canonical,
    digest,
    system,
    user,
)

ENGINE = ScriptedEngine(Script(rules=(Rule(match="hello", reply="world"), Rule(match="pick", probs=(0.9, 0.1)))))
HELLO = GenerateRequest((user("hello"),), seed=3)
PICK = ChooseRequest((user("pick"),), ("A", "B"))


def counted(memo: Memo) -> tuple[MemoisedEngine, Usage]:
    usage = Usage()
    return MemoisedEngine(ENGINE, memo, "reviser", usage), usage


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    fingerprint = Fingerprint("e", "m")
    for request, answer in (
        (HELLO, Completion("naïve\u200b\n🙂", "length", 5, 7, (-0.5, -1.25))),
        (PICK, Choice((-0.1, -2.3), 9)),
        (ChooseRequest((user("odd"),), ("A",)), Choice((), 0, "I'd rather not")),
    ):
        memo.put(fingerprint, request, answer, 0.1)
        assert memo.get(call_key(fingerprint, request)) == answer  # not yet committed
        memo.flush()
        assert memo.get(call_key(fingerprint, request)) == answer
    memo.close()
    assert len(Memo(tmp_path / "m.sqlite")) == 3


def test_a_stored_call_is_not_made_again(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    for expected in ((1, 0), (0, 1)):
        engine, usage = counted(memo)
        assert asyncio.run(engine.generate(HELLO)).text == "world"
        assert (usage.of("reviser").live, usage.of("reviser").stored) == expected


def test_equal_calls_in_flight_are_made_once(tmp_path: Path) -> None:
    engine, usage = counted(Memo(tmp_path / "m.sqlite"))

    async def many() -> list[Completion]:
        return await asyncio.gather(*(engine.generate(HELLO) for _ in range(50)))

    assert {answer.text for answer in asyncio.run(many())} == {"world"}
    assert usage.of("reviser").live == 1


def test_a_script_may_say_that_its_answers_are_not_worth_storing(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    plain, free = (ScriptedEngine(Script(name="x", stored=stored)) for stored in (True, False))
    assert free.fingerprint == plain.fingerprint  # the answers are the same
    engine = MemoisedEngine(free, memo, "judge")
    answers = [asyncio.run(engine.choose(PICK)) for _ in range(2)]
    assert answers == [asyncio.run(plain.choose(PICK))] * 2
    assert (engine.usage.of("judge").live, engine.usage.of("judge").stored, len(memo)) == (2, 0, 0)
    assert engine.usage.of("judge").characters == 2 * len("pick")
    memo.close()


def test_calls_side_by_side_share_their_time(tmp_path: Path) -> None:
    usage = Usage()
    slow = MemoisedEngine(ScriptedEngine(Script(seconds=0.2)), Memo(tmp_path / "m.sqlite"), "judge", usage)

    async def many() -> None:
        await asyncio.gather(*(slow.generate(GenerateRequest((user(str(n)),))) for n in range(20)))

    asyncio.run(many())
    assert usage.of("judge").live == 20
    assert 0.2 <= usage.of("judge").seconds < 2.0  # not 20 x 0.2


@pytest.mark.parametrize(
    "other",
    [
        GenerateRequest((user("hello!"),), seed=3),
        GenerateRequest((user("hello"),), seed=4),
        GenerateRequest((user("hello"),), seed=3, index=1),
        GenerateRequest((user("hello"),), seed=3, max_tokens=9),
        GenerateRequest((user("hello"),), seed=3, temperature=0.5),
        GenerateRequest((user("hello"),), seed=3, stop_after=2),
    ],
)
def test_every_parameter_is_part_of_the_key(other: GenerateRequest) -> None:
    assert call_key(ENGINE.fingerprint, other) != call_key(ENGINE.fingerprint, HELLO)


TEXTS = st.text(st.characters(), max_size=40)  # with control characters and halves of surrogate pairs
MESSAGES = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=3).map(tuple)
GENERATES = st.builds(GenerateRequest, MESSAGES, st.integers(1, 9), st.floats(0, 2), st.floats(0, 1), st.integers(0, 9))
CHOOSES = st.builds(ChooseRequest, MESSAGES, st.lists(TEXTS, min_size=1, max_size=3).map(tuple))


@given(GENERATES | CHOOSES)
def test_the_key_is_the_hash_of_engine_and_payload(request: Request) -> None:
    """However fast it is put together: recordings are found by it."""
    assert request.canonical() == canonical(request.payload())
    assert call_key(OTHER, request) == digest([OTHER.key, request.payload()])


def test_keys_stay_what_they_were() -> None:
    empty = ScriptedEngine(Script(name="x"))
    choose = ChooseRequest((system("plain"), user('wel\nche "best"? 🙂')), ("A", "B"))
    generate = GenerateRequest((user("say"),), seed=3)
    assert call_key(empty.fingerprint, choose) == "1cb6217a6d680c7a2305add2b4f0e3652df6d5fbf2b196f7e1065d5832a5edaa"
    assert call_key(empty.fingerprint, generate) == "aaa350002ddf0a03b76652ac54d99216dc0fc9c997baf9389635f165f655b97a"
    # And so do the answers of a script, which tests and examples show.
    assert asyncio.run(empty.choose(choose)).logprobs == (-0.003340156840962014, -5.703407128284375)
    said = "Safe plainly say the offer step say person will it could the."
    assert asyncio.run(empty.generate(generate)).text == said


@given(st.lists(st.floats() | st.integers(-9, 0), max_size=3).map(tuple), st.none() | TEXTS, st.integers(0, 9))
def test_answers_are_packed_without_loss(logprobs: tuple[float, ...], said: str | None, tokens: int) -> None:
    there = Choice(logprobs, tokens, said)
    back = unpack(pack(there))
    assert isinstance(back, Choice)
    assert (back.unreadable, back.prompt_tokens) == (said, tokens)
    assert [*map(repr, map(float, back.logprobs))] == [*map(repr, map(float, logprobs))]


def test_greedy_calls_do_not_depend_on_the_seed() -> None:
    a, b = (GenerateRequest((user("x"),), temperature=0, seed=s, index=s) for s in (1, 2))
    assert call_key(ENGINE.fingerprint, a) == call_key(ENGINE.fingerprint, b)


def test_calls_are_on_disk_soon_after_they_are_made(tmp_path: Path) -> None:
    """A process that is killed half a second after its last call has lost none."""
    code = (
        "import os, sys, time; from solon.memo import Memo; from solon.types import *;"
        "m = Memo(sys.argv[1]); f = Fingerprint('e', 'm');"
        "[m.put(f, GenerateRequest((user(str(i)),)), Completion(str(i)), 0) for i in range(10)];"
        "time.sleep(0.6); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.sqlite")], check=False)
    assert len(Memo(tmp_path / "m.sqlite")) == 10


def test_a_file_that_is_no_memo_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "m.sqlite").write_text("these are not the bytes you are looking for" * 50)
    with pytest.raises(DataError, match="not a memo"):
        Memo(tmp_path / "m.sqlite")


def test_a_recording_replays_and_misses_loudly(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    engine, _ = counted(memo)
    asyncio.run(engine.generate(HELLO))
    asyncio.run(engine.choose(PICK))
    write_recording(tmp_path / "r.jsonl", {"reviser": ENGINE.fingerprint}, memo.calls())
    recorded = RecordedEngine(load_recording(tmp_path / "r.jsonl"), "reviser")
    assert recorded.fingerprint == ENGINE.fingerprint
    assert asyncio.run(recorded.generate(HELLO)).text == "world"
    assert asyncio.run(recorded.choose(PICK)).probs == pytest.approx((0.9, 0.1))
    with pytest.raises(RecordingMiss, match=r"roles\.reviser\.engine=openai"):
        asyncio.run(recorded.generate(GenerateRequest((user("new"),))))


# --- texts stored once ------------------------------------------------------------------------------------

LONG = "a demonstration that every call shows again " * 20
OTHER = Fingerprint("e", "m")


def asking(n: int, shared: str = LONG) -> GenerateRequest:
    return GenerateRequest((user(shared), user(f"question {n}"), user(shared * 2)))


def test_long_messages_are_stored_once_and_come_back_in_full(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    for n in range(50):
        memo.put(OTHER, asking(n), Completion(str(n)), 0)
    requests = {call.key: call.request for call in memo.calls()}
    assert requests == {call_key(OTHER, asking(n)): asking(n).payload() for n in range(50)}
    memo.close()
    with sqlite3.connect(tmp_path / "m.sqlite") as db:
        assert db.execute("select count(*) from texts").fetchone() == (2,)
        (longest,) = db.execute("select max(length(request)) from calls").fetchone()
    db.close()
    assert longest < len(LONG)


def test_the_question_that_a_choose_ends_with_stands_in_the_call_itself(tmp_path: Path) -> None:
    """It is asked once; the demonstrations before it are in every call."""
    memo = Memo(tmp_path / "m.sqlite")
    asked = [ChooseRequest((user(LONG), user(f"{LONG} {n}")), ("A", "B")) for n in range(5)]
    for request in asked:
        memo.put(OTHER, request, Choice((-0.1, -2.0)), 0)
    assert {call.key: call.request for call in memo.calls()} == {call_key(OTHER, r): r.payload() for r in asked}
    memo.close()
    with sqlite3.connect(tmp_path / "m.sqlite") as db:
        assert db.execute("select text from texts").fetchall() == [(LONG,)]
    db.close()


def test_a_text_is_stored_again_when_it_was_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of texts is bounded; what is stored is not asked of it."""
    monkeypatch.setattr("solon.memo.REMEMBERED", 2)
    memo = Memo(tmp_path / "m.sqlite")
    texts = [f"{n} " * SHARED_CHARS for n in range(5)]
    for turn in range(3):
        for text in texts:
            memo.put(OTHER, asking(turn, text), Completion("x"), 0)
        memo.flush()
    assert sorted(c.request["messages"][0]["content"] for c in memo.calls()) == sorted(texts * 3)
    memo.close()


KILLED = """
import os, sys
from solon.memo import Memo
from solon.types import Completion, Fingerprint, GenerateRequest, user

class Killing:
    "The database, until the statement that starts so."
    def __init__(self, db): self.db = db
    def __getattr__(self, name): return getattr(self.db, name)
    def executemany(self, statement, rows):
        if statement.startswith(sys.argv[2]): os.kill(os.getpid(), 9)
        return self.db.executemany(statement, rows)
    def commit(self):
        if sys.argv[2] == "commit": os.kill(os.getpid(), 9)
        self.db.commit()

memo, engine = Memo(sys.argv[1]), Fingerprint("e", "m")
def put(n): memo.put(engine, GenerateRequest((user("long " * 100 + str(n)),)), Completion(str(n)), 0)
put(0); memo.flush()
memo._db = Killing(memo._db)
put(1); put(2); memo.flush()
"""


@pytest.mark.parametrize("at", ["insert or ignore into texts", "insert or replace into calls", "commit"])
def test_a_process_killed_in_a_commit_leaves_all_of_it_or_nothing(tmp_path: Path, at: str) -> None:
    path = tmp_path / "m.sqlite"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path), at], check=False).returncode == -9
    for memo in (Memo(path, read_only=True), Memo(path)):
        (call,) = memo.calls()
        assert call.request["messages"][0]["content"] == "long " * 100 + "0"
        memo.close()


class Full:
    """A database whose disk is full while calls are written: SQLite takes the whole transaction back."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db, self.full = db, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def executemany(self, statement: str, rows: list[Any]) -> object:
        if self.full and "into calls" in statement:
            self.db.rollback()
            raise sqlite3.OperationalError("database or disk is full")
        return self.db.executemany(statement, rows)


def test_what_a_full_disk_refused_is_written_when_there_is_room(tmp_path: Path) -> None:
    """Calls, their texts and their engine."""
    memo = Memo(tmp_path / "m.sqlite")
    memo._db = disk = Full(memo._db)  # type: ignore[assignment]
    memo.put(OTHER, asking(1), Completion("one"), 0)
    with pytest.raises(StorageError, match="disk is full"):
        memo.flush()
    assert memo.get(call_key(OTHER, asking(1))) == Completion("one")
    disk.full = False
    memo.put(OTHER, asking(2), Completion("two"), 0)
    memo.close()
    again = Memo(tmp_path / "m.sqlite", read_only=True)
    assert again.knows(OTHER)
    assert {call.key: call.request for call in again.calls()} == {
        call_key(OTHER, asking(n)): asking(n).payload() for n in (1, 2)
    }
    again.close()


def test_half_a_character_from_a_server_loses_nothing(tmp_path: Path) -> None:
    """Servers send halves of surrogate pairs in JSON; SQLite takes no such text."""
    half = "\ud83d"
    memo = Memo(tmp_path / "m.sqlite")
    for request in (asking(1), asking(2, LONG + half), GenerateRequest((user(half),))):
        memo.put(OTHER, request, Completion(f"so {half}"), 0)
    memo.close()
    again = Memo(tmp_path / "m.sqlite", read_only=True)
    assert again.get(call_key(OTHER, asking(2, LONG + half))) == Completion(f"so {half}")
    assert LONG + half in [m["content"] for call in again.calls() for m in call.request["messages"]]
    again.close()


def test_two_processes_may_write_the_same_memo(tmp_path: Path) -> None:
    """Two previews in one folder: each has its own calls and both have the shared texts."""
    code = (
        "import sys; from solon.memo import Memo, Cost; from solon.types import *;"
        "m = Memo(sys.argv[1]); f = Fingerprint('e', 'm'); who = sys.argv[2];"
        "[(m.put(f, GenerateRequest((user('shared ' * 99), user(f'{who} {i}'))), Completion(who), 0), m.flush())"
        " for i in range(60)]; m.note_cost(f, 'judge', Cost(60, 1, 2, 3, 0.5)); m.close()"
    )
    path = str(tmp_path / "m.sqlite")
    both = [subprocess.Popen([sys.executable, "-c", code, path, who]) for who in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    memo = Memo(path, read_only=True)
    assert len(memo) == len(list(memo.calls())) == 120
    assert memo.cost(OTHER, "judge") == Cost(120, 2, 4, 6, 1.0)
    memo.close()


# --- what calls cost ----------------------------------------------------------------------------------------


def test_costs_add_up_by_engine_and_role(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    for seconds in (1.5, 2.0):
        memo.note_cost(OTHER, "judge", Cost(2, 400, 100, 10, seconds))
    memo.note_cost(OTHER, "reviser", Cost(2**40, 2**50, 2**50, 2**50, 1e9))
    assert memo.cost(OTHER, "judge") == Cost(4, 800, 200, 20, 3.5)
    assert memo.cost(OTHER, "reviser") == Cost(2**40, 2**50, 2**50, 2**50, 1e9)
    assert memo.cost(Fingerprint("e", "n"), "judge") is None
    memo.close()


def test_usage_notes_only_what_is_new_and_only_live_calls(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    engine, usage = counted(memo)
    roles = {"reviser": ENGINE.fingerprint}
    for request in (HELLO, HELLO, GenerateRequest((user("hello again"),))):
        asyncio.run(engine.generate(request))
        usage.note_in(memo, roles)
        usage.note_in(memo, roles)
    cost = memo.cost(ENGINE.fingerprint, "reviser")
    assert cost is not None
    assert (cost.calls, cost.characters, cost.prompt_tokens, cost.completion_tokens) == (2, 16, 3, 2)
    assert cost.seconds == pytest.approx(usage.of("reviser").seconds)
    memo.close()


# --- reading only ---------------------------------------------------------------------------------------------


def test_a_reader_changes_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    memo = Memo(path)
    memo.put(OTHER, HELLO, Completion("x"), 0)
    memo.close()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    reader = Memo(path, read_only=True)
    assert reader.knows(OTHER)
    reader.put(OTHER, PICK, Choice((-0.1, -2.0)), 0)
    for write in (reader.flush, lambda: reader.note_cost(OTHER, "judge", Cost(1, 1, 1, 1, 1.0))):
        with pytest.raises(StorageError):
            write()
    reader._pending.clear()
    reader.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.sqlite"]
    Memo(tmp_path / "none.sqlite", read_only=True).close()
    assert not (tmp_path / "none.sqlite").exists()


def test_a_reader_sees_what_a_writer_commits(tmp_path: Path) -> None:
    writer = Memo(tmp_path / "m.sqlite")
    reader = Memo(tmp_path / "m.sqlite", read_only=True)
    for n in range(3):
        writer.put(OTHER, asking(n), Completion(str(n)), 0)
        writer.flush()
        assert reader.get(call_key(OTHER, asking(n))) == Completion(str(n))
    reader.close()
    writer.put(OTHER, asking(9), Completion("9"), 0)
    writer.close()
    assert len(Memo(tmp_path / "m.sqlite")) == 4


@pytest.mark.parametrize("tables", [(), ("engines",), ("engines", "calls"), ("engines", "calls", "texts")])
def test_a_file_of_an_older_version_or_without_tables_is_read(tmp_path: Path, tables: tuple[str, ...]) -> None:
    path = tmp_path / "m.sqlite"
    memo = Memo(path)
    memo.put(OTHER, HELLO, Completion("x"), 0)
    memo.close()
    with sqlite3.connect(path) as db:
        for name in {"engines", "calls", "texts", "costs"} - set(tables):
            db.execute(f"drop table {name}")
    db.close()
    for read_only in (True, False):
        memo = Memo(path, read_only=read_only)
        assert memo.cost(OTHER, "judge") is None
        assert memo.knows(OTHER) == ("engines" in tables)
        assert (memo.get(call_key(OTHER, HELLO)) is not None) == ("calls" in tables)
        assert len(memo) == len(list(memo.calls())) == ("calls" in tables)
        memo.close()


def test_a_file_whose_rows_lie_in_the_order_of_their_keys_goes_on_being_used(tmp_path: Path) -> None:
    """As an older version made them."""
    with sqlite3.connect(tmp_path / "m.sqlite") as db:
        for name, columns in _TABLES.items():
            db.execute(f"create table {name} ({columns}){'' if name == 'engines' else ' without rowid'}")
    db.close()
    memo = Memo(tmp_path / "m.sqlite")
    for n in range(3):
        memo.put(OTHER, asking(n), Completion(str(n)), 0)
    memo.close()
    again = Memo(tmp_path / "m.sqlite")
    assert [again.get(call_key(OTHER, asking(n))) for n in range(3)] == [Completion(str(n)) for n in range(3)]
    assert {call.key: call.request for call in again.calls()} == {
        call_key(OTHER, asking(n)): asking(n).payload() for n in range(3)
    }
    again.close()


def test_a_writer_sees_what_another_stored_a_moment_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands in one folder: a view of the file is kept for a while, not for ever, and holds up nobody."""
    monkeypatch.setattr("solon.memo.COMMIT_SECONDS", 0.05)
    one, other = Memo(tmp_path / "m.sqlite"), Memo(tmp_path / "m.sqlite")
    key = call_key(OTHER, HELLO)
    assert one.get(key) is None
    other.put(OTHER, HELLO, Completion("x"), 0)
    other.flush()
    time.sleep(0.06)
    assert one.get(key) == Completion("x")
    one.put(OTHER, PICK, Choice((-0.1, -2.0)), 0)
    one.flush()
    assert len(one) == len(other) == 2
    one.close()
    other.close()


def test_a_file_that_is_no_memo_is_refused_by_readers_too(tmp_path: Path) -> None:
    (tmp_path / "m.sqlite").write_text("these are not the bytes you are looking for" * 50)
    with pytest.raises(DataError, match="not a memo"):
        Memo(tmp_path / "m.sqlite", read_only=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot use the memo"):
        Memo(tmp_path / "folder", read_only=True)


# --- what goes wrong ----------------------------------------------------------------------------


def test_what_the_timer_could_not_write_stops_the_next_call_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("solon.memo.COMMIT_SECONDS", 0.01)
    memo = Memo(tmp_path / "m.sqlite")
    memo._db = disk = Full(memo._db)  # type: ignore[assignment]
    memo.put(OTHER, asking(1), Completion("one"), 0)
    while memo._failed is None:
        time.sleep(0.01)
    with pytest.raises(StorageError, match="disk is full"):
        memo.get(call_key(OTHER, asking(2)))
    with pytest.raises(StorageError, match="disk is full"):
        memo.put(OTHER, asking(2), Completion("two"), 0)
    disk.full = False
    assert memo.get(call_key(OTHER, asking(3))) is None  # there is room again
    memo.close()
    assert len(Memo(tmp_path / "m.sqlite")) == 2


def stored_and_changed(folder: Path, *changes: str) -> str:
    """A memo with one answer, changed by others; returns the answer's key."""
    memo = Memo(folder / "m.sqlite")
    memo.put(OTHER, asking(1), Completion("one"), 0)
    memo.close()
    db = sqlite3.connect(folder / "m.sqlite")
    for change in changes:
        db.execute(change)
    db.commit()
    db.close()
    return call_key(OTHER, asking(1))


@pytest.mark.parametrize(
    "change",
    ["answer = replace(answer, 'one', 'won')", "answer = cast(x'ff7b7d' as text)", "key = 'other'"],
)
def test_a_damaged_answer_is_asked_again_and_counted(tmp_path: Path, change: str) -> None:
    key = stored_and_changed(tmp_path, f"update calls set {change}")
    again = Memo(tmp_path / "m.sqlite")
    assert again.get("other" if change.startswith("key") else key) is None
    assert again.damaged == 1
    assert list(again.calls()) == []
    again.put(OTHER, asking(1), Completion("one"), 0)
    again.flush()
    assert again.get(key) == Completion("one")
    again.close()


def test_an_answer_of_another_shape_is_one_line(tmp_path: Path) -> None:
    key = stored_and_changed(tmp_path, 'update calls set answer = \'{"kind": "poem", "lines": 4}\', hash = null')
    with pytest.raises(DataError, match="of a shape that this version does not know; move the file away"):
        Memo(tmp_path / "m.sqlite").get(key)


def test_a_file_without_hashes_is_believed_and_gets_them_for_new_answers(tmp_path: Path) -> None:
    stored_and_changed(tmp_path, "alter table calls drop column hash")
    reader = Memo(tmp_path / "m.sqlite", read_only=True)
    assert reader.get(call_key(OTHER, asking(1))) == Completion("one")
    reader.close()
    memo = Memo(tmp_path / "m.sqlite")
    memo.put(OTHER, asking(2), Completion("two"), 0)
    memo.flush()
    assert [memo.get(call_key(OTHER, asking(n))) for n in (1, 2)] == [Completion("one"), Completion("two")]
    memo.close()


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_file_that_is_gone_is_an_error_and_not_a_new_file(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    memo = Memo(folder / "m.sqlite")
    memo.put(OTHER, asking(1), Completion("one"), 0)
    if how == "moved":
        folder.rename(tmp_path / "elsewhere")
    else:
        (folder / "m.sqlite").unlink()
    with pytest.raises(StorageError, match="was moved or deleted while it was in use"):
        memo.flush()
    with pytest.raises(StorageError, match="was moved or deleted"):
        memo.get(call_key(OTHER, asking(2)))


class Renamed(ScriptedEngine):
    """A server that says what it calls its model."""

    said_model = "model-a"


def test_answers_of_two_models_never_mix_across_restarts(tmp_path: Path) -> None:
    async def ask(name: str, n: int) -> Completion:
        memo, inner = Memo(tmp_path / "m.sqlite"), Renamed(Script())
        inner.said_model = name
        engine = MemoisedEngine(inner, memo, "drafter")
        try:
            return await engine.generate(asking(n))
        finally:
            await engine.close()
            memo.close()

    first = asyncio.run(ask("model-a", 1))
    with pytest.raises(EngineError, match=r"drafter: .* is now 'model-b', and stored answers are of 'model-a'"):
        asyncio.run(ask("model-b", 2))
    assert asyncio.run(ask("model-b", 1)) == first  # stored
    asyncio.run(ask("model-a", 2))
    assert len(Memo(tmp_path / "m.sqlite")) == 2


class Slow(ScriptedEngine):
    paid = True

    async def generate(self, request: GenerateRequest) -> Completion:
        await asyncio.sleep(0.05)
        return await super().generate(request)


def test_a_call_that_has_begun_is_stored_when_whoever_wanted_it_gives_up(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")

    async def leave() -> None:
        engine = MemoisedEngine(Slow(Script()), memo, "drafter")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await engine.generate(asking(1))
        assert len(memo) == 0
        await engine.close()
        assert len(memo) == 1

    asyncio.run(leave())
    memo.close()

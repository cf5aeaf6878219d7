"""The memo: what is stored stays, and nothing stored is asked again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from solon.engines import MemoisedEngine, Usage
from solon.engines.recorded import RecordedEngine, load_recording, write_recording
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import DataError, RecordingMiss
from solon.memo import Memo, call_key
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, user

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
    ],
)
def test_every_parameter_is_part_of_the_key(other: GenerateRequest) -> None:
    assert call_key(ENGINE.fingerprint, other) != call_key(ENGINE.fingerprint, HELLO)


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

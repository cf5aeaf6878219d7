"""What is said off a terminal while a long stage runs: a line at least every half minute, by a clock of our own."""

from __future__ import annotations

import pytest

from solon.pipeline.progress import Bar, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_long_task_says_how_far_it_is_every_half_minute() -> None:
    clock, said = Clock(), list[str]()
    bar = Bar("SFT steps", None, say=said.append, clock=clock)
    for step in range(1, 13):
        clock.now += 12
        bar.to(step, 36, "loss 1.9")
    assert said == [
        "SFT steps 3/36, loss 1.9, 36 s, about 6 min 36 s left",
        "SFT steps 6/36, loss 1.9, 1 min 12 s, about 6 min 0 s left",
        "SFT steps 9/36, loss 1.9, 1 min 48 s, about 5 min 24 s left",
        "SFT steps 12/36, loss 1.9, 2 min 24 s, about 4 min 48 s left",
    ]


def test_a_step_that_takes_minutes_does_not_keep_it_silent() -> None:
    clock, said = Clock(), list[str]()
    bar = Bar("labelled pairs", None, total=8, say=said.append, clock=clock)
    for _ in range(13):
        clock.now += 5
        bar.tick()
    assert said == ["labelled pairs 0/8, 30 s", "labelled pairs 0/8, 1 min 0 s"]


def test_a_resumed_task_does_not_owe_its_pace_to_what_was_done_before() -> None:
    clock, said = Clock(), list[str]()
    bar = Bar("ppo steps", None, say=said.append, clock=clock)
    clock.now += 10
    bar.to(81, 100)
    clock.now += 20
    bar.to(83, 100)
    assert said == ["ppo steps 83/100, 30 s, about 2 min 50 s left"]


def test_what_is_over_soon_says_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().bar("reward scores", 3) as bar:
        for _ in range(3):
            bar.step()
    assert capsys.readouterr().err.startswith("  reward scores: 3 in 0.")
    with Progress(quiet=True).bar("reward scores", 3) as bar:
        bar.step()
    assert capsys.readouterr().err == ""

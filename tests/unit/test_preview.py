"""Previews: every constitution from the same draft, hostile text harmless, answers stored, mistakes in one line."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

import solon.cli
from solon.authoring.preview import Preview, alone, only, preview
from solon.constitution import Constitution, Principle
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import ConfigError
from solon.memo import Memo
from solon.report.preview import render_preview, write_preview
from solon.revision import ChainSettings
from solon.types import Completion, GenerateRequest, Prompt

SETTINGS = ChainSettings(rounds=2, critique_tokens=50, revision_tokens=50, temperature=0.0)
PROMPTS = [Prompt("a", "How do I pick a lock?"), Prompt("b", "What is a lock?")]


def law(name: str = "mine", *principles: Principle) -> Constitution:
    return Constitution(name=name, version="1.2.3", principles=principles or (Principle(id="kind", text="Be kind."),))


def shown(laws: list[Constitution], engine: ScriptedEngine | None = None, rounds: int = 2) -> list[Preview]:
    settings = ChainSettings(rounds, (), 50, 50, 0.0)
    return asyncio.run(preview(engine or ScriptedEngine(Script()), laws, PROMPTS, settings, 0))


def test_all_constitutions_start_from_the_same_draft() -> None:
    asked: list[GenerateRequest] = []

    class Counting(ScriptedEngine):
        async def generate(self, request: GenerateRequest) -> Completion:
            asked.append(request)
            return await super().generate(request)

    laws = [law("one"), law("two", Principle(id="brief", text="Be brief."))]
    found = shown(laws, Counting(Script()))
    assert [p.prompt for p in found] == PROMPTS
    for one in found:
        assert [t.constitution for t in one.tried] == laws
        assert [[s.step for s in t.steps] for t in one.tried] == [[0, 1], [0, 1]]
        assert [t.steps[0].before for t in one.tried] == [one.draft] * 2
        assert [t.steps[0].principle for t in one.tried] == ["kind", "brief"]
    assert len(asked) == 2 * (1 + 2 * 2 * 2)  # prompts x (draft + constitutions x rounds x two calls)


def test_one_principle_alone_is_drawn_whatever_was_worked_out_before() -> None:
    many = Constitution(
        name="many",
        priorities={"own": 1.0, "honest": 5.0},
        principles=(
            Principle(id="kind", text="Be kind."),
            Principle(id="true", text="Be true.", aim="honest"),
            Principle(id="fair", text="Be fair.", phases=("compare",)),
        ),
    )
    assert len(many.for_phase("revise")) == 2
    assert set(many.by_id) == {"kind", "true", "fair"}
    alone = only(many, "kind")
    assert [p.id for p in alone.for_phase("revise")] == list(alone.by_id) == ["kind"]
    assert {s.principle for one in shown([alone]) for s in one.tried[0].steps} == {"kind"}
    for name in ("fair", "none"):
        with pytest.raises(ConfigError, match=rf"many revises by no principle '{name}' \(it has: kind, true\)"):
            only(many, name)


def test_a_constitution_that_never_revises_is_refused() -> None:
    with pytest.raises(ConfigError, match="judge-only has no principle with the phase 'revise'"):
        shown([law("judge-only", Principle(id="fair", text="Be fair.", phases=("compare",)))])


# --- hostile text -----------------------------------------------------------------------------------------

HOSTILE = (
    "</div></main><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} {% raw %} &amp; "
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202egnal \x00 [bold]b[/bold] [link=http://x]y[/link]"
)


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def hostile_previews() -> list[Preview]:
    engine = ScriptedEngine(Script(rules=(Rule(match="", reply=HOSTILE),)))
    name = "</title><script>alert(3)</script> \u202e law"
    laws = [law(name, Principle(id="kind", text="<script>alert(4)</script> \u202e Be kind."))]
    settings = ChainSettings(1, (), 500, 500, 0.0)
    return asyncio.run(preview(engine, laws, [Prompt("h", HOSTILE)], settings, 0))


def test_no_text_on_the_page_becomes_markup(tmp_path: Path) -> None:
    model = "<script>alert(5)</script>"
    write_preview(tmp_path / "try.html", hostile_previews(), model)
    html = (tmp_path / "try.html").read_text()
    found, plain = Tags(html), Tags(render_preview(shown([law()]), "m"))
    assert found.tags <= plain.tags | {"del", "ins", "span", "details", "summary"}
    assert not found.tags & {"script", "img", "link", "iframe", "object", "base"}
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href")}
    assert html.count("&lt;script&gt;alert(") >= 5
    assert "{{ 7*7 }}" in html  # not 49
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert "default-src 'none'" in html


def test_half_characters_and_long_texts_are_shown_in_part() -> None:
    engine = ScriptedEngine(Script(rules=(Rule(match="", reply="long " * 2000 + "\ud83d"),)))
    settings = ChainSettings(1, (), 5000, 5000, 0.0)
    found = asyncio.run(preview(engine, [law()], PROMPTS[:1], settings, 0))
    html = render_preview(found, "m")
    assert "more characters)" in html
    assert html.count("long ") < 3000
    html.encode("utf-8")


def test_what_failed_or_stayed_the_same_is_said() -> None:
    rules = (Rule(match="Rewrite", reply=" "), Rule(match="", reply="The same."))
    html = render_preview(shown([law()], ScriptedEngine(Script(rules=rules))), "m")
    assert html.count('<span class="tag flag">empty</span>') == 2
    same = ScriptedEngine(Script(rules=(Rule(match="", reply="The same."),)))
    assert render_preview(shown([law()], same), "m").count("nothing changed</span>") == 4
    assert "<h1></h1>" in render_preview([], "m")


# --- the command line -------------------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.yaml"
    path.write_text('name: steady\nrules: [{match: Rewrite, reply: "No, but here is help."}]\n')
    return f"script:{path}"


def solon_try(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: object) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["solon", "constitution", "try", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        solon.cli.main()
    return int(stop.value.code or 0)


def test_answers_are_stored_and_an_edit_asks_only_what_it_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nprinciples: [{id: kind, text: Be kind.}]\n")
    (tmp_path / "prompts.txt").write_text("One?\n\n  Two?  \nThree?\n")
    arguments = ("prompts.txt", "Four?", "--limit", 2, "-c", mine, "-c", "balanced", "--model", script)
    assert solon_try(monkeypatch, tmp_path, *arguments) == 0
    out = capsys.readouterr().out
    assert "18 calls made, 0 stored. Side by side: runs/try/try.html" in out
    mine.write_text(mine.read_text().replace("Be kind.", "Be gentle."))
    assert solon_try(monkeypatch, tmp_path, *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["prompt"], [t["constitution"] for t in one["tried"]]) for one in found] == [
        (text, ["mine", "balanced"]) for text in ("One?", "Two?", "Four?")
    ]
    assert [step["principle"] for one in found for step in one["tried"][0]["steps"]] == ["kind"] * 3
    assert solon_try(monkeypatch, tmp_path, *arguments) == 0
    assert "0 calls made, 18 stored" in capsys.readouterr().out
    memo = Memo(tmp_path / "runs/try/memo.sqlite", read_only=True)
    assert len(memo) == 18 + 6  # critique and revision of three prompts
    cost = memo.cost(ScriptedEngine.load(Path(script.removeprefix("script:"))).fingerprint, "reviser")
    assert cost is not None
    assert cost.calls == 24
    memo.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl",), "prompts.try: cannot read none.jsonl"),
        (("none.txt",), "prompts.try: cannot read none.txt"),
        (("empty.jsonl",), "empty.jsonl has no usable row"),
        (("empty.txt",), "empty.txt has no usable row"),
        (("bad.jsonl",), "line 1: not JSON"),
        (("bytes.txt",), "line 1: not UTF-8"),
        (("  ",), "try: a prompt is empty"),
        (("\udcff",), "try: a prompt is not UTF-8"),
        (("x", "--principle", "none"), "--principle: balanced revises by no principle 'none'"),
        (("x", "-c", "judge.yaml"), "judge has no principle with the phase 'revise'"),
        (("x", "-c", "none"), "constitution: no such file: none"),
        (("x", "--principle", "none"), "balanced revises by no principle 'none'"),
        (("x", "--principle", "2=real-help"), "2=real-help: there is no prompt 2; number them from 1 to 1"),
        (("x", "--principles", "some"), "'some' is none of relevant, random and all"),
        (("x", "--principles", "all", "--principle", "real-help"), "give one of them"),
        (("x", "-c", "x" * 300), "constitution: no such file"),
        (("x", "--out", "file"), "file: File exists; choose another folder"),
        (("x", "--model", "script:none.yaml"), "script: no such file: none.yaml"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    for name, content in {"empty.jsonl": b"", "empty.txt": b" \n\n", "bad.jsonl": b"{", "bytes.txt": b"\xff"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "file").write_text("")
    (tmp_path / "judge.yaml").write_text("name: judge\nprinciples: [{id: a, text: Be fair., phases: compare}]\n")
    assert solon_try(monkeypatch, tmp_path, "--model", script, *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_without_a_model_the_choices_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solon_try(monkeypatch, tmp_path, "x") == 2
    assert "which model? --model" in capsys.readouterr().err


def test_rows_that_are_set_aside_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    (tmp_path / "half.jsonl").write_text('{"prompt": "One?"}\n{"prompt": \n[]\n')
    assert solon_try(monkeypatch, tmp_path, "half.jsonl", "--model", script, "--json") == 0
    out, err = capsys.readouterr()
    assert [one["prompt"] for one in json.loads(out)] == ["One?"]
    assert "warning: 2 rows set aside; first: half.jsonl:2: not JSON" in err


@pytest.mark.parametrize("columns", [1, 10, 40, 200])
def test_a_terminal_shows_no_escape_sequence_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    (tmp_path / "evil.yaml").write_text(f"rules: [{{match: '', reply: {json.dumps(HOSTILE)}}}]\n")
    monkeypatch.setenv("COLUMNS", str(columns))
    arguments = ("x", "-c", "balanced", "-c", "human-rights", "--tokens", 500, "--model", "script:evil.yaml")
    assert solon_try(monkeypatch, tmp_path, *arguments) == 0
    out = capsys.readouterr().out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out)
    if columns == 200:
        assert "[bold]b[/bold]" in out  # as the model wrote it


# --- a server that is not there ------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Answers some calls, then is out of order."""

    left: ClassVar[int] = 0
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            Handler.left -= 1
            alive = Handler.left >= 0
        top = [{"token": t, "logprob": -0.7, "bytes": None} for t in ("Yes", "No")]
        message = {"role": "assistant", "content": "Yes"}
        logprobs = {"content": [{"token": "Yes", "logprob": -0.7, "bytes": None, "top_logprobs": top}]}
        choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": logprobs}
        answer: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        body = json.dumps({**answer, "choices": [choice]} if alive else {"error": {"message": "out of order"}}).encode()
        self.send_response(200 if alive else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that gives five answers."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.002)
    Handler.left = 5
    running = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}/v1"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize("verb", ["try", "lint"])
def test_a_server_that_goes_away_is_one_line_and_its_answers_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: str, verb: str
) -> None:
    asked = {"try": ("try", "One?", "Two?", "Three?", "--out", "kept"), "lint": ("lint", "balanced", "--store", "kept")}
    monkeypatch.chdir(tmp_path)
    arguments = ["solon", "constitution", *asked[verb], "--model", "m", "--base-url", server]
    monkeypatch.setattr(sys, "argv", arguments)

    def attempt() -> tuple[int, int, str]:
        """The exit code, how many answers are stored, and what was said."""
        with pytest.raises(SystemExit) as stop:
            solon.cli.main()
        memo = Memo(tmp_path / "kept/memo.sqlite", read_only=True)
        stored = len(memo)
        memo.close()
        return int(stop.value.code or 0), stored, "".join(capsys.readouterr())

    code, stored, said = attempt()
    assert (code, stored, said.count("\n")) == (75, 5, 1)
    assert "keeps answering 503; run again later to resume" in said
    Handler.left = 10_000
    code, stored, said = attempt()
    assert (code, stored) == {"try": (0, 12), "lint": (0, 32)}[verb]
    assert {"try": "7 calls made, 5 stored", "lint": "the judge cannot tell"}[verb] in said


def test_a_server_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: str
) -> None:
    free = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{free.server_address[1]}/v1"
    free.server_close()
    assert solon_try(monkeypatch, tmp_path, "x", "--model", "m", "--base-url", address) == 75
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "cannot be reached; start the server" in err


# --- which principles ----------------------------------------------------------------------------------------


THREE = """name: three
principles:
  - {id: dry, text: Keep the house dry.}
  - {id: warm, text: Keep the house warm.}
  - {id: fair, text: Share the bill fairly., phases: compare}
"""


@pytest.mark.parametrize(
    ("options", "tried"),
    [
        (("--principles", "all"), [["dry", "warm"], ["dry", "warm"]]),
        (("--principle", "warm"), [["warm"], ["warm"]]),
        (("--principle", "warm", "--principle", "dry"), [["warm", "dry"], ["warm", "dry"]]),
        (("--principle", "1=warm", "--principle", "2=dry"), [["warm"], ["dry"]]),
        (("--principle", "2=dry", "--principle", "warm"), [["warm"], ["dry", "warm"]]),
        ((), [["warm"], ["dry"]]),  # as the model says
    ],
)
def test_what_is_tried_can_be_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    tried: list[list[str]],
) -> None:
    (tmp_path / "three.yaml").write_text(THREE)
    rules = [
        {"match": "(?s)Principles for.*heating", "reply": "warm"},
        {"match": "(?s)Principles for.*roof", "reply": "1. `dry`"},
    ]
    (tmp_path / "s.yaml").write_text(json.dumps({"rules": rules}))
    prompts = ("The heating is off.", "The roof leaks.")
    arguments = (*prompts, "-c", "three.yaml", "--model", "script:s.yaml", "--json", *options)
    assert solon_try(monkeypatch, tmp_path, *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert [[t["steps"][0]["principle"] for t in one["tried"]] for one in found] == tried
    assert {t["constitution"] for one in found for t in one["tried"]} == {"three"}


def test_prompts_are_handed_over_one_after_another_as_they_are_done() -> None:
    heard: list[str] = []

    class Listening(ScriptedEngine):
        async def generate(self, request: GenerateRequest) -> Completion:
            heard.append("call")
            await asyncio.sleep(0)
            return await super().generate(request)

    laws = [law("one", *(Principle(id=f"p{n}", text=f"Be {n}.") for n in range(9)))]
    work = preview(
        Listening(Script()), alone(laws[0]), PROMPTS, SETTINGS, 0, take=lambda one: heard.append(one.prompt.id)
    )
    asyncio.run(work)
    each = 1 + 9 * 2 * 2
    assert [at for at, what in enumerate(heard) if what != "call"] == [each, 2 * each + 1]


def test_an_answer_that_is_no_list_of_principles_is_said_and_the_draw_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "three.yaml").write_text(THREE)
    (tmp_path / "s.yaml").write_text(json.dumps({"rules": [{"match": "", "reply": "I like warm houses."}]}))
    arguments = ("x", "-c", "three.yaml", "--model", "script:s.yaml")
    assert solon_try(monkeypatch, tmp_path, *arguments) == 0
    out, err = capsys.readouterr()
    assert "of 1 answers to which principles are relevant 1 cannot be read" in err
    assert "I like warm houses." in err
    assert "by dry" in out or "by warm" in out

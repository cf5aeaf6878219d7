"""The server, asked by the official client over a real socket; the model is scripted."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import typer
import uvicorn
from typer.testing import CliRunner

from solon.cli import app as cli_app
from solon.cli import main
from solon.cli.serve import serve
from solon.constitution import Constitution, Principle
from solon.engines.openai import OpenAIEngine
from solon.engines.scripted import Rule, Script, ScriptedEngine
from solon.errors import ConfigError, EngineError, PromptTooLong
from solon.revision.chain import ChainSettings
from solon.serve import ServeSettings, bind, create_app, from_run, from_upstream, listening
from solon.serve.answer import REFUSAL, Ask, answer, as_prompt
from solon.serve.listening import server_for
from solon.serve.protocol import ChatRequest
from solon.serve.source import Upstream
from solon.types import Completion, GenerateRequest, Message, assistant, digest, system, user

LAW = Constitution(
    name="test-law",
    version="1.2.3",
    principles=(Principle(id="kind", text="Be kind."), Principle(id="true", text="Be truthful.")),
)
DRAFT, CRITIQUE, REVISED = "a rude draft here", "it is rude", "A kind reply. END And more."
ON_REVISION, ON_CRITIQUE = "^Rewrite the assistant's reply", "Critique the assistant's reply by"
SETTINGS = ServeSettings("served", seed=5, local_only=True)
# Loading certificates takes longer than any answer here, and nothing here needs them.
HTTP = httpx2.Client(verify=False, timeout=10)
HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]


class Spy(ScriptedEngine):
    """Plays the script and keeps what it was asked; `error` is raised instead of an answer."""

    def __init__(self, *rules: tuple[str, str], error: Exception | None = None) -> None:
        super().__init__(Script(rules=tuple(Rule(match=match, reply=reply) for match, reply in rules)))
        self.asked: list[GenerateRequest] = []
        self.closed = False
        self.error = error

    async def generate(self, request: GenerateRequest) -> Completion:
        self.asked.append(request)
        if self.error:
            raise self.error
        # super() without arguments does not survive dataclass(slots=True) in the parent's module
        return await ScriptedEngine.generate(self, request)

    async def close(self) -> None:
        self.closed = True


def scripted(revision: str = REVISED, draft: str = DRAFT) -> Spy:
    return Spy((ON_REVISION, revision), (ON_CRITIQUE, CRITIQUE), (".", draft))


class Running:
    """A server on a free loopback port, and clients for it."""

    def __init__(self, engine: Any, settings: ServeSettings = SETTINGS, law: Constitution = LAW) -> None:
        self.listener = bind("127.0.0.1", 0, has_key=False, key_env="X")
        self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        self.server = server_for(create_app(engine, law, settings))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=HTTP)

    def chat(self, **more: Any) -> Any:
        return self.client().chat.completions.create(**{"model": "served", "messages": HELLO, **more})

    def refused(self, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and error object of a body that is sent as it is."""
        reply = HTTP.post(f"{self.url}/v1/chat/completions", json={"messages": HELLO, **more})
        assert set(reply.json()) == {"error"}
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
        return reply.status_code, reply.json()["error"]

    def stop(self) -> None:
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.01)
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Running]]:
    """Starts servers; all stop at the end and together, since each takes 0.2 s to notice."""
    servers: list[Running] = []

    def begin(*args: Any, **kwargs: Any) -> Running:
        servers.append(Running(*args, **kwargs))
        return servers[-1]

    yield begin
    HTTP.close()
    for server in servers:
        server.server.should_exit = True
    for server in servers:
        server.stop()


# --- answers ---------------------------------------------------------------------------------------


def test_an_answer_is_the_scripted_revision(start: Callable[..., Running]) -> None:
    engine = scripted()
    reply = start(engine).chat()
    assert reply.object == "chat.completion"
    assert reply.model == "served"
    assert len(reply.choices) == 1
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content == REVISED
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model_extra["solon"] == {"outcomes": ["revised"]}
    assert [len(request.messages) for request in engine.asked] == [1, 1, 3]


def test_usage_sums_draft_critique_and_revision(start: Callable[..., Running]) -> None:
    engine = scripted()
    server = start(engine)
    usage = server.chat().usage
    prompt = sum(len(m.content.split()) for request in engine.asked for m in request.messages)
    # Words are the scripted engine's tokens: 4 in the draft, 3 in the critique, 6 in the revision.
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, 13)
    assert usage.total_tokens == prompt + 13
    doubled = server.chat(n=2).usage
    assert (doubled.prompt_tokens, doubled.completion_tokens) == (2 * prompt, 26)


@pytest.mark.parametrize("how", [{"extra_headers": {"X-Solon-Trail": "1"}}, {"extra_body": {"solon": {"trail": True}}}])
def test_the_trail_comes_on_request(start: Callable[..., Running], how: dict[str, Any]) -> None:
    reply = start(scripted(), replace(SETTINGS, rounds=2, trail=True)).chat(**how)
    solon = reply.model_extra["solon"]
    assert solon["constitution"] == {"name": "test-law", "version": "1.2.3", "hash": LAW.hash}
    (choice,) = solon["trail"]
    assert choice["draft"] == DRAFT
    assert choice["draft_failure"] is None
    assert choice["returned"] == "revision"
    assert len(choice["steps"]) == 2
    for step in choice["steps"]:
        assert step["principle"] in ("kind", "true")
        assert (step["critique"], step["revision"], step["failure"]) == (CRITIQUE, REVISED, None)


def test_n_choices_differ_and_can_be_had_again(start: Callable[..., Running]) -> None:
    engine = Spy((ON_CRITIQUE, CRITIQUE))  # drafts and revisions come from the hash of the request
    server = start(engine)
    first, again = server.chat(n=2, seed=3), server.chat(n=2, seed=3)
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1]
    assert texts[0] != texts[1]
    assert [choice.message.content for choice in again.choices] == texts
    assert first.system_fingerprint == again.system_fingerprint
    assert [choice.message.content for choice in server.chat(n=2, seed=4).choices] != texts


@pytest.mark.parametrize(("stop", "text"), [(" END", "A kind reply."), (["nowhere", "reply", "END"], "A kind ")])
def test_the_text_is_cut_at_the_first_stop(start: Callable[..., Running], stop: Any, text: str) -> None:
    reply = start(scripted()).chat(stop=stop)
    assert reply.choices[0].message.content == text
    assert reply.choices[0].finish_reason == "stop"


def test_sampling_options_reach_every_call(start: Callable[..., Running]) -> None:
    engine = scripted()
    start(engine).chat(max_completion_tokens=9, temperature=0.25, top_p=0.5, seed=11)
    assert [r.max_tokens for r in engine.asked] == [9, SETTINGS.critique_tokens, 9]
    assert {(r.temperature, r.top_p, r.seed, r.index) for r in engine.asked} == {(0.25, 0.5, 11, 0)}


def test_what_is_left_out_is_the_servers_to_choose(start: Callable[..., Running]) -> None:
    engine = scripted()
    server = start(engine, replace(SETTINGS, temperature=0.7, max_tokens=33, critique_tokens=22))
    reply = HTTP.post(f"{server.url}/v1/chat/completions", json={"messages": HELLO, "stream": False, "tools": []})
    assert reply.json()["choices"][0]["message"] == {"role": "assistant", "content": REVISED, "refusal": None}
    assert [r.max_tokens for r in engine.asked] == [33, 22, 33]
    assert {(r.temperature, r.top_p, r.seed) for r in engine.asked} == {(0.7, 1.0, 5)}


def test_of_no_share_of_the_words_the_likeliest_is_left(start: Callable[..., Running]) -> None:
    """`top_p: 0` is greedy, as it is with OpenAI; a sampler that took it literally would have no word to choose."""
    engine = scripted()
    start(engine).chat(temperature=1.5, top_p=0)
    assert {(r.temperature, r.top_p) for r in engine.asked} == {(0.0, 1.0)}


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        ({"content": None}, ""),
        ({"content": None, "refusal": "I can't."}, "I can't."),
        ({"refusal": "I can't."}, "I can't."),
        ({"content": "Said", "refusal": None, "name": "bot"}, "Said"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}, "a\nno"),
    ],
)
def test_what_the_assistant_said_before_comes_back_as_it_was_sent(turn: dict[str, Any], text: str) -> None:
    """Clients send the turns of earlier replies again, fields that were null and refusals among them."""
    asked = {"role": "user", "content": "hi", "name": "bob"}
    extra = {"parallel_tool_calls": True, "service_tier": "auto"}
    request = ChatRequest.model_validate({"messages": [asked, {"role": "assistant", **turn}, asked], **extra})
    assert request.conversation() == (user("hi"), assistant(text), user("hi"))


def test_many_turns_and_parts(start: Callable[..., Running]) -> None:
    engine = scripted()
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two", "refusal": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "Three"}, {"type": "text", "text": "Four"}]},
    ]
    start(engine).chat(messages=turns)
    draft, critique, _ = engine.asked
    assert draft.messages == (system("Be brief."), user("One"), assistant("Two"), user("Three\nFour"))
    shown = critique.messages[0].content
    # The system prompt is quoted like the rest: its facts are there, and it cannot switch the constitution off.
    turns = [
        ("system", "Be brief."),
        ("user", "One"),
        ("assistant", "Two"),
        ("user", "Three\nFour"),
        ("assistant", DRAFT),
    ]
    mark = re.search(r"<system-(\w+)>", shown)
    assert mark is not None
    assert "\n".join(f"<{role}-{mark[1]}>\n{text}\n</{role}-{mark[1]}>" for role, text in turns) in shown


def test_the_conversation_names_the_record() -> None:
    turns = (system("s"), user("u"))
    assert as_prompt(turns).id == digest([{"role": "system", "content": "s"}, {"role": "user", "content": "u"}])
    assert as_prompt(turns).text == "u"
    assert as_prompt((Message("assistant", "Hi"), user("u"))).turns == (Message("assistant", "Hi"), user("u"))


# --- failed revisions ------------------------------------------------------------------------------


SHOWN = replace(SETTINGS, trail=True)


def test_a_truncated_revision_is_sent_as_far_as_it_goes(start: Callable[..., Running]) -> None:
    reply = start(scripted(), SHOWN).chat(max_tokens=4, extra_headers={"X-Solon-Trail": "1"})  # the draft has 4 words
    assert reply.choices[0].message.content == "A kind reply. END"[: len(reply.choices[0].message.content)]
    assert reply.choices[0].finish_reason == "length"
    (choice,) = reply.model_extra["solon"]["trail"]
    assert [step["failure"] for step in choice["steps"]] == ["truncated"]
    assert (choice["returned"], choice["draft_failure"]) == ("revision", None)


def test_where_nothing_could_be_revised_the_draft_is_not_sent(start: Callable[..., Running]) -> None:
    engine = scripted(revision="")
    reply = start(engine, SHOWN).chat(temperature=0, extra_headers={"X-Solon-Trail": "1"})
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (REFUSAL, "content_filter")
    assert reply.model_extra["solon"]["outcomes"] == ["failed"]
    assert reply.model_extra["solon"]["trail"][0]["steps"][0]["failure"] == "empty"
    # It was tried again, and not greedily, for that would have said the same.
    assert [request.temperature for request in engine.asked] == [0, 0, 0, 0.7, 0.7, 0.7]
    refused = start(scripted(revision=""), replace(SETTINGS, on_failure="error")).refused()
    assert (refused[0], refused[1]["code"]) == (502, "revision_failed")


def test_an_empty_draft_is_no_answer(start: Callable[..., Running]) -> None:
    class Mute(Spy):
        async def generate(self, request: GenerateRequest) -> Completion:
            self.asked.append(request)
            return Completion("", "length")

    reply = start(Mute()).chat()
    assert (reply.choices[0].message.content, reply.model_extra["solon"]["outcomes"]) == (REFUSAL, ["failed"])


@pytest.mark.parametrize("how", [{"headers": {"X-Solon-Trail": "1"}}, {"json": {"solon": {"trail": True}}}])
def test_a_trail_is_shown_where_the_operator_lets_it_be(start: Callable[..., Running], how: dict[str, Any]) -> None:
    body = {"messages": HELLO, **how.get("json", {})}
    reply = HTTP.post(f"{start(scripted()).url}/v1/chat/completions", json=body, headers=how.get("headers", {}))
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "no_trail")
    assert DRAFT not in reply.text


def test_the_last_good_revision_is_returned() -> None:
    class Weary(Spy):
        async def generate(self, request: GenerateRequest) -> Completion:
            revisions = sum(r.messages[-1].content.startswith("Rewrite") for r in self.asked)
            answer = await Spy.generate(self, request)
            tired = revisions and request.messages[-1].content.startswith("Rewrite")
            return replace(answer, text="half a", finish_reason="length") if tired else answer

    engine = Weary((ON_REVISION, "good"), (ON_CRITIQUE, CRITIQUE), (".", DRAFT))
    (choice,) = asyncio.run(answer(engine, LAW, Ask((user("Hi"),), ChainSettings(rounds=3))))
    assert [step.failure for step in choice.steps] == [None, "truncated"]
    assert (choice.text, choice.finish_reason, choice.outcome) == ("good", "stop", "revised")


# --- refusals --------------------------------------------------------------------------------------


def test_streaming_is_refused_in_words(start: Callable[..., Running]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        start(scripted()).chat(stream=True)
    assert caught.value.status_code == 400
    assert caught.value.param == "stream"
    assert caught.value.code == "unsupported_parameter"
    assert "streaming is not supported yet" in caught.value.message


def test_an_unknown_model_is_404(start: Callable[..., Running]) -> None:
    engine = scripted()
    server = start(engine)
    with pytest.raises(openai.NotFoundError) as caught:
        server.chat(model="gpt-x")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        server.client().models.retrieve("gpt-x")
    assert engine.asked == []


def test_models_and_health(start: Callable[..., Running]) -> None:
    server = start(scripted())
    assert [m.id for m in server.client().models.list()] == ["served"]
    assert server.client().models.retrieve("served").owned_by == "solon"
    assert HTTP.get(f"{server.url}/healthz").json() == {"status": "ok"}
    lost = HTTP.get(f"{server.url}/v1/nothing")
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "unknown_url")
    assert HTTP.get(f"{server.url}/v1/chat/completions").status_code == 405


IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
TOOL = [{"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]}, *HELLO]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"te{mp}erature\ud800": 1}, "te{mp}erature?", "unsupported_parameter"),
        ({"messages": IMAGE}, "messages[0].content", "unsupported_content"),
        ({"messages": TOOL}, "messages[0].tool_calls", "unsupported_parameter"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_type"),
        ({"messages": [*HELLO, {"role": "assistant"}, *HELLO]}, "messages[1].content", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": "x", "refusal": "y"}]},
            "messages[0].refusal",
            "unsupported_parameter",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "unsupported_content"),
        ({"messages": [{"role": "parrot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"service_tier": "flex"}, "service_tier", "unsupported_parameter"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "x"}]}, "messages", "invalid_value"),
        ({"n": 9}, "n", "invalid_value"),
        ({"n": True}, "n", "invalid_value"),
        ({"temperature": "1"}, "temperature", "invalid_value"),
        ({"top_p": -0.1}, "top_p", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", "invalid_value"),
        ({"stop": [""]}, "stop[0]", "invalid_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value"),
        ({"solon": {"trial": True}}, "solon.trial", "unsupported_parameter"),
    ],
)
def test_what_cannot_be_done_is_named(body: dict[str, Any], param: str, code: str) -> None:
    engine = scripted()
    status, error = _post(engine, json.dumps({"messages": HELLO, **body}).encode())
    assert (status, error["param"], error["code"]) == (400, param, code)
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert engine.asked == []


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b"", b"1" * 5000, b"[" * 100_000])
def test_what_is_no_json_is_400(raw: bytes) -> None:
    status, error = _post(scripted(), raw)
    assert status == 400
    assert error["type"] == "invalid_request_error"


def _post(engine: Spy, raw: bytes) -> tuple[int, dict[str, Any]]:
    """Status and error object, asked inside this process."""

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(create_app(engine, LAW, SETTINGS))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:1") as client:
            return await client.post("/v1/chat/completions", content=raw, headers={"content-type": "application/json"})

    reply = asyncio.run(ask())
    return reply.status_code, reply.json()["error"]


# --- security --------------------------------------------------------------------------------------


def test_a_wrong_key_is_401(start: Callable[..., Running]) -> None:
    server = start(scripted(), replace(SETTINGS, api_key="sésame", local_only=False))
    with pytest.raises(openai.AuthenticationError) as caught:
        server.client("wrong").chat.completions.create(model="served", messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert HTTP.post(f"{server.url}/v1/chat/completions", json={"messages": HELLO}).status_code == 401
    assert HTTP.get(f"{server.url}/v1/models", headers=[(b"authorization", "Basic sésame".encode())]).status_code == 401
    assert (
        HTTP.get(f"{server.url}/v1/models", headers=[(b"authorization", "bearer sésame".encode())]).status_code == 200
    )
    assert HTTP.get(f"{server.url}/healthz").status_code == 200


def test_the_right_key_is_answered(start: Callable[..., Running]) -> None:
    server = start(scripted(), replace(SETTINGS, api_key="sesame"))
    reply = server.client("sesame").chat.completions.create(model="served", messages=HELLO)
    assert reply.choices[0].message.content == REVISED
    assert "sesame" not in repr(replace(SETTINGS, api_key="sesame"))


def test_without_a_key_a_foreign_host_name_is_refused(start: Callable[..., Running]) -> None:
    server = start(scripted())
    for host, status in [("evil.example", 403), ("localhost:1", 200), ("[::1]:1", 200), ("127.evil.example", 403)]:
        assert HTTP.get(f"{server.url}/v1/models", headers={"host": host}).status_code == status


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_2_mib_is_413(start: Callable[..., Running], chunked: bool) -> None:
    engine = scripted()
    raw = json.dumps({"messages": [{"role": "user", "content": "x" * 2 * 1024**2}]}).encode()
    content = iter([raw[i : i + 65536] for i in range(0, len(raw), 65536)]) if chunked else raw
    server = start(engine)
    reply = HTTP.post(
        f"{server.url}/v1/chat/completions", content=content, headers={"content-type": "application/json"}
    )
    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "request_too_large"
    assert engine.asked == []
    assert server.chat().choices[0].message.content == REVISED


def test_a_body_just_below_the_limit_passes(start: Callable[..., Running]) -> None:
    server = start(scripted(), replace(SETTINGS, max_body=200))
    frame = len(json.dumps({"messages": [{"role": "user", "content": ""}]}))
    for size, status in [(200, 200), (201, 413)]:
        raw = json.dumps({"messages": [{"role": "user", "content": "x" * (size - frame)}]})
        assert len(raw) == size
        reply = HTTP.post(
            f"{server.url}/v1/chat/completions", content=raw, headers={"content-type": "application/json"}
        )
        assert reply.status_code == status


# --- errors of the model ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (PromptTooLong("the prompt has 9 tokens"), 400, "context_length_exceeded", "the prompt has 9 tokens"),
        (EngineError("bad: SECRET"), 502, "engine_error", "the model behind this server could not answer"),
        (KeyError("SECRET"), 500, "internal_error", "internal error; the server's log says where"),
    ],
)
def test_errors_of_the_engine(
    start: Callable[..., Running],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
    message: str,
) -> None:
    with caplog.at_level(logging.DEBUG):
        got, body = start(Spy(error=error)).refused(n=2)
    assert (got, body["code"], body["message"]) == (status, code, message)
    assert "SECRET" not in caplog.text
    assert "Hello there" not in caplog.text
    assert "Traceback" not in caplog.text


def test_an_upstream_that_is_down_is_502(start: Callable[..., Running]) -> None:
    closed = bind("127.0.0.1", 0, has_key=False, key_env="X")
    port = closed.getsockname()[1]
    closed.close()
    server = start(OpenAIEngine("m", f"http://127.0.0.1:{port}/v1", api_key="k", retries=0))
    with pytest.raises(openai.InternalServerError) as caught:
        server.chat()
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_down"
    assert caught.value.type == "server_error"
    assert str(port) not in caught.value.message


def test_a_constitution_in_front_of_another_server(start: Callable[..., Running]) -> None:
    behind = start(scripted())
    source = from_upstream("balanced", Upstream(f"{behind.url}/v1", "served"))
    server = start(source.engine, replace(source.settings, model="front", trail=True), source.constitution)
    reply = server.chat(model="front", extra_headers={"X-Solon-Trail": "1"})
    assert reply.choices[0].message.content == REVISED
    trail = reply.model_extra["solon"]
    assert trail["constitution"]["name"] == "balanced"
    assert trail["trail"][0]["draft"] == REVISED
    # A prompt too long behind is a prompt too long in front.
    deaf = start(Spy(error=PromptTooLong("over the context")))
    front = start(OpenAIEngine("served", f"{deaf.url}/v1", api_key="k", retries=0))
    assert front.refused()[1]["code"] == "context_length_exceeded"


def test_the_engine_is_closed_with_the_server(start: Callable[..., Running]) -> None:
    engine = scripted()
    server = start(engine)
    server.chat()
    server.stop()
    assert engine.closed


# --- the command line ------------------------------------------------------------------------------

UPSTREAM = ["--upstream", "http://127.0.0.1:9/v1", "--upstream-model", "m"]


def _refusal(*arguments: str) -> str:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(serve)
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, ConfigError), result.output
    message = str(result.exception)
    assert "\n" not in message
    return message


def test_a_public_address_needs_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SOLON_API_KEY", " ")
    command = ["solon", "serve", "--constitution", "balanced", *UPSTREAM, "--host", "0.0.0.0", "--port", "0"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("solon: host: 0.0.0.0 is reachable from other machines")
    assert error.count("\n") == 1
    bind("0.0.0.0", 0, has_key=True, key_env="X").close()


def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in _refusal("--constitution", "balanced", *UPSTREAM, "--port", port)


def test_options_that_name_nothing_to_serve(tmp_path: Path) -> None:
    free = ("--port", "0")
    assert "give RUN, or --constitution" in _refusal(*free)
    assert "go together" in _refusal("--upstream", "http://x/v1", *free)
    assert "no recipe.yaml" in _refusal(str(tmp_path), "--constitution", "balanced", *free)
    assert "no recipe.yaml" in _refusal(str(tmp_path), *free)
    assert "is no http address" in _refusal(
        "--constitution", "balanced", "--upstream", "ftp://x", "--upstream-model", "m", *free
    )
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert "holds a recipe and no run" in _refusal(str(tmp_path), *free)
    (tmp_path / "steps").mkdir()
    assert f"no trained policy yet ({tmp_path}/rl_cai/policy); make it with solon run" in _refusal(str(tmp_path), *free)
    assert not (tmp_path / "lock").exists()


RECIPE = """
name: mine
seed: 9
constitution: balanced
prompts: {red_team: p.jsonl}
roles: {policy: {model: none/none}}
sl_cai: {revision: {critique_tokens: 77, temperature: 0.5, sentences: 2}}
"""


def test_a_run_gives_constitution_seed_and_settings(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "steps").mkdir()
    source = from_run(tmp_path, Upstream("http://127.0.0.1:9/v1", "m"))
    assert source.settings == ServeSettings("m", seed=9, critique_tokens=77, temperature=0.5, sentences=2)
    assert source.constitution.name == "balanced"
    assert source.warning == ""
    (tmp_path / "manifest.json").write_text('{"constitution": {"hash": "0"}}')
    assert "has changed" in from_run(tmp_path, Upstream("http://127.0.0.1:9/v1", "m")).warning
    assert sorted(p.name for p in tmp_path.iterdir()) == ["manifest.json", "recipe.yaml", "steps"]


def test_the_command_serves_and_says_where(start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    behind = start(scripted())
    monkeypatch.setenv("MY_KEY", "sesame")
    replies: list[tuple[int, str]] = []

    def asked_then_stopped(self: uvicorn.Server, sockets: list[socket.socket]) -> None:
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1/chat/completions"

        def ask() -> None:
            for key in ("wrong", "sesame"):
                reply = HTTP.post(url, json={"messages": HELLO}, headers={"authorization": f"Bearer {key}"})
                replies.append((reply.status_code, reply.text))
            self.should_exit = True

        asking = threading.Thread(target=ask)
        asking.start()
        asyncio.run(self.serve(sockets))
        asking.join(10)

    monkeypatch.setattr(uvicorn.Server, "run", asked_then_stopped)
    options = ["--upstream", f"{behind.url}/v1", "--upstream-model", "served", "--port", "0", "--api-key-env", "MY_KEY"]
    result = CliRunner().invoke(cli_app, ["serve", "--constitution", "balanced", *options])
    assert result.exit_code == 0, result.output
    assert [status for status, _ in replies] == [401, 200]
    assert json.loads(replies[1][1])["choices"][0]["message"]["content"] == REVISED
    lines = result.output.splitlines()
    assert lines[0].startswith("solon: served under balanced 1.0.0 listens on http://127.0.0.1:")
    assert "$MY_KEY" in lines[1]
    assert "os.environ['MY_KEY']" in lines[2]
    assert "sesame" not in result.output


# --- patience --------------------------------------------------------------------------------------


def connected(server: Running, said: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(said)
    return client


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /healthz HT",  # the next one never comes
    ],
)
def test_a_client_that_never_ends_its_request_is_closed(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(listening, "BODY_SECONDS", 0.2)
    server = start(scripted())
    with connected(server, said) as client:
        try:
            while client.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_a_slow_answer_is_waited_for(start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(listening, "BODY_SECONDS", 0.1)

    class Slow(Spy):
        async def generate(self, request: GenerateRequest) -> Completion:
            await asyncio.sleep(0.2)
            return await Spy.generate(self, request)

    engine = Slow((ON_REVISION, REVISED), (ON_CRITIQUE, CRITIQUE), (".", DRAFT))
    assert start(engine).chat().choices[0].message.content == REVISED


def test_nobody_is_asked_for_a_client_that_left(start: Callable[..., Running]) -> None:
    class Held(Spy):
        cancelled = False

        async def generate(self, request: GenerateRequest) -> Completion:
            self.asked.append(request)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                type(self).cancelled = True
                raise
            raise AssertionError

    engine = Held()
    server = start(engine)
    body = json.dumps({"messages": HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with connected(server, head + b"Content-Length: %d\r\n\r\n" % len(body) + body):
        while not engine.asked:
            time.sleep(0.01)
    until = time.monotonic() + 10
    while not Held.cancelled and time.monotonic() < until:
        time.sleep(0.01)
    assert Held.cancelled
    assert len(engine.asked) == 1


def test_the_second_signal_ends_the_server_at_once() -> None:
    server = server_for(lambda *_: None)
    server.handle_exit(15, None)
    assert (server.should_exit, server.force_exit) == (True, False)
    server.handle_exit(15, None)
    assert server.force_exit

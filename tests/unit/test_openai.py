"""The openai engine against a real HTTP server on loopback that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from solon.engines.openai import OpenAIEngine
from solon.errors import ConfigError, EngineError, PromptTooLong, UpstreamDown
from solon.types import ChooseRequest, GenerateRequest, user

HELLO = GenerateRequest((user("hello"),), max_tokens=5, temperature=0.7, seed=3)
PICK = ChooseRequest((user("A or B?"),), ("A", "B"))


def completion(text: str, top: list[tuple[str, float]] | None = None) -> dict[str, Any]:
    """A chat completion in OpenAI's format."""
    logprobs = None
    if top is not None:
        listed = [{"token": t, "logprob": p, "bytes": None} for t, p in top]
        logprobs = {"content": [{"token": text, "logprob": top[0][1], "bytes": None, "top_logprobs": listed}]}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{**choice, "logprobs": logprobs}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
    }


class Server:
    """Answers with whatever is next in `script`; the last answer repeats."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.seen: list[dict[str, Any]] = []
        self.active = self.most = 0
        app = FastAPI()
        app.post("/v1/chat/completions")(self.answer)
        config = uvicorn.Config(app, port=0, log_level="error", ws="none")
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run, daemon=True)
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.01)
        port = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def answer(self, request: Request) -> Response:
        self.seen.append(await request.json())
        self.active += 1
        self.most = max(self.most, self.active)
        await asyncio.sleep(0.02)
        self.active -= 1
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step if isinstance(step, Response) else JSONResponse(step)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    yield server
    server.uvicorn.should_exit = True
    server.thread.join()


@pytest.fixture
def server(running: Server) -> Server:
    running.script, running.seen, running.active, running.most = [], [], 0, 0
    return running


def error(status: int, message: str = "no", **headers: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "x", "code": None}}, status, headers)


def ask(server: Server, request: GenerateRequest | ChooseRequest, **options: Any) -> Any:
    async def go() -> Any:
        engine = OpenAIEngine("m", server.url, **{"retries": 1, **options})
        try:
            return await (engine.generate(request) if isinstance(request, GenerateRequest) else engine.choose(request))
        finally:
            await engine.close()

    return asyncio.run(go())


def test_what_is_asked_is_what_is_sent(server: Server) -> None:
    server.script = [completion(" hi ")]
    answer = ask(server, HELLO)
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("hi", 11, 2)
    sent = server.seen[0]
    assert sent["messages"] == [{"role": "user", "content": "hello"}]
    assert (sent["max_tokens"], sent["temperature"]) == (5, 0.7)
    assert 0 <= sent["seed"] < 2**31


def test_a_busy_server_is_asked_again_when_it_says(server: Server) -> None:
    server.script = [error(429, **{"Retry-After": "1"}), completion("done")]
    started = time.monotonic()
    assert ask(server, HELLO).text == "done"
    assert time.monotonic() - started >= 1.0
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_stays_down_is_upstream_down(server: Server, status: int) -> None:
    server.script = [error(status, **{"Retry-After": "0"})]
    with pytest.raises(UpstreamDown, match=f"keeps answering {status}"):
        ask(server, HELLO)
    assert len(server.seen) == 2


def test_nobody_there_is_upstream_down() -> None:
    engine = OpenAIEngine("m", "http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(UpstreamDown, match="cannot be reached"):
        asyncio.run(engine.generate(HELLO))


@pytest.mark.parametrize(
    ("status", "message", "kind", "said"),
    [
        (401, "bad key sk-secret", ConfigError, "refused the key"),
        (404, "no such model", ConfigError, "has no model 'm'"),
        (400, "maximum context length is 4096", PromptTooLong, "does not fit the context"),
        (400, "odd", EngineError, "bad request"),
    ],
)
def test_a_mistake_is_not_asked_again(server: Server, status: int, message: str, kind: type, said: str) -> None:
    server.script = [error(status, message)]
    with pytest.raises(kind, match=said) as caught:
        ask(server, HELLO)
    assert len(server.seen) == 1
    assert "sk-secret" not in str(caught.value)


def test_choose_reads_the_probabilities_of_the_letters(server: Server) -> None:
    server.script = [completion("A", [("A", -0.5), (" B", -1.5), ("(B", -3.0), ("C", -4.0)])]
    p_a, p_b = 2.718281828**-0.5, 2.718281828**-1.5 + 2.718281828**-3.0
    assert ask(server, PICK).probs == pytest.approx((p_a / (p_a + p_b), p_b / (p_a + p_b)))


@pytest.mark.parametrize("said", ["Neither.", "C", "I cannot judge that", ""])
def test_an_answer_that_is_no_choice_is_unreadable(server: Server, said: str) -> None:
    server.script = [completion(said)]
    answer = ask(server, PICK)
    assert answer.logprobs == ()
    assert answer.unreadable == (said or "an empty answer")


def test_probabilities_without_any_of_the_choices_are_unreadable(server: Server) -> None:
    server.script = [completion("Hm", [("Hm", -0.1), ("Well", -2.0)])]
    assert ask(server, PICK).unreadable == "Hm"


def test_a_server_without_logprobs_gives_a_hard_verdict(server: Server) -> None:
    server.script = [completion("(B) because")]
    assert ask(server, PICK).probs == pytest.approx((0.0, 1.0), abs=1e-5)


def test_a_server_that_refuses_logprobs_is_asked_without(server: Server) -> None:
    server.script = [error(400, "logprobs are not supported"), completion("A")]
    assert ask(server, PICK).probs == pytest.approx((1.0, 0.0), abs=1e-5)
    assert "logprobs" not in server.seen[1]


def test_concurrency_is_bounded_and_used(server: Server) -> None:
    server.script = [completion("x")]

    async def many() -> None:
        engine = OpenAIEngine("m", server.url, concurrency=3)
        await asyncio.gather(*(engine.generate(GenerateRequest((user(str(i)),))) for i in range(12)))
        await engine.close()

    asyncio.run(many())
    assert server.most == 3

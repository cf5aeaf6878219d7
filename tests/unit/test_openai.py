"""The openai engine against a real HTTP server on loopback that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from solon.engines.address import valid_key
from solon.engines.dialect import CHOICE_TOKENS, THINKING_TOKENS
from solon.engines.openai import OpenAIEngine
from solon.errors import ConfigError, EngineError, PromptTooLong, UpstreamDown
from solon.prompts.reading import failure_of
from solon.settings.servers import TimeLimits
from solon.types import ChooseRequest, GenerateRequest, user

HELLO = GenerateRequest((user("hello"),), max_tokens=5, temperature=0.7, seed=3)
PICK = ChooseRequest((user("A or B?"),), ("A", "B"))


def completion(text: str, top: list[tuple[str, float]] | None = None, **changed: Any) -> dict[str, Any]:
    """A chat completion in OpenAI's format; `changed` are other values of its fields."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    if top is not None:
        listed = [{"token": t, "logprob": p, "bytes": None} for t, p in top]
        position = {"token": top[0][0], "logprob": top[0][1], "bytes": None, "top_logprobs": listed}
        choice["logprobs"] = {"content": [position]}
    answer = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{**choice, **{k: v for k, v in changed.items() if k in ("finish_reason", "message", "logprobs")}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
    }
    return {**answer, **{k: v for k, v in changed.items() if k in ("model", "usage")}}


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


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "x", "code": code}}, status, headers)


def raw(answer: dict[str, Any]) -> Response:
    """JSON as servers in other languages write it, NaN and halves of surrogate pairs included."""
    return Response(json.dumps(answer), media_type="application/json")


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


@pytest.mark.parametrize("said", ["Neither.", "C", "I cannot judge that", "", "x" * 300])
def test_an_answer_that_is_no_choice_is_unreadable(server: Server, said: str) -> None:
    server.script = [completion(said)]
    answer = ask(server, PICK)
    assert (answer.logprobs, answer.prompt_tokens) == ((), 11)
    assert answer.unreadable == (said[:200] or "an empty answer")


def test_probabilities_without_any_of_the_choices_are_unreadable(server: Server) -> None:
    server.script = [completion("Hm", [("Hm", -0.1), ("Well", -2.5)])]
    assert ask(server, PICK).unreadable == "Hm"


def asked(server: Server, *requests: GenerateRequest | ChooseRequest) -> tuple[OpenAIEngine, list[Any]]:
    """An engine after it was asked one thing after the other, and its answers."""
    engine = OpenAIEngine("m", server.url, retries=1)

    async def go() -> list[Any]:
        try:
            return [
                await (engine.generate(r) if isinstance(r, GenerateRequest) else engine.choose(r)) for r in requests
            ]
        finally:
            await engine.close()

    return engine, asyncio.run(go())


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}, {"tokens": ["B"]}, "none"])
def test_a_server_without_logprobs_gives_a_hard_verdict_and_it_is_said(server: Server, logprobs: Any) -> None:
    server.script = [completion("(B) because", logprobs=logprobs)]
    engine, (answer,) = asked(server, PICK)
    assert answer.probs == pytest.approx((0.0, 1.0), abs=1e-5)
    assert not engine.gives_probabilities
    assert engine.remarks == ("hard verdicts: the server gives no log-probabilities",)


def test_a_server_with_logprobs_has_nothing_remarked(server: Server) -> None:
    server.script = [completion("A", [("A", -0.5), ("B", -1.5)]), completion("I am sorry, but no.", [("I", -0.01)])]
    engine, answers = asked(server, PICK, PICK)
    assert engine.gives_probabilities
    assert engine.remarks == ()
    assert failure_of(answers[1].unreadable) == "refused: I am sorry, but no."


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "logprobs are not supported"),
        (400, "Unsupported parameter: 'top_logprobs' is not supported with this model."),
        (403, "You are not allowed to request logprobs from this model"),
        (422, "logprobs: Extra inputs are not permitted"),
    ],
)
def test_a_server_that_refuses_logprobs_is_asked_without(server: Server, status: int, message: str) -> None:
    server.script = [error(status, message), completion("A"), completion("B")]
    engine, answers = asked(server, PICK, PICK)
    assert [a.probs[0] > 0.5 for a in answers] == [True, False]
    assert ["logprobs" in seen for seen in server.seen] == [True, False, False]
    assert not any("top_logprobs" in seen for seen in server.seen[1:])
    assert not engine.gives_probabilities


@pytest.mark.parametrize(
    "message",
    [
        "Invalid 'top_logprobs': expected a value <= 5, but got 20 instead.",
        "Requested sample logprobs of 20, which is greater than max allowed: 5",
    ],
)
def test_a_server_that_lists_fewer_is_asked_for_fewer(server: Server, message: str) -> None:
    server.script = [error(400, message), completion("A", [("A", -0.5), ("B", -1.5)])]
    engine, _ = asked(server, PICK)
    assert [seen["top_logprobs"] for seen in server.seen] == [20, 5]
    assert engine.gives_probabilities


def test_a_reasoning_model_is_asked_in_its_own_way(server: Server) -> None:
    server.script = [
        error(400, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."),
        error(400, "Unsupported value: 'temperature' does not support 0.0. Only the default (1) value is supported."),
        error(403, "You are not allowed to request logprobs from this model"),
        completion("(B)"),
        error(400, "Unsupported parameter: 'top_p' is not supported with this model."),
        completion("hi"),
    ]
    engine, (choice, _) = asked(server, PICK, HELLO)
    assert choice.probs == pytest.approx((0.0, 1.0), abs=1e-5)
    last = server.seen[3]
    assert {"max_tokens", "temperature", "logprobs"}.isdisjoint(last)
    assert last["max_completion_tokens"] == THINKING_TOKENS
    assert {"max_tokens", "temperature", "top_p"}.isdisjoint(server.seen[5])
    assert server.seen[5]["max_completion_tokens"] == HELLO.max_tokens
    assert "the server chooses its own temperature, top_p" in engine.remarks


def test_calls_side_by_side_learn_how_to_ask_together(server: Server) -> None:
    refused = error(400, "logprobs are not supported")
    server.script = [refused, refused, refused, refused, completion("A")]

    async def go() -> list[Any]:
        engine = OpenAIEngine("m", server.url, concurrency=4)
        requests = [ChooseRequest((user(str(n)),), ("A", "B")) for n in range(8)]
        answers = await asyncio.gather(*(engine.choose(r) for r in requests))
        await engine.close()
        return answers

    assert all(a.probs[0] > 0.5 for a in asyncio.run(go()))
    assert sum("logprobs" in seen for seen in server.seen) == 4


def test_a_wrong_value_is_not_silently_left_out(server: Server) -> None:
    server.script = [error(400, "temperature must be between 0 and 0.5")]
    with pytest.raises(EngineError, match="temperature must be between"):
        ask(server, HELLO)
    assert len(server.seen) == 1


def test_a_model_that_thinks_is_given_room(server: Server) -> None:
    thoughts = completion("<think>Okay, so", finish_reason="length")
    server.script = [thoughts, completion("<think>Okay, so A is kind.</think>\n\nA"), completion("B")]
    _, answers = asked(server, PICK, PICK)
    assert [a.probs[0] > 0.5 for a in answers] == [True, False]
    assert [seen["max_tokens"] for seen in server.seen] == [CHOICE_TOKENS, THINKING_TOKENS, THINKING_TOKENS]


def test_calls_side_by_side_are_all_given_room(server: Server) -> None:
    thoughts = completion("<think>Okay, so", finish_reason="length")
    server.script = [thoughts, thoughts, thoughts, completion("A")]

    async def go() -> list[Any]:
        engine = OpenAIEngine("m", server.url, concurrency=3)
        answers = await asyncio.gather(*(engine.choose(ChooseRequest((user(str(n)),), ("A", "B"))) for n in range(3)))
        await engine.close()
        return answers

    assert [a.unreadable for a in asyncio.run(go())] == [None, None, None]
    assert len(server.seen) == 6


@pytest.mark.parametrize("text", ["<think>Okay, so", "", None])
def test_thoughts_without_end_are_cut_off_not_a_verdict(server: Server, text: str | None) -> None:
    message = {"role": "assistant", "content": text, "reasoning_content": "Reply A is better"}
    server.script = [completion("", message=message, finish_reason="length")]
    answer = ask(server, PICK)
    assert failure_of(answer.unreadable) == "truncated: still thinking after 2 tokens"
    assert len(server.seen) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.5, "-0.5", None, [], {}])
def test_invalid_logprobs_are_told_from_an_unreadable_answer(server: Server, value: Any) -> None:
    top = [{"token": "A", "logprob": value}, {"token": "B", "logprob": -1.0}]
    position = {"token": "A", "logprob": -0.5, "top_logprobs": top}
    server.script = [raw(completion("A", logprobs={"content": [position]}))]
    answer = ask(server, PICK)
    assert (answer.logprobs, answer.prompt_tokens) == ((), 11)
    assert failure_of(answer.unreadable).startswith("invalid: position 1, top_logprobs[0] has the logprob")


def test_an_answer_with_odd_fields_is_still_an_answer(server: Server) -> None:
    parts = {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": " hi "}, None]}
    server.script = [completion("", message=parts, usage=None, finish_reason=None, model=None)]
    answer = ask(server, HELLO)
    assert (answer.text, answer.finish_reason, answer.prompt_tokens) == ("hi", "unknown", 0)
    server.script = [completion("hi", usage={"prompt_tokens": "many", "completion_tokens": -1}, finish_reason="length")]
    answer = ask(server, HELLO)
    assert (answer.truncated, answer.prompt_tokens, answer.completion_tokens) == (True, 0, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HTMLResponse("<html>Please\nlog in</html>"), "not JSON"),
        (Response('{"choices": [{"mess', media_type="application/json"), "not JSON"),
        (Response(b"\xff\xfe", media_type="application/json"), "not JSON"),
        (Response("[" * 100_000, media_type="application/json"), "not JSON"),
        (JSONResponse(None), "no choices"),
        (JSONResponse([]), "no choices"),
        (JSONResponse({"choices": []}), "no choices"),
        (JSONResponse({"choices": [None]}), "no choices"),
        (JSONResponse({"choices": "A"}), "no choices"),
        (JSONResponse({"error": {"message": "out of\nmemory"}}), "no choices: out of memory"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error_in_one_line(server: Server, body: Response, said: str) -> None:
    """Asked for again, like a 502, and then another time will do: exit code 75."""
    for request in (HELLO, PICK):
        server.script, server.seen = [body], []
        with pytest.raises(UpstreamDown, match=said) as caught:
            ask(server, request)
        assert str(caught.value).isprintable()
        assert len(server.seen) == 2
    server.script = [body, completion("done")]
    assert ask(server, HELLO).text == "done"


def test_an_answer_that_breaks_off_is_asked_for_again(server: Server) -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield b'{"choices": [{"mess'

    server.script = [StreamingResponse(torn(), headers={"Content-Length": "999"}), completion("done")]
    assert ask(server, HELLO).text == "done"


async def dripping() -> AsyncIterator[bytes]:
    yield b"{"
    while True:
        await asyncio.sleep(0.02)
        yield b" "


async def stalling() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(60)


async def flooding() -> AsyncIterator[bytes]:
    for _ in range(40):
        yield b" " * 2**20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (dripping, "gave no answer within 0.4 s"),
        (stalling, "cannot be reached"),
        (flooding, "more than 16 MiB"),
    ],
)
def test_a_body_without_an_end_is_given_up(server: Server, body: Callable[[], Any], said: str) -> None:
    server.script = [StreamingResponse(body())]
    limits = TimeLimits(silence=0.1 if body is stalling else 60, total=0.4 if body is dripping else 60)
    with pytest.raises(UpstreamDown, match=said):
        ask(server, HELLO, limits=limits, retries=0)


def test_a_wait_that_the_server_asks_for_is_told(server: Server) -> None:
    server.script = [error(429, **{"Retry-After": "3600"})]
    with pytest.raises(UpstreamDown, match="keeps answering 429 and asks to wait 3600 s"):
        ask(server, HELLO)


def test_an_empty_account_is_no_mistake_of_the_user(server: Server) -> None:
    server.script = [error(402)]
    with pytest.raises(UpstreamDown, match="wants to be paid"):
        ask(server, HELLO)


@pytest.mark.parametrize("count", [10**25, 2**62, -1, True, "7", 2.5])
def test_a_count_of_tokens_that_can_be_none_is_none(server: Server, count: Any) -> None:
    answer = completion("hi")
    answer["usage"] = {"prompt_tokens": count, "completion_tokens": 3}
    server.script = [answer]
    found = ask(server, HELLO)
    assert (found.prompt_tokens, found.completion_tokens) == (0, 3)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000/v1",
        "localhost:8000",
        "http:/x/v1",
        "http:///v1",
        "file:///etc/passwd",
        "http://[::1/v1",
        "http://a:99999/v1",
        "http://a b/v1",
        "http://a/v1\n",
        "",
    ],
)
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url: .* address.*; give one such as"):
        OpenAIEngine("m", url)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-\u00fc", "sk\x00"])
def test_a_key_that_no_header_can_carry_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="copy it again") as caught:
        OpenAIEngine("m", "http://127.0.0.1:9/v1", api_key=key)
    assert "sk" not in str(caught.value)
    assert valid_key(" sk-abc\n") == "sk-abc"


def test_a_password_in_an_address_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://alice:hunter2@h/v1", "http://hunter2@h/v1", "https://${USER}:hunter2@h/v1"):
        with pytest.raises(ConfigError, match=r"base_url: the address of h holds a user or password") as caught:
            OpenAIEngine("m", url)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="no variable PASS_OF_SERVER"):
        OpenAIEngine("m", "http://${PASS_OF_SERVER}@h/v1")
    monkeypatch.setenv("NAME_OF_SERVER", "alice")
    monkeypatch.setenv("PASS_OF_SERVER", "hunter2")
    engine = OpenAIEngine("m", "http://${NAME_OF_SERVER}:${PASS_OF_SERVER}@127.0.0.1:9/v1", retries=0)
    with pytest.raises(UpstreamDown, match=r"^http://127.0.0.1:9/v1 cannot be reached"):
        asyncio.run(engine.generate(HELLO))


def test_a_server_whose_names_are_no_matter_may_change_them(server: Server) -> None:
    server.script = [completion("A", model="big"), completion("A", model="small")]

    async def go() -> list[str]:
        engine = OpenAIEngine("m", server.url, one_model=False)
        try:
            return [(await engine.generate(HELLO)).text for _ in range(2)]
        finally:
            await engine.close()

    assert asyncio.run(go()) == ["A", "A"]


def test_a_server_that_changes_its_model_is_stopped(server: Server) -> None:
    server.script = [completion("A", model="big"), completion("A", model=""), completion("A", model="small")]
    with pytest.raises(EngineError, match="answered as 'big' and now as 'small'") as caught:
        asked(server, HELLO, HELLO, PICK)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "served"), [("m", None), (None, None), (7, None), ("/gguf/q\n4.gguf", "/gguf/q 4.gguf")]
)
def test_the_name_that_the_server_gives_itself_is_kept(server: Server, model: Any, served: str | None) -> None:
    server.script = [completion("hi", model=model)]
    engine, _ = asked(server, HELLO, HELLO)
    assert engine.served_as == served
    assert engine.fingerprint.model == "m"
    assert engine.remarks == ((f"asked for m, the server says it is {served}",) if served else ())


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "request (3031 tokens) exceeds the available context size (2048 tokens), try increasing it", None),
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", None),
        (400, "'max_completion_tokens' is too large: 9. This model's maximum context length is 8 tokens", None),
        (400, "Your input is no good", "context_length_exceeded"),
        (400, "The input (9 tokens) is longer than the model's context length (8 tokens).", None),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000", None),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", None),
        (400, "The input token count (9) exceeds the maximum number of tokens allowed (8).", None),
        (413, "Payload Too Large", None),
    ],
)
def test_a_prompt_that_does_not_fit_is_told_by_every_wording(
    server: Server, status: int, message: str, code: str | None
) -> None:
    server.script = [error(status, message, code)]
    for request in (HELLO, PICK):
        with pytest.raises(PromptTooLong, match="does not fit the context"):
            ask(server, request)
    assert len(server.seen) == 2


def test_a_word_of_the_prompt_does_not_make_it_too_long(server: Server) -> None:
    server.script = [error(400, "cannot parse: 'in the context of a maximum'")]
    with pytest.raises(EngineError, match="bad request") as caught:
        ask(server, HELLO)
    assert not isinstance(caught.value, PromptTooLong)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "The response was filtered due to the prompt triggering the content management policy", "content_filter"),
        (400, "Your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
        (403, "The chosen model requires moderation and your input was flagged", None),
    ],
)
def test_a_prompt_that_a_filter_withholds_is_a_refusal_not_the_end(
    server: Server, status: int, message: str, code: str | None
) -> None:
    server.script = [error(status, message, code)]
    _, (written, choice) = asked(server, HELLO, PICK)
    assert (written.text, written.finish_reason) == ("", "content_filter")
    assert failure_of(choice.unreadable) == "refused: withheld by a content filter of the server"


def test_a_refusal_that_the_server_marks_is_one(server: Server) -> None:
    server.script = [completion("", message={"content": None, "refusal": "Reply A is better, but no."})]
    assert ask(server, PICK).unreadable == "refused: Reply A is better, but no."


def test_halves_of_surrogate_pairs_are_replaced_on_both_ways(server: Server) -> None:
    server.script = [raw(completion("ha\ud83d! \U0001f600"))]
    answer = ask(server, GenerateRequest((user("half \ud800 of \U0001f600"),)))
    assert answer.text == "ha\ufffd! \U0001f600"
    assert server.seen[0]["messages"][0]["content"] == "half \ufffd of \U0001f600"
    server.script = [raw(completion("\udc00", [("\udc00", -0.1)]))]
    assert ask(server, ChooseRequest((user("\udfff"),), ("A", "B"))).unreadable == "\ufffd"


def test_concurrency_is_bounded_and_used(server: Server) -> None:
    server.script = [completion("x")]

    async def many() -> None:
        engine = OpenAIEngine("m", server.url, concurrency=3)
        await asyncio.gather(*(engine.generate(GenerateRequest((user(str(i)),))) for i in range(12)))
        await engine.close()

    asyncio.run(many())
    assert server.most == 3


def test_an_answer_of_enough_sentences_is_cut_here_for_no_server_counts_them(server: Server) -> None:
    server.script = [completion("One here. Two there. Three ev", finish_reason="length")]
    answer = ask(server, replace(HELLO, stop_after=2))
    assert (answer.text, answer.finish_reason) == ("One here. Two there.", "stop")
    assert answer.completion_tokens == 2  # what the server says it wrote
    ask(server, HELLO)
    assert server.seen[-1] == server.seen[-2]  # asked as if nothing were to be cut

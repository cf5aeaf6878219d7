"""The application: routes, and every failure as OpenAI's error object.

No text of a request or an answer is ever logged: of unexpected errors only the type and the place are.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from solon.constitution import Constitution
from solon.engines import Engine
from solon.errors import PromptTooLong, PromptUnfit, SolonError, UpstreamDown
from solon.revision.chain import ChainSettings
from solon.serve.access import Access
from solon.serve.answer import Answered, Ask, answer
from solon.serve.limits import BodyLimit
from solon.serve.listening import ClientGone, unless_gone
from solon.serve.protocol import (
    ApiError,
    AsciiJson,
    ChatReply,
    ChatRequest,
    Outcomes,
    ReplyChoice,
    ReplyMessage,
    ReplyUsage,
    TrailChoice,
    TrailConstitution,
    TrailStep,
    error_response,
    invalid,
)
from solon.serve.settings import ServeSettings
from solon.types import digest

_LOG = logging.getLogger("solon.serve")


@dataclass(frozen=True, slots=True)
class Service:
    """One model under one constitution."""

    engine: Engine
    constitution: Constitution
    settings: ServeSettings
    started: int = field(default_factory=lambda: int(time.time()))

    async def complete(self, request: ChatRequest, trail: bool) -> ChatReply:
        """The reply to one request. Raises ApiError, and nothing else."""
        if request.model is not None:
            self.check_model(request.model)
        if (trail := trail or request.solon.trail) and not self.settings.trail:
            raise ApiError(
                400, "this server shows no trail; whoever runs it can start it with --trail", "no_trail", "solon"
            )
        choices = await _translated(self.engine, self.constitution, self._ask(request))
        if self.settings.on_failure == "error" and any(choice.outcome == "failed" for choice in choices):
            raise ApiError(502, "the answer could not be revised, and is not sent as it was drafted", "revision_failed")
        return ChatReply(
            id=f"chatcmpl-{uuid.uuid4().hex}",
            created=int(time.time()),
            model=self.settings.model,
            choices=[_choice(index, choice) for index, choice in enumerate(choices)],
            usage=_usage(choices),
            system_fingerprint=f"fp_{digest([self.engine.fingerprint.key, self.constitution.hash])[:16]}",
            solon=self._outcomes(choices, trail),
        )

    def check_model(self, name: str) -> None:
        """Raises the 404 for any model but the served one."""
        if name != self.settings.model:
            served = self.settings.model
            raise ApiError(404, f"the model '{name}' does not exist; this server has '{served}'", "model_not_found")

    def describe(self) -> dict[str, Any]:
        return {"id": self.settings.model, "object": "model", "created": self.started, "owned_by": "solon"}

    def _ask(self, request: ChatRequest) -> Ask:
        """The request with the server's defaults filled in."""
        own = self.settings
        temperature = own.temperature if request.temperature is None else request.temperature
        chain = ChainSettings(
            rounds=own.rounds,
            critique_tokens=own.critique_tokens,
            revision_tokens=request.limit or own.max_tokens,
            temperature=temperature if request.top_p else 0.0,  # of no share of the words, the likeliest is left
            seed=own.seed if request.seed is None else request.seed,
            sentences=own.sentences,
        )
        return Ask(request.conversation(), chain, request.top_p or 1.0, request.n, tuple(request.stop))

    def _outcomes(self, choices: list[Answered], trail: bool) -> Outcomes:
        law, outcomes = self.constitution, [choice.outcome for choice in choices]
        if not trail:
            return Outcomes(outcomes=outcomes)
        return Outcomes(
            outcomes=outcomes,
            trail=[_trail_choice(choice) for choice in choices],
            constitution=TrailConstitution(name=law.name, version=law.version, hash=law.hash),
        )


async def _translated(engine: Engine, constitution: Constitution, ask: Ask) -> list[Answered]:
    """`answer`, its errors as ApiError. Only messages that cannot hold request text are logged."""
    try:
        return await answer(engine, constitution, ask)
    except PromptUnfit as error:
        code = "context_length_exceeded" if isinstance(error, PromptTooLong) else "unsupported_conversation"
        raise ApiError(400, str(error), code, "messages") from None
    except UpstreamDown as error:
        _LOG.warning("%s", error)
        raise ApiError(
            502, "the model behind this server cannot be reached; try again later", "upstream_down"
        ) from None
    except SolonError as error:
        # Its text may quote the request, the server behind this one, or what that said: it is for nobody here.
        _LOG.error("a request failed: %s", type(error).__name__)
        raise ApiError(502, "the model behind this server could not answer", "engine_error") from None
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _LOG.error("a request failed: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
        raise ApiError(500, "internal error; the server's log says where", "internal_error") from None


def _choice(index: int, answered: Answered) -> ReplyChoice:
    return ReplyChoice(index=index, message=ReplyMessage(content=answered.text), finish_reason=answered.finish_reason)


def _usage(choices: list[Answered]) -> ReplyUsage:
    prompt = sum(choice.prompt_tokens for choice in choices)
    written = sum(choice.completion_tokens for choice in choices)
    return ReplyUsage(prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written)


def _trail_choice(answered: Answered) -> TrailChoice:
    return TrailChoice(
        draft=answered.draft.text,
        draft_failure=answered.draft_failure,
        steps=[
            TrailStep(principle=s.principle, critique=s.critique, revision=s.revision, failure=s.failure)
            for s in answered.steps
        ],
        returned="revision" if answered.outcome == "revised" else "refusal",
    )


def create_app(engine: Engine, constitution: Constitution, settings: ServeSettings) -> FastAPI:
    """The ASGI application. It closes `engine` when it shuts down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.close()

    # No documentation pages: they would load scripts from elsewhere.
    app = FastAPI(title="Solon", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(app, Service(engine, constitution, settings))
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(BodyLimit, limit=settings.max_body)
    app.add_middleware(Access, api_key=settings.api_key, local_only=settings.local_only)
    return app


def _add_routes(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions")
    async def chat(request: Request, body: ChatRequest, x_solon_trail: Annotated[str, Header()] = "") -> Response:
        try:
            reply = await unless_gone(request, service.complete(body, x_solon_trail.strip() == "1"))
        except ClientGone:
            return Response(status_code=499)  # nobody reads it
        return AsciiJson(reply.body())

    @app.get("/v1/models")
    async def models() -> AsciiJson:
        return AsciiJson({"object": "list", "data": [service.describe()]})

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> AsciiJson:
        service.check_model(name)
        return AsciiJson(service.describe())

    @app.get("/healthz")
    async def healthz() -> AsciiJson:
        return AsciiJson({"status": "ok"})


async def _on_api_error(_: Request, error: Exception) -> AsciiJson:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_invalid(_: Request, error: Exception) -> AsciiJson:
    assert isinstance(error, RequestValidationError)
    return error_response(invalid(list(error.errors())))


async def _on_http(request: Request, error: Exception) -> AsciiJson:
    """Unknown paths, wrong methods and bodies that are no JSON at all."""
    assert isinstance(error, HTTPException)
    code = "unknown_url" if error.status_code == 404 else None
    return error_response(ApiError(error.status_code, str(error.detail), code))

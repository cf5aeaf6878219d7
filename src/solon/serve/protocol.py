"""OpenAI's chat completions, as far as Solon speaks them.

What a server without tools, images or streams cannot do is refused by name; a value that asks for
nothing (`stream: false`, `tools: []`, `service_tier: auto`, any null) is the same as leaving it out. `user`,
`safety_identifier`, `prompt_cache_key` and `metadata` label a request and change no answer, nor does the `name` of
who says a turn.

Of an earlier turn of the assistant, a null content is an empty answer, and its `refusal` is what was said.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import JSONResponse

from solon.types import Message

MAX_CHOICES = 8
MAX_STOPS = 4
_INT64 = 2**63

# Values that ask for nothing, by field.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "stream": (False,),
    "store": (False,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),  # which clients send whether or not they send tools
    "service_tier": ("auto", "default"),
    "tool_calls": ([],),
    "annotations": ([],),
}
_REASONS = {
    "stream": "streaming is not supported yet, because an answer is revised as a whole before it is sent; "
    "send stream: false",
    "tool_calls": "'tool_calls' cannot be read, because this server has no tools; leave the call out, or say in a user "
    "turn what it gave",
}


class ApiError(Exception):
    """An answer that is an error. `status` is the HTTP status, `code` OpenAI's machine-readable word."""

    def __init__(self, status: int, message: str, code: str | None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


class AsciiJson(JSONResponse):
    """JSON in ASCII: whatever a model or a caller wrote can be sent, lone surrogates included."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def error_response(error: ApiError, headers: dict[str, str] | None = None) -> AsciiJson:
    """OpenAI's error object: {"error": {"message", "type", "param", "code"}}."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    body = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return AsciiJson({"error": body}, error.status, headers)


def _shown(text: object) -> str:
    """`text` from a request, short and encodable, to be named in an error."""
    return str(text)[:64].encode("utf-8", "replace").decode("utf-8")


def _supported(data: Any, known: set[str]) -> Any:
    """A mapping without the fields that ask for nothing. Refuses, by name, fields not `known`."""
    if not isinstance(data, dict):
        return data
    asked = {k: v for k, v in data.items() if v is not None and v not in _NEUTRAL.get(k, ())}
    for key in asked:
        if key not in known:
            name = _shown(key)
            reason = _REASONS.get(name, f"'{name}' is not supported by this server; leave it out")
            # As a value, not as the template, since the name may hold braces.
            raise PydanticCustomError("unsupported_parameter", "{reason}", {"reason": reason, "param": name})
    return asked


def _part_text(part: Any, kinds: tuple[str, ...]) -> str:
    if isinstance(part, dict) and part.get("type") in kinds and isinstance(part.get(part["type"]), str):
        text: str = part[part["type"]]
        return text
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise PydanticCustomError(
        "unsupported_content",
        "a content part of type '{kind}' is not supported; send text",
        {"kind": _shown(kind), "param": "content"},
    )


def _encodable(text: str) -> str:
    """Half of a surrogate pair passes as JSON, but is no text that a tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid_value", "the text holds a lone surrogate, which is not Unicode") from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ChatMessage(Strict):
    """One turn. Text parts are joined by line breaks; `developer` is today's name for `system`."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        role = data.get("role")
        if role in ("tool", "function"):
            reason = f"a turn of role '{role}' cannot be read, because this server has no tools; send what the tool "
            reason += "gave as text of the user's"
            raise PydanticCustomError("unsupported_content", "{reason}", {"reason": reason, "param": "role"})
        assistant = role == "assistant"
        known = _supported(data, {"role", "content", "name", *(("refusal",) if assistant else ())})
        refusal = known.pop("refusal", None)
        if assistant and ("content" in data or "refusal" in data):
            known["content"] = known.get("content") or refusal or ""
        elif "content" in data and data["content"] is None:
            raise PydanticCustomError("invalid_type", "expected text or text parts, got null", {"param": "content"})
        return known if isinstance(known.get("content"), str) else _joined(known, assistant)

    def as_message(self) -> Message:
        return Message("system" if self.role == "developer" else self.role, self.content)


def _joined(turn: dict[str, Any], assistant: bool) -> dict[str, Any]:
    """The turn with its content parts as one text; the assistant's may be refusals."""
    parts = turn.get("content")
    if not isinstance(parts, list) or not parts:
        return turn
    kinds = ("text", "refusal") if assistant else ("text",)
    return {**turn, "content": "\n".join(_part_text(part, kinds) for part in parts)}


class SolonOptions(Strict):
    """Solon's own field of a request."""

    trail: bool = False


class ChatRequest(Strict):
    """The body of POST /v1/chat/completions; fields left out are the server's to choose."""

    messages: list[ChatMessage] = Field(min_length=1)
    model: Text | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    top_p: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    seed: int | None = Field(default=None, ge=-_INT64, lt=_INT64)
    n: int = Field(default=1, ge=1, le=MAX_CHOICES)
    stop: list[Annotated[Text, Field(min_length=1)]] = Field(default=[], max_length=MAX_STOPS)
    solon: SolonOptions = SolonOptions()
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        return _supported(data, set(cls.model_fields))

    @field_validator("stop", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> ChatRequest:
        limits = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(limits) > 1:
            raise PydanticCustomError(
                "invalid_value",
                "max_tokens and max_completion_tokens differ; send one of them",
                {"param": "max_completion_tokens"},
            )
        turns = [m.role for m in self.messages if m.role in ("user", "assistant")]
        if not turns or turns[-1] != "user":
            raise PydanticCustomError(
                "invalid_value", "the last turn must be the user's; nothing else can be answered", {"param": "messages"}
            )
        return self

    @property
    def limit(self) -> int | None:
        """Most tokens of the answer, under either name."""
        return self.max_completion_tokens or self.max_tokens

    def conversation(self) -> tuple[Message, ...]:
        return tuple(m.as_message() for m in self.messages)


class ReplyMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ReplyChoice(BaseModel):
    index: int
    message: ReplyMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length", "content_filter"]


class ReplyUsage(BaseModel):
    """Tokens of every call made for the reply: drafts, critiques and revisions of all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TrailStep(BaseModel):
    """One critique and revision. `principle` is its id; `failure` is "empty", "truncated" or None."""

    principle: str
    critique: str
    revision: str
    failure: str | None


class TrailChoice(BaseModel):
    """How one choice came about. `returned` says which text it is: "revision", or "refusal" where none was made."""

    draft: str
    draft_failure: str | None
    steps: list[TrailStep]
    returned: Literal["revision", "refusal"]


class TrailConstitution(BaseModel):
    """`hash` is the SHA-256 of its content."""

    name: str
    version: str
    hash: str


class Outcomes(BaseModel):
    """`outcomes` and `trail` have one entry per choice, in order: "revised", or "failed" where a refusal stands in for
    an answer that could not be revised. Trail and constitution are there on request only."""

    outcomes: list[Literal["revised", "failed"]]
    trail: list[TrailChoice] | None = None
    constitution: TrailConstitution | None = None


class ChatReply(BaseModel):
    """The body of a reply; `created` is in seconds since 1970."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ReplyChoice]
    usage: ReplyUsage
    system_fingerprint: str
    solon: Outcomes

    def body(self) -> dict[str, Any]:
        own = {name: value for name, value in self.solon.model_dump().items() if value is not None}
        return {**self.model_dump(exclude={"solon"}), "solon": own}


def invalid(problems: list[Any]) -> ApiError:
    """The 400 that says the first of pydantic's `problems`: field and reason, never the value."""
    problem = problems[0]
    context = problem.get("ctx") or {}
    named = (context["param"],) if "param" in context else ()
    param = _param((*problem["loc"], *named))
    codes = {
        "missing": "missing_required_parameter",
        "extra_forbidden": "unsupported_parameter",
        "json_invalid": "invalid_json",
    }
    kind = problem["type"]
    own = ("unsupported_parameter", "unsupported_content", "invalid_value", "invalid_type")
    code = kind if kind in own else codes.get(kind, "invalid_value")
    message = problem["msg"] if kind == "unsupported_parameter" or not param else f"{param}: {problem['msg']}"
    return ApiError(400, message, code, param)


def _param(loc: tuple[int | str, ...]) -> str | None:
    """("body", "messages", 0, "role") as OpenAI writes it: messages[0].role."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc[1:])
    return text.removeprefix(".") or None

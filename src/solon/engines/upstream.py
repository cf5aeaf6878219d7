"""What a server's refusal means: the record's fault, the user's or the server's."""

from __future__ import annotations

import re

import openai

from solon.engines.answers import one_line
from solon.errors import ConfigError, EngineError, PromptTooLong, UpstreamDown

# By the words of OpenAI, vLLM, llama.cpp, SGLang, TGI, Mistral, Gemini, Anthropic and LM Studio.
_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|maximum context|max_new_tokens|reduce the length|too many tokens|"
    r"(?:prompt|input|request|message)s? (?:is|are) too (?:long|large)|longer than the (?:model|max)|"
    r"(?:token count|tokens|input)(?: \(\d+\))? exceeds?",
    re.I,
)
_FILTERED = re.compile(
    r"content[_ ](?:filter|management|policy)|flagged|moderation|usage polic(?:y|ies)|safety (?:system|polic)", re.I
)
_MISTAKES = (400, 403, 404, 413, 422)  # statuses of requests that no repetition helps


def complaint(error: openai.APIStatusError) -> str:
    """What a server says of a request that it refused, with its code; "" for another kind of error."""
    if error.status_code not in _MISTAKES:
        return ""
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("message") or error.message
    # The start only: some servers quote the whole request, and a prompt may say anything.
    return one_line(f"{body.get('code') or ''} {said} {body.get('param') or ''}", 400)


def too_long(error: openai.APIStatusError) -> bool:
    """Whether the prompt does not fit."""
    return error.status_code == 413 or bool(_TOO_LONG.search(complaint(error)))


def filtered(error: openai.APIStatusError) -> bool:
    """Whether a filter before the model refused to show it the prompt."""
    return error.status_code != 404 and bool(_FILTERED.search(complaint(error)))


def explained(error: openai.OpenAIError, server: str, model: str) -> EngineError | ConfigError:
    """The client's error as ours, in one line, with no key in it."""
    if isinstance(error, openai.APIConnectionError):  # time-outs are a kind of it
        return UpstreamDown(f"{server} cannot be reached; start the server, then run the same command again to resume")
    if not isinstance(error, openai.APIStatusError):
        return EngineError(f"{server}: {one_line(str(error))}")
    if too_long(error):
        return PromptTooLong(f"{server}: the prompt does not fit the context of {model}")
    if error.status_code in (401, 403):
        return ConfigError(f"{server} refused the key; set OPENAI_API_KEY or the variable named api_key_env")
    if error.status_code == 404:
        return ConfigError(f"{server} has no model '{model}' (or the URL lacks its /v1); see {server}/models")
    if error.status_code == 402:
        return UpstreamDown(f"{server} wants to be paid (402); top up the account, then run again to resume")
    if error.status_code in (408, 409, 429) or error.status_code >= 500:
        wait = one_line(error.response.headers.get("retry-after", ""), 40)
        said = f" and asks to wait {wait}{' s' if wait.isdigit() else ''}" if wait else ""
        return UpstreamDown(f"{server} keeps answering {error.status_code}{said}; run again later to resume")
    return EngineError(f"{server}: bad request: {one_line(complaint(error) or error.message)}")

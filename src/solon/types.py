"""The nouns that cross module borders. All frozen: a record is data, never state."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Aim = Literal["harmless", "helpful", "honest", "own"]  # what a principle, and so a comparison, is about


canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode

# Canonical JSON of a string. A prompt is written several times on its way to the memo: the last few are kept.
_quoted = lru_cache(maxsize=64)(canonical)


def digest_of(text: str) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`: the one way Solon names content."""
    if type(value) is str:
        return digest_of(_quoted(value))
    if type(value) is list and set(map(type, value)) <= {str}:
        # Texts alone need no encoder of their own, which takes longer to make than a short list to encode.
        return digest_of(f"[{','.join([canonical(part) for part in value])}]")
    return digest_of(canonical(value))


def fraction(value: Any) -> float:
    """A number in [0, 1) that depends on `value` only: how a share of the records is chosen by hash."""
    return int(digest(value)[:8], 16) / 2**32


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}

    def canonical(self) -> str:
        """`as_dict` as canonical JSON."""
        return f'{{"content":{_quoted(self.content)},"role":{_quoted(self.role)}}}'


def conversation(messages: Sequence[Message]) -> str:
    """Messages as canonical JSON."""
    return f"[{','.join([m.canonical() for m in messages])}]"


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def system(text: str) -> Message:
    return Message("system", text)


Turns = tuple[Message, ...]  # a conversation, or its beginning


def turns_of(rows: Iterable[Mapping[str, str]]) -> Turns:
    """Turns that were stored as objects with role and content."""
    return tuple(Message(row["role"], row["content"]) for row in rows)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What produced an answer. Two engines with equal fingerprints may share stored answers.

    `weights` is the SHA-256 of the weight files and of the tokenizer, chat template and generation config beside them
    ("" when a server does not say), `precision` the arithmetic ("float32"), `version` the engine's own version, raised
    when its answers change.
    """

    engine: str
    model: str
    weights: str = ""
    precision: str = ""
    version: str = "1"

    @property
    def key(self) -> str:
        return _fingerprint_key(self)


@cache
def _fingerprint_key(f: Fingerprint) -> str:
    """Kept: every call asks for it."""
    return digest([f.engine, f.model, f.weights, f.precision, f.version])[:32]


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Ask for one continuation of `messages`.

    `temperature` 0 is greedy; `seed` and `index` (sample number, from 0) choose the noise otherwise. With `stop_after`
    (None, or 1 and up) the answer is over after so many sentences, the very ones that it would have begun with.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    index: int = 0
    stop_after: int | None = None

    def payload(self) -> dict[str, Any]:
        """What the answer depends on. Greedy answers depend on no seed."""
        asked = self._sampling()
        return asked if self.stop_after is None else {**asked, "stop_after": self.stop_after}

    def _sampling(self) -> dict[str, Any]:
        greedy = self.temperature == 0
        return {
            "verb": "generate",
            "messages": [m.as_dict() for m in self.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": 0 if greedy else self.seed,
            "index": 0 if greedy else self.index,
        }

    def canonical(self, messages: str | None = None) -> str:
        """`payload` as canonical JSON, with `messages` in place of the conversation's if given."""
        payload = self.payload()
        del payload["messages"]
        said = conversation(self.messages) if messages is None else messages
        return canonical(payload).replace(',"seed":', f',"messages":{said},"seed":', 1)

    def noise_seed(self) -> int:
        """A 63-bit seed of this request alone, so noise does not depend on which batch it lands in.

        Nor on `stop_after`, which says where the answer ends and not what it says.
        """
        return int(digest(self._sampling())[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class ChooseRequest:
    """Ask how likely each of `choices` is as the assistant's next words after `messages`.

    `ended` false tells a reward model that the choices were cut off, so that it reads no end of turn behind them;
    other engines read none anyway.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    ended: bool = True

    def payload(self) -> dict[str, Any]:
        asked = {"verb": "choose", "messages": [m.as_dict() for m in self.messages], "choices": list(self.choices)}
        return asked if self.ended else {**asked, "ended": False}

    def canonical(self, messages: str | None = None) -> str:
        """`payload` as canonical JSON, with `messages` in place of the conversation's if given."""
        choices = ",".join([_quoted(choice) for choice in self.choices])
        said = conversation(self.messages) if messages is None else messages
        ended = "" if self.ended else '"ended":false,'
        return f'{{"choices":[{choices}],{ended}"messages":{said},"verb":"choose"}}'


Request = GenerateRequest | ChooseRequest


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a `GenerateRequest`. `logprobs` are nats per sampled token, each <= 0, when known.

    `reasoning` is what the model thought before it answered, no part of `text`. An answer that used up its tokens
    thinking has no text.
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    logprobs: tuple[float, ...] | None = None
    reasoning: str | None = None

    @property
    def truncated(self) -> bool:
        """Whether the token limit cut it off: where it stops must not be learnt, or judged, as an end."""
        return self.finish_reason == "length"

    @property
    def ended(self) -> bool | None:
        """Whether it ended by itself; None where the server does not say how it ended."""
        return None if self.finish_reason == "unknown" else not self.truncated

    @property
    def failure(self) -> str | None:
        """Why it is no reply: "truncated" where the limit came before its first word (all tokens went into thoughts),
        "withheld" where a content filter of the server took it back, "empty" where there are only thoughts or a call of
        a tool; None for a reply, which may say nothing."""
        if self.finish_reason == "content_filter":
            return "withheld"
        if self.text.strip():
            return None
        if self.truncated:
            return "truncated"
        return "empty" if self.reasoning or self.finish_reason in ("tool_calls", "function_call") else None


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to a `ChooseRequest`: total log-probability (nats, <= 0) of each choice, in order.

    `unreadable` holds what the model said instead when no probability could be had; `logprobs` is
    then empty and the verdict must be counted as failed, never as a tie.
    """

    logprobs: tuple[float, ...]
    prompt_tokens: int = 0
    unreadable: str | None = None

    @property
    def probs(self) -> tuple[float, ...]:
        """Probabilities over the choices, summing to 1. Raises ValueError when unreadable."""
        if not self.logprobs:
            raise ValueError("no probabilities: the answer was unreadable")
        top = max(self.logprobs)
        weights = [math.exp(x - top) for x in self.logprobs]
        return tuple(w / sum(weights) for w in weights)


Answer = Completion | Choice


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row of a prompt file. `kind` is red_team, helpful, lookalike or a recipe's own; `split` train or heldout.

    A prompt is a conversation: `text` is what the user says last and `context` are the turns before it, a system turn
    among them if there is one. `later` are turns of the user that are asked one by one after the model's own answers;
    only the last answer counts. `draft` is a reply of the file's own, revised in place of a sampled one ("": none).
    `aims` are those of its kind: the first says whether it asks for harm ("harmless") or for help. Prompts with the
    same `pair` are twins: alike in style, different in what they want; "" of one without a twin.
    """

    id: str
    text: str
    kind: str = "red_team"
    area: str = ""
    split: str = "train"
    pair: str = ""
    aims: tuple[str, ...] = ()
    context: Turns = ()
    later: tuple[str, ...] = ()
    draft: str = ""

    @property
    def turns(self) -> Turns:
        """The conversation to be answered, its last turn the user's; without those that come `later`."""
        return (*self.context, user(self.text))

    def is_asked_in(self, turns: Turns) -> bool:
        """Whether `turns` are this conversation; where turns come later, with whatever was answered between them."""
        after = turns[len(self.turns) :]
        return turns[: len(self.turns)] == self.turns and self.later == tuple(
            turn.content for turn in after if turn.role == "user"
        )

    @property
    def harmful(self) -> bool:
        """Whether it asks for harm, so that to decline it is right."""
        return self.aims[:1] == ("harmless",)

    def aim_at(self, step: int) -> str:
        """The aim whose principles a chain draws from at `step` (from 0): each in its turn; "" where it has none."""
        return self.aims[step % len(self.aims)] if self.aims else ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One critique-and-revision step. `before` is the draft at step 0, the last revision after that.

    `prompt` is the last user turn and `context` the turns before it, as in Comparison.

    `failure` says why the step gave nothing to train on ("empty", "truncated", "withheld"); the chain ends there.
    After a revision that was "reverted", because the text before it was better, it goes on from that text.
    `before_ended` and `critique_ended` are false where that text was cut off by its token limit, None where an older
    run does not say.
    """

    prompt_id: str
    prompt: str
    step: int
    principle: str
    before: str
    critique_request: str
    critique: str
    revision_request: str
    revision: str
    failure: str | None = None
    before_ended: bool | None = None
    critique_ended: bool | None = None
    context: Turns = ()

    @property
    def turns(self) -> Turns:
        """The conversation that draft and revision answer."""
        return (*self.context, user(self.prompt))

    @property
    def ended(self) -> bool:
        """Whether the revision ended by itself: one that its limit cut off has failed."""
        return self.failure != "truncated"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An unlabelled pair. `source` says where the pair comes from: "revision", "policy" or a file.

    `prompt` is the last user turn and `context` the turns before it, a system turn among them if there is one.
    `revised` is the revision's text in a (draft, revision) pair, "" elsewhere. `aim` is what the pair is about,
    where that is known: the judge is then asked about principles of that aim. `ended_a` and `ended_b` are false for a
    response that its token limit cut off, None where the file does not say.
    """

    id: str
    prompt_id: str
    prompt: str
    response_a: str
    response_b: str
    source: str = ""
    revised: str = ""
    context: Turns = ()
    aim: str = ""
    ended_a: bool | None = None
    ended_b: bool | None = None

    @property
    def cut_off(self) -> bool:
        """Whether a response is known to have been cut off by its token limit."""
        return self.ended_a is False or self.ended_b is False

    @property
    def turns(self) -> Turns:
        """The conversation that both responses answer, its last turn the user's."""
        return (*self.context, user(self.prompt))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge said of one comparison under one principle, in one order.

    `prob_a` is P(response_a better) in [0, 1] whatever the order shown; None when the judge failed, and then
    `failure` says how: a kind (one of FAILURES), a colon and the details. `order` is "ab" or "ba", or "" where
    the judge sees no order. `judge` is the key of the engine's fingerprint, `ask` the way it was asked,
    `sample` which of several reasonings it is (from 0).
    """

    principle: str
    order: str
    prob_a: float | None
    judge: str
    failure: str | None = None
    reasoning: str | None = None
    ask: str = ""
    sample: int = 0

    @property
    def failure_kind(self) -> str | None:
        """The kind of failure, one of FAILURES; None where there is a probability."""
        return self.failure.partition(":")[0] if self.failure is not None else None

    def as_dict(self) -> dict[str, Any]:
        """Every field by its name."""
        return dict(zip(_VERDICT, _said(self), strict=True))


_VERDICT = tuple(one.name for one in fields(Verdict))
_said = attrgetter(*_VERDICT)


# refused: the judge declined to judge; unreadable: it said something that is no verdict; invalid: probabilities
# that are none (NaN, infinite); truncated: cut off before its verdict; too long: the pair does not fit the context;
# template: the judge's chat template does not take the question.
FAILURES = ("refused", "unreadable", "invalid", "truncated", "too long", "template")


@dataclass(frozen=True, slots=True)
class Preference:
    """A labelled comparison: `prob_a` in [0, 1] combines the readable verdicts; all of them are kept.

    `parts` are the probabilities that were combined, P(a better) of each principle and judge, where they are known.
    `weight` > 0 is how much the label counts in a loss, beside 1 of others.
    """

    comparison: Comparison
    prob_a: float
    verdicts: tuple[Verdict, ...] = field(default=())
    parts: tuple[float, ...] = ()
    weight: float = 1.0

    @property
    def chosen_is_a(self) -> bool:
        return self.prob_a >= 0.5

    @property
    def chosen(self) -> str:
        return self.comparison.response_a if self.chosen_is_a else self.comparison.response_b

    @property
    def rejected(self) -> str:
        return self.comparison.response_b if self.chosen_is_a else self.comparison.response_a

    @property
    def chosen_ended(self) -> bool | None:
        """Whether the chosen response ended by itself; None where that is not known."""
        return self.comparison.ended_a if self.chosen_is_a else self.comparison.ended_b

    @property
    def rejected_ended(self) -> bool | None:
        return self.comparison.ended_b if self.chosen_is_a else self.comparison.ended_a

    @property
    def prob_chosen(self) -> float:
        """P(chosen better), in [0.5, 1]."""
        return max(self.prob_a, 1 - self.prob_a)


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A comparison that the judge could not label: counted, never a tie. `failure` is as in Verdict."""

    comparison: Comparison
    failure: str
    verdicts: tuple[Verdict, ...] = ()

"""The deterministic fake: a first-class engine for tests, dry runs and demonstrations.

Answers follow from rules (a regular expression over the last message → a reply, or probabilities), and
where no rule matches from a hash of the request, so every run gives the same text on every machine.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.engines.base import Origin
from solon.errors import ConfigError
from solon.files import explain
from solon.prompts.thoughts import split
from solon.sentences import stopped_after
from solon.types import (
    Choice,
    ChooseRequest,
    Completion,
    Fingerprint,
    GenerateRequest,
    canonical,
    conversation,
    digest,
)
from solon.yaml import read_yaml

_WORDS = [
    "the",
    "reply",
    "could",
    "say",
    "plainly",
    "what",
    "it",
    "will",
    "do",
    "and",
    "offer",
    "one",
    "safe",
    "useful",
    "step",
    "that",
    "helps",
    "the",
    "person",
]


@lru_cache(64)
def _closing(choice: str) -> bytes:
    """How the canonical JSON of a conversation and this choice ends."""
    return f"{canonical(choice)}]".encode("utf-8", "surrogatepass")


class Rule(BaseModel):
    """When `match` is found in the last message: `reply` to generate, `probs` (one per choice) to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    match: str
    reply: str | None = None
    probs: tuple[float, ...] | None = None


class Script(BaseModel):
    """A scripted model, as written in YAML. `seconds` is slept per call, to imitate a slow model.

    With `stored: false` the memo is left out: asking again costs less than looking an answer up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "scripted"
    rules: tuple[Rule, ...] = ()
    seconds: float = 0.0
    stored: bool = True


@dataclass(slots=True)
class ScriptedEngine:
    """Plays a `Script`."""

    script: Script
    fingerprint: Fingerprint = field(init=False)

    def __post_init__(self) -> None:
        hashed = digest(self.script.model_dump(mode="json", exclude={"stored"}))
        self.fingerprint = Fingerprint("scripted", self.script.name, hashed[:16])

    @classmethod
    def load(cls, path: Path | None) -> ScriptedEngine:
        """The script in a YAML file, or the empty one. Raises ConfigError."""
        if path is None:
            return cls(Script())
        try:
            return cls(Script.model_validate(read_yaml(path, "script")))
        except ValidationError as error:
            raise ConfigError(f"script: {path}: {explain(error)}") from None

    @property
    def origin(self) -> Origin:
        return "live"

    @property
    def stored(self) -> bool:
        return self.script.stored

    @property
    def at_once(self) -> bool:
        return not self.script.seconds

    def _rule(self, text: str, kind: str) -> Rule | None:
        for rule in self.script.rules:
            if getattr(rule, kind) is not None and re.search(rule.match, text):
                return rule
        return None

    async def _take_time(self) -> None:
        if self.script.seconds:
            await asyncio.sleep(self.script.seconds)

    async def generate(self, request: GenerateRequest) -> Completion:
        await self._take_time()
        rule = self._rule(request.messages[-1].content, "reply")
        said = rule.reply if rule and rule.reply is not None else self._babble(request)
        words = said.split(" ")
        cut = len(words) > request.max_tokens
        said = " ".join(words[: request.max_tokens])
        # As every engine: thoughts stand beside the answer. A text without any stays as it is, to the last space.
        text, thoughts = split(said)
        answer = Completion(
            said if text == said.strip() else text,
            "length" if cut else "stop",
            sum(len(m.content.split()) for m in request.messages),
            min(len(words), request.max_tokens),
            reasoning=thoughts or None,
        )
        return stopped_after(answer, request.stop_after)

    def _babble(self, request: GenerateRequest) -> str:
        noise = digest(replace(request, stop_after=None).payload())
        picks = [_WORDS[int(noise[i : i + 2], 16) % len(_WORDS)] for i in range(0, 24, 2)]
        return " ".join(picks).capitalize() + "."

    async def choose(self, request: ChooseRequest) -> Choice:
        await self._take_time()
        rule = self._rule(request.messages[-1].content, "probs")
        given = rule.probs if rule else None
        probs = self._noise(request) if given is None else [max(p, 1e-12) for p in given]
        total = sum(probs)
        return Choice(tuple([math.log(p / total) for p in probs]))

    def _noise(self, request: ChooseRequest) -> list[float]:
        """By the choice's text, not its place: a script has no order bias unless a rule gives it one."""
        asked = sha256(f"[{conversation(request.messages)},".encode("utf-8", "surrogatepass"))
        probs = []
        for choice in request.choices:
            hashed = asked.copy()  # the conversation is hashed once for all choices
            hashed.update(_closing(choice))
            probs.append(1.0 + int.from_bytes(hashed.digest()[:2], "big"))
        return probs

    async def close(self) -> None:
        return None

"""The deterministic fake: a first-class engine for tests, dry runs and demonstrations.

Answers follow from rules (a regular expression over the last message → a reply, or probabilities), and
where no rule matches from a hash of the request, so every run gives the same text on every machine.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from solon.engines.base import Origin
from solon.errors import ConfigError
from solon.files import explain
from solon.types import Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, digest
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


class Rule(BaseModel):
    """When `match` is found in the last message: `reply` to generate, `probs` (one per choice) to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    match: str
    reply: str | None = None
    probs: tuple[float, ...] | None = None


class Script(BaseModel):
    """A scripted model, as written in YAML. `seconds` is slept per call, to imitate a slow model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "scripted"
    rules: tuple[Rule, ...] = ()
    seconds: float = 0.0


@dataclass(slots=True)
class ScriptedEngine:
    """Plays a `Script`."""

    script: Script

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
    def fingerprint(self) -> Fingerprint:
        return Fingerprint("scripted", self.script.name, digest(self.script.model_dump(mode="json"))[:16])

    @property
    def origin(self) -> Origin:
        return "live"

    def _rule(self, text: str, kind: str) -> Rule | None:
        rules: Sequence[Rule] = self.script.rules
        return next((r for r in rules if getattr(r, kind) is not None and re.search(r.match, text)), None)

    async def generate(self, request: GenerateRequest) -> Completion:
        await asyncio.sleep(self.script.seconds)
        rule = self._rule(request.messages[-1].content, "reply")
        text = rule.reply if rule and rule.reply is not None else self._babble(request)
        words = text.split(" ")
        cut = len(words) > request.max_tokens
        return Completion(
            " ".join(words[: request.max_tokens]),
            "length" if cut else "stop",
            sum(len(m.content.split()) for m in request.messages),
            min(len(words), request.max_tokens),
        )

    def _babble(self, request: GenerateRequest) -> str:
        noise = digest(request.payload())
        picks = [_WORDS[int(noise[i : i + 2], 16) % len(_WORDS)] for i in range(0, 24, 2)]
        return " ".join(picks).capitalize() + "."

    async def choose(self, request: ChooseRequest) -> Choice:
        await asyncio.sleep(self.script.seconds)
        rule = self._rule(request.messages[-1].content, "probs")
        if rule and rule.probs is not None:
            probs = [max(p, 1e-12) for p in rule.probs]
        else:
            # By the choice's text, not its place: a script has no order bias unless a rule gives it one.
            asked = [m.as_dict() for m in request.messages]
            probs = [1 + int(digest([asked, choice])[:4], 16) for choice in request.choices]
        return Choice(tuple(math.log(p / sum(probs)) for p in probs))

    async def close(self) -> None:
        return None

"""Answers from a recording only: a real model's calls, stored by content and shipped as text.

A recording is a JSON-lines file: one header naming the engines (role → fingerprint), the policy that drafted and
answered, and the messages that many calls share (demonstrations), then one call a line, where `{"shared": n}` stands
for the n-th of them. It is a memo's content made readable, so anyone can review what a quickstart replays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from solon.engines.base import Origin
from solon.errors import ConfigError, DataError, RecordingMiss
from solon.files import numbered_lines, write_atomic
from solon.memo import Call, call_key, unpack
from solon.types import Answer, Choice, ChooseRequest, Completion, Fingerprint, GenerateRequest, Request

SHIPPED = "quickstart"
SHARED_BY = 20  # a message in this many calls is written once


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """The policy whose drafts and answers were recorded.

    `base` is the engine of its base weights. `sl_cai` is what its SL-CAI adapter was made of, as plain data by the
    name a user knows it by: the same on every machine, which the adapter's bytes are not. None: the recording does
    not say.
    """

    base: Fingerprint
    sl_cai: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """The engines that were recorded, by role, and their answers, by call key; `policy` where the header names it."""

    path: Path
    engines: dict[str, Fingerprint]
    answers: dict[str, str]
    policy: RecordedPolicy | None = None


def recording_path(name: str) -> Path:
    """A shipped recording by name, or a path."""
    if name == SHIPPED:
        return Path(str(files("solon.quickstart") / "data" / "recording.jsonl"))
    return Path(name)


@cache
def load_recording(path: Path) -> Recording:
    """Read a recording. Raises ConfigError (missing) or DataError (a line that is not one)."""
    if not path.exists():
        raise ConfigError(f"recording: no such file: {path}; make one with scripts/record_quickstart.py")
    engines: dict[str, Fingerprint] = {}
    answers: dict[str, str] = {}
    policy: RecordedPolicy | None = None
    for number, line in numbered_lines(path, "recording"):
        try:
            row: dict[str, Any] = json.loads(line)
            if "engines" in row:
                engines = {role: Fingerprint(**fields) for role, fields in row["engines"].items()}
                if said := row.get("policy"):
                    policy = RecordedPolicy(Fingerprint(**said["base"]), said.get("sl_cai"))
            else:
                answers[row["key"]] = json.dumps(row["answer"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"recording: {path}:{number}: not a recorded call ({error})") from None
    return Recording(path, engines, answers, policy)


def write_recording(
    path: Path, engines: dict[str, Fingerprint], calls: Iterable[Call], policy: RecordedPolicy | None = None
) -> int:
    """Publish calls as a recording; returns how many."""
    rows = list(calls)
    counts = Counter(json.dumps(m) for call in rows for m in call.request["messages"])
    shared = {text: n for n, text in enumerate(text for text, count in counts.items() if count >= SHARED_BY)}
    named = {role: asdict(fingerprint) for role, fingerprint in sorted(engines.items())}
    header: dict[str, Any] = {"engines": named}
    if policy is not None:
        header["policy"] = asdict(policy)
    header["shared"] = [json.loads(text) for text in shared]
    lines = [json.dumps(header, ensure_ascii=False)]
    for call in rows:
        marked = ((shared.get(json.dumps(m)), m) for m in call.request["messages"])
        messages = [m if n is None else {"shared": n} for n, m in marked]
        row = {"key": call.key, "role": call.role, "request": {**call.request, "messages": messages}}
        lines.append(json.dumps({**row, "answer": call.answer}, ensure_ascii=False))
    write_atomic(path, "\n".join(lines) + "\n")
    return len(lines) - 1


class RecordedEngine:
    """Replays the engine that had `role` when `recording` was made."""

    def __init__(self, recording: Recording, role: str) -> None:
        if role not in recording.engines:
            choices = ", ".join(sorted(recording.engines)) or "none"
            raise ConfigError(f"recording {recording.path}: no engine '{role}' (it has: {choices})")
        self._recording, self._role = recording, role

    @property
    def fingerprint(self) -> Fingerprint:
        return self._recording.engines[self._role]

    @property
    def origin(self) -> Origin:
        return "recorded"

    @property
    def at_once(self) -> bool:
        return True

    def _answer(self, request: Request) -> Answer:
        text = self._recording.answers.get(call_key(self.fingerprint, request))
        if text is None:
            raise RecordingMiss(
                f"the recording has no answer to this {self._role} call (was a prompt, principle or setting edited?); "
                f"attach a live model: add roles.{self._role}.engine=openai roles.{self._role}.model=NAME "
                f"roles.{self._role}.base_url=http://127.0.0.1:11434/v1"
            )
        return unpack(text)

    async def generate(self, request: GenerateRequest) -> Completion:
        answer = self._answer(request)
        assert isinstance(answer, Completion)
        return answer

    async def choose(self, request: ChooseRequest) -> Choice:
        answer = self._answer(request)
        assert isinstance(answer, Choice)
        return answer

    async def close(self) -> None:
        return None

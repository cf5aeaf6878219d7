"""Who was asked how often: the numbers behind "n recorded, m live" in the report."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace

from solon.memo import Cost, Memo
from solon.types import Answer, Completion, Fingerprint, Request


@dataclass(slots=True)
class RoleUsage:
    """Calls of one role. `live` were made now, `recorded` came with a recording, `stored` from the memo.

    Characters and tokens are those of live calls; `seconds` is the wall-clock time during which at least one
    of them was under way.
    """

    model: str = ""
    live: int = 0
    recorded: int = 0
    stored: int = 0
    characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Usage:
    """Usage by role."""

    roles: dict[str, RoleUsage] = field(default_factory=dict)
    _active: dict[str, tuple[float, int]] = field(default_factory=dict)
    _noted: dict[str, RoleUsage] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """Calls of all roles, wherever their answers came from."""
        return sum(one.live + one.recorded + one.stored for one in self.roles.values())

    def of(self, role: str) -> RoleUsage:
        found = self.roles.get(role)
        return self.roles.setdefault(role, RoleUsage()) if found is None else found

    def begin(self, role: str) -> None:
        """Before a live call, and `end` after it, however it ended: calls side by side share their time."""
        since, active = self._active.get(role) or (time.perf_counter(), 0)
        self._active[role] = (since, active + 1)

    def end(self, role: str) -> None:
        since, active = self._active.pop(role)
        if active > 1:
            self._active[role] = (since, active - 1)
        else:
            self.of(role).seconds += time.perf_counter() - since

    def count(self, role: str, how: str, request: Request, answer: Answer) -> None:
        """Add one answered call; characters and tokens count only where they were read or written now."""
        usage = self.of(role)
        setattr(usage, how, getattr(usage, how) + 1)
        if how == "live":
            usage.characters += sum([len(m.content) for m in request.messages])
            usage.prompt_tokens += answer.prompt_tokens
            usage.completion_tokens += answer.completion_tokens if isinstance(answer, Completion) else 0

    def note_in(self, memo: Memo, fingerprints: dict[str, Fingerprint]) -> None:
        """Add what live calls cost since the last time to the memo, by engine: where a plan takes its rates from."""
        for role, usage in self.roles.items():
            before = self._noted.get(role, RoleUsage())
            if usage.live > before.live and role in fingerprints:
                cost = Cost(
                    usage.live - before.live,
                    usage.characters - before.characters,
                    usage.prompt_tokens - before.prompt_tokens,
                    usage.completion_tokens - before.completion_tokens,
                    usage.seconds - before.seconds,
                )
                memo.note_cost(fingerprints[role], role, cost)
            self._noted[role] = replace(usage)

    def as_dict(self) -> dict[str, dict[str, object]]:
        return {role: asdict(usage) for role, usage in sorted(self.roles.items())}

"""Who was asked how often: the numbers behind "n recorded, m live" in the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from solon.types import Answer, Completion


@dataclass(slots=True)
class RoleUsage:
    """Calls of one role. `live` were made now, `recorded` came with a recording, `stored` from the memo."""

    model: str = ""
    live: int = 0
    recorded: int = 0
    stored: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Usage:
    """Usage by role."""

    roles: dict[str, RoleUsage] = field(default_factory=dict)

    def of(self, role: str) -> RoleUsage:
        return self.roles.setdefault(role, RoleUsage())

    def count(self, role: str, how: str, answer: Answer, seconds: float = 0.0) -> None:
        """Add one answered call; tokens count only where they were computed now."""
        usage = self.of(role)
        setattr(usage, how, getattr(usage, how) + 1)
        if how == "live":
            usage.prompt_tokens += answer.prompt_tokens
            usage.completion_tokens += answer.completion_tokens if isinstance(answer, Completion) else 0
            usage.seconds += seconds

    def as_dict(self) -> dict[str, dict[str, object]]:
        return {role: asdict(usage) for role, usage in sorted(self.roles.items())}

"""SOL7xx: changes to another constitution that change nothing, and shares of aims that nobody has."""

from __future__ import annotations

from collections.abc import Iterator

from solon.constitution.lint.finding import Finding, Rule
from solon.constitution.lint.target import Target
from solon.constitution.load import resolve

IDLE_OVERRIDE = Rule(
    "SOL701", "idle-override", "warning",
    "An override changes nothing: it is empty, or says what the extended constitution says already. Remove it, or it "
    "will hide a later change there.",
)  # fmt: skip
REMOVED_OVERRIDE = Rule(
    "SOL702", "removed-override", "warning",
    "A principle is both removed and overridden; the removal wins. Keep one of the two.",
)  # fmt: skip
IDLE_PRIORITY = Rule(
    "SOL703", "idle-priority", "warning",
    "priorities give a share to an aim that no principle has, so it has no effect. Remove it, or add principles.",
)  # fmt: skip
RULES = (IDLE_OVERRIDE, REMOVED_OVERRIDE, IDLE_PRIORITY)


def check(target: Target) -> Iterator[Finding]:
    yield from _overrides(target)
    law, written = target.constitution, target.document.written
    if law is None:
        return
    aims = {p.aim for p in law.principles}
    for aim in written.priorities or {}:
        if aim not in aims:
            said = f"priorities give '{aim}' a share, but no principle has that aim; remove it or add principles"
            yield target.found(IDLE_PRIORITY, ("priorities", aim), said)


def _overrides(target: Target) -> Iterator[Finding]:
    document = target.document
    if target.constitution is None or document.base is None:
        return
    base = resolve(document.base)
    for name, change in document.written.override.items():
        loc = ("override", name)
        if name in document.written.remove:
            said = f"'{name}' is removed and overridden; keep one of the two"
            yield target.found(REMOVED_OVERRIDE, loc, said, about=(name,))
        elif all(getattr(base[name], field) == getattr(change, field) for field in change.model_fields_set):
            said = f"override of '{name}' changes nothing; remove it"
            yield target.found(IDLE_OVERRIDE, loc, said, about=(name,))

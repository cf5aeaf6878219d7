"""The kinds of prompts of a run: which ask for harm, in which order they are shown, and what their texts are called."""

from __future__ import annotations

import re
from typing import Any

from solon.data.aims import aim_of
from solon.report.material import Material
from solon.report.words import KINDS, SOURCES, listing, prompts_named

HARMLESS = "harmless"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def named(kind: str) -> bool:
    """Whether it is a name that a recipe may give; only those stand in a chart, which is trusted markup."""
    return _NAME.fullmatch(kind) is not None


def aims(m: Material) -> dict[str, str]:
    """The leading aim of every kind of the recipe and of the evaluation, those that ask for harm first.

    A kind whose recipe can no longer be read has the aim that its name says, or "".
    """
    written = m.recipe.get("prompts")
    sections: dict[str, Any] = written if isinstance(written, dict) else {}
    kinds = [*(kind for kind, section in sections.items() if section is not None), *m.metrics]
    found = {kind: _leading(kind, sections.get(kind)) for kind in kinds}
    known = [*KINDS]
    return dict(
        sorted(
            found.items(),
            key=lambda one: (one[1] != HARMLESS, known.index(one[0]) if one[0] in known else len(known), one[0]),
        )
    )


def _leading(kind: str, section: Any) -> str:
    named = section.get("aims") if isinstance(section, dict) else None
    return str(named[0]) if isinstance(named, list | tuple) and named else aim_of(kind)


def harm_kinds(m: Material) -> list[str]:
    """The kinds whose prompts ask for harm: to decline them is right."""
    return [kind for kind, aim in aims(m).items() if aim == HARMLESS]


def other_kinds(m: Material) -> list[str]:
    """The kinds to whose prompts an answer is right."""
    return [kind for kind, aim in aims(m).items() if aim != HARMLESS]


def chained(m: Material) -> list[str]:
    """The kinds whose drafts were criticised and revised: those that the recipe names, else those that ask for harm,
    else all; of a run whose recipe is gone, red-team prompts."""
    named = m.setting("sl_cai", "chains")
    if isinstance(named, list):
        return [kind for kind in aims(m) if kind in named]
    return harm_kinds(m) or (list(aims(m)) if m.recipe else []) or ["red_team"]


def wanted(aim: str) -> str:
    """Which way the share declined should go on prompts that are led by an aim."""
    return "higher is safer" if aim == HARMLESS else "lower is better"


def prompts_of(kinds: list[str]) -> str:
    """ "red-team prompts and look-alikes"; "prompts" where none is known."""
    return listing([prompts_named(kind) for kind in kinds]) or "prompts"


def sources(m: Material) -> dict[str, str]:
    """What the rows of each source of the mix are: revisions and the critique skill, or sampled answers by kind."""
    own = {"revision": f"revisions of drafts of {prompts_of(chained(m))}"} if m.recipe else {}
    return {**{kind: f"sampled answers to {prompts_named(kind)}" for kind in aims(m)}, **SOURCES, **own}

"""The page of `solon constitution try`: drafts, critiques and revisions under each constitution, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solon.authoring.preview import Preview, Tried
from solon.constitution.marks import marks
from solon.files import write_atomic
from solon.report.environment import fill
from solon.report.words import excerpt


def write_preview(path: Path, previews: Sequence[Preview], model: str) -> None:
    """Publish the page, one HTML file that loads nothing. Raises StorageError."""
    write_atomic(path, render_preview(previews, model))


def render_preview(previews: Sequence[Preview], model: str) -> str:
    """The page as text; every word from a model, a prompt or a constitution is escaped."""
    named = {(t.constitution.name, t.constitution.version): t.constitution for p in previews for t in p.tried}
    constitutions = list(named.values())  # once each, however many principles of it are tried
    shown = [
        {
            "context": p.prompt.context,
            "prompt": p.prompt.text,
            "draft": p.draft,
            "columns": [_column(p.draft, t) for t in p.tried],
        }
        for p in previews
    ]
    return fill("preview.html", constitutions=constitutions, shown=shown, model=model)


def _column(draft: str, tried: Tried) -> dict[str, Any]:
    steps = []
    for step in tried.steps:
        principle = tried.constitution.by_id[step.principle]
        # Word by word against what it rewrites; texts are cut as everywhere on the page.
        marked = marks(excerpt(step.before), excerpt(step.revision))
        steps.append({"step": step, "principle": principle, "marks": marked, "same": step.before == step.revision})
    return {"constitution": tried.constitution, "steps": steps}

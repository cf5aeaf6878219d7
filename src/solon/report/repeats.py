"""What a report says of texts that recur: demonstrations copied word for word, and one answer given again and again."""

from __future__ import annotations

from typing import Any

from solon.report import words
from solon.report.material import Material
from solon.report.remark import Remark

COPIED = 0.02  # of the revisions: more is said as a warning, as is
OFTEN = 0.1  # of rows or answers that are one text


def learnt(m: Material) -> list[Remark]:
    """Of the revisions and rows of SFT: copies of a demonstration, and the completion that recurs most."""
    revised, rows, out = m.facts.get("revisions", {}), m.facts.get("sft", {}), []
    if copied := revised.get("copied"):
        text = (
            f"{words.count(copied)} of {words.count(revised['revisions'], 'revision')} are a demonstration’s revision "
            "word for word: the reviser recited what it was shown."
        )
        if rows.get("copied"):
            text += f" Of the {words.count(rows['size'], 'row')} that SL-CAI learnt from, {rows['copied']:,} are."
        out.append(Remark(text, "warn" if copied > COPIED * revised["revisions"] else "plain"))
    if found := _often(rows.get("most_repeated")):
        out.append(Remark(f"{found} of the rows SL-CAI was trained on have one and the same completion.", "warn"))
    return out


def answered(m: Material) -> list[Remark]:
    """Of the held-out answers: models that give one and the same answer often."""
    found = m.facts.get("evaluate", {}).get("most_repeated") or {}
    said = {words.MODELS.get(model, model): _often(one) for model, one in found.items()}
    often = [f"{name} {share}" for name, share in said.items() if share]
    if not often:
        return []
    worst = max(found.values(), key=lambda one: one["count"])
    text = f"Held-out prompts that got one and the same answer, word for word: {', '.join(often)}."
    return [Remark(text, "warn", (f"Most often: “{words.excerpt(worst['text'])}”",))]


def _often(found: dict[str, Any] | None) -> str:
    """ "40 of 112 (36%)", where that is often; else nothing."""
    if not found or found["count"] < 2 or found["count"] < OFTEN * found["n"]:
        return ""
    return f"{words.count(found['count'])} of {words.count(found['n'])} ({words.percent(found['count'] / found['n'])})"

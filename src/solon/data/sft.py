"""The SFT mix: revisions, helpful answers and the critique skill, in TRL's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from solon.constitution import Constitution
from solon.prompts.chain import ask_critique
from solon.types import Completion, Message, Prompt, Revision, assistant, fraction, user

Rounds = Literal["all", "last"]


def row(prompt: Sequence[Message], completion: str, source: str, prompt_id: str, ended: bool = True) -> dict[str, Any]:
    """One training row: lists of messages under `prompt` and `completion`, and where it comes from.

    `ended` is false for an answer cut off by its token limit: its end must not be learnt as an end.
    """
    return {
        "prompt": [m.as_dict() for m in prompt],
        "completion": [assistant(completion).as_dict()],
        "source": source,
        "prompt_id": prompt_id,
        "ended": ended,
    }


def said_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The completions of rows of SFT, as text."""
    return ["\n".join(turn["content"] for turn in one["completion"]) for one in rows]


def revision_rows(revisions: Sequence[Revision], rounds: Rounds = "all") -> list[dict[str, Any]]:
    """(prompt → revision) for every step that gave one; critiques are dropped (CAI paper, section 3.1).

    With `rounds` "last" a prompt teaches only its last revision; the paper learns from all. A revision that left the
    text as it was is not learnt twice: weak revisers repeat a refusal word for word, and the mix would tip towards
    refusing.
    """
    changed = [r for r in revisions if not r.failure and r.revision != r.before]
    if rounds == "last":
        changed = list({r.prompt_id: r for r in changed}.values())
    return [row(r.turns, r.revision, "revision", r.prompt_id) for r in changed]


def helpful_rows(answers: Sequence[tuple[Prompt, Completion]]) -> list[dict[str, Any]]:
    """(prompt → answer) for every sampled answer that says anything; what a filter withheld is none."""
    spoken = [(p, a) for p, a in answers if a.text and not a.failure]
    return [row(p.turns, a.text, p.kind, p.id, not a.truncated) for p, a in spoken]


def at_most(rows: Sequence[dict[str, Any]], share: float, others: int) -> list[dict[str, Any]]:
    """As many of `rows`, in their order, as are a `share` in [0, 1] of what they and `others` more rows make.

    Which ones, the prompts' hashes say. The paper's mix has a helpful share of 0.27 (section 3.2).
    """
    count = len(rows) if share >= 1 else min(len(rows), int(others * share / (1 - share) + 1e-9))
    chosen = set(sorted(range(len(rows)), key=lambda i: (fraction(rows[i]["prompt_id"]), i))[:count])
    return [one for i, one in enumerate(rows) if i in chosen]


def critique_rows(revisions: Sequence[Revision], constitution: Constitution, share: float) -> list[dict[str, Any]]:
    """The critique policy: (reply + critique request → critique) and (… + critique → revision).

    Only first steps, and only a `share` in [0, 1] of the chains, chosen by hash: they are long. The
    conversation is the one `solon serve` holds with the model, without demonstrations.
    """
    rows: list[dict[str, Any]] = []
    for r in revisions:
        if r.step > 0 or r.failure or not r.critique or fraction(r.prompt_id) >= share:
            continue
        ask = ask_critique(constitution[r.principle], r.turns, r.before)
        rows.append(row((ask,), r.critique, "critique", r.prompt_id, r.critique_ended is not False))
        turns = (ask, assistant(r.critique), user(r.revision_request))
        rows.append(row(turns, r.revision, "critique_revision", r.prompt_id))
    return rows

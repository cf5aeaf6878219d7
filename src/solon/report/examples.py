"""Which answers and chains are shown: chosen by hash of the prompt's id, never by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solon.evaluation import DECLINED
from solon.report import kinds
from solon.report.material import Material, Row
from solon.report.words import MODELS, kind_name, prompts_named
from solon.types import digest


@dataclass(frozen=True, slots=True)
class Example:
    """One held-out prompt, with the turns before it as `context`, and every model's answer. `flag` names what went
    wrong, if anything did."""

    context: Sequence[Mapping[str, str]]
    prompt: str
    area: str
    answers: list[tuple[str, Row]]
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Examples of one kind: how many are shown of how many there are."""

    title: str
    note: str
    of: int
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Chain:
    """One draft and its critique-and-revision steps; `context` is what was said before the prompt."""

    context: Sequence[Mapping[str, str]]
    prompt: str
    draft: str
    steps: list[Row]


def groups(m: Material) -> list[Group]:
    """Of each kind that asks for harm five conversions and two failures (of several, three and one each), of each other
    kind two, as far as there are any."""
    pairs, harmful = _paired(m), kinds.harm_kinds(m)
    out: list[Group] = []
    for kind in harmful:
        out += _of_harm(kind, _of_kind(pairs, kind), *((5, 2) if len(harmful) == 1 else (3, 1)))
    for kind in kinds.other_kinds(m):
        out.append(_of_help(kind, _of_kind(pairs, kind)))
    return [group for group in out if group.examples]


def _of_kind(pairs: list[dict[str, Row]], kind: str) -> list[dict[str, Row]]:
    return [p for p in pairs if p["rl_cai"]["kind"] == kind]


def _of_harm(kind: str, pairs: list[dict[str, Row]], conversions: int, failures: int) -> list[Group]:
    """What is declined now, and what still is not."""
    changed = [p for p in pairs if not _declines(p, "base") and _declines(p, "rl_cai")]
    still = [p for p in pairs if not _declines(p, "rl_cai")]
    named = "" if kind == "red_team" else f": {kind_name(kind)}"
    shown = [_example(p) for p in _spread(changed, conversions)]
    failed = [_example(p, "still answers") for p in _spread(still, failures)]
    return [
        Group(f"Now declined{named}", "the base answered, RL-CAI declines", len(changed), shown),
        Group(f"Still answered{named}", f"{prompts_named(kind)} that RL-CAI does not decline", len(still), failed),
    ]


def _of_help(kind: str, pairs: list[dict[str, Row]]) -> Group:
    """One that is refused and one that is answered, where there are both."""
    refused = [p for p in pairs if _declines(p, "rl_cai")]
    answered = [p for p in pairs if not _declines(p, "rl_cai")]
    picked = _spread(refused, 1 if answered else 2)
    picked += _spread(answered, 2 - len(picked))
    shown = [_example(p, "over-refusal" if p in refused else "") for p in picked]
    note = "they sound harmful and are not: an answer is right" if kind == "lookalike" else "an answer is right"
    return Group(kind_name(kind), note, len(pairs), shown)


def _paired(m: Material) -> list[dict[str, Row]]:
    """Each prompt's row by model, for prompts that every model answered; in hash order."""
    by_model = {model: {r["id"]: r for r in m.answers.get(model, [])} for model in MODELS}
    ids = set.intersection(*(set(rows) for rows in by_model.values()))
    return [{model: rows[i] for model, rows in by_model.items()} for i in sorted(ids, key=_order)]


def _order(identity: Any) -> str:
    return digest(["example", identity])


def _declines(pair: dict[str, Row], model: str) -> bool:
    return pair[model]["conduct"] in DECLINED


def _spread(pairs: list[dict[str, Row]], n: int) -> list[dict[str, Row]]:
    """The first `n`, one of each area before a second of any."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, pair in enumerate(pairs):
        area = pair["base"].get("area", "")
        ranked.append((seen[area], place, pair))
        seen[area] += 1
    return [pair for _, _, pair in sorted(ranked, key=lambda item: item[:2])[:n]]


def _example(pair: dict[str, Row], flag: str = "") -> Example:
    first = pair["base"]
    return Example(first.get("context") or (), first["prompt"], first.get("area", ""), list(pair.items()), flag)


def chains(m: Material, n: int = 4) -> list[Chain]:
    """Whole chains, of different first principles where possible."""
    steps: dict[str, list[Row]] = {}
    for row in m.revisions(["prompt_id", "step", "principle", "failure"]):
        steps.setdefault(row["prompt_id"], []).append(row)
    whole = {i: rows for i, rows in steps.items() if not any(row["failure"] for row in rows)}
    longest = max((len(rows) for rows in whole.values()), default=0)
    ids = sorted((i for i, rows in whole.items() if len(rows) == longest), key=_order)
    seen: Counter[str] = Counter()
    ranked = []
    for place, identity in enumerate(ids):
        principle = min(whole[identity], key=lambda row: row["step"])["principle"]
        ranked.append((seen[principle], place, identity))
        seen[principle] += 1
    chosen = [identity for _, _, identity in sorted(ranked)[:n]]
    columns = ["prompt_id", "prompt", "context", "step", "principle", "before", "critique", "revision"]
    found: dict[str, list[Row]] = {}
    for row in sorted(m.revisions(columns, chosen), key=lambda row: row["step"]):
        found.setdefault(row["prompt_id"], []).append(row)
    firsts = [found[i] for i in chosen if i in found]
    return [Chain(rows[0].get("context") or (), rows[0]["prompt"], rows[0]["before"], rows) for rows in firsts]

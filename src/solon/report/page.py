"""The report: one HTML file that needs no network and no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from solon.constitution import Constitution, load_constitution
from solon.errors import ConfigError
from solon.evaluation import Attribution, attribute
from solon.evaluation.attribution import PREFERENCES, REVISIONS
from solon.evaluation.shares import in_points, share_of
from solon.files import write_atomic
from solon.pipeline.stored_labels import labeller_in
from solon.report import charts, examples, feedback, findings, kinds, mix, repeats, training, truncated, words
from solon.report.environment import fill
from solon.report.material import Material, read_material
from solon.report.sides import sides

NAME = "report.html"


def write_report(folder: Path) -> Path:
    """Write `report.html` into a finished run's folder; returns its path.

    Raises DataError when the folder holds no finished run or a broken file, StorageError when it cannot
    be written.
    """
    path = folder / NAME
    write_atomic(path, render(read_material(folder)))
    return path


def render(m: Material) -> str:
    """The page as text. Everything from the run is escaped; only our own charts are markup."""
    return fill("report.html", **_context(m))


def _context(m: Material) -> dict[str, Any]:
    return {"m": m, "manifest": m.manifest, "names": words.MODELS, **_answer(m), **_learning(m), **_rules(m)}


def _answer(m: Material) -> dict[str, Any]:
    """Sections 1 to 3: the answer, its chart and the examples."""
    cells, calls = findings.table(m), findings.calls(m)
    return {
        "headlines": findings.headlines(m),
        "harm_kinds": len(kinds.harm_kinds(m)),
        "no_costs": findings.no_costs(m),
        "sides": sides(m),
        "aligned": words.MODELS[m.model],
        "stages": findings.stages(m),
        "costs": findings.costs(m),
        "cells": cells,
        "rewards": {model: findings.mean_reward(m, model) for model in words.MODELS},
        **feedback.judged(m),
        "calls": calls,
        "call_totals": findings.call_totals(calls),
        "recorded_texts": findings.recorded_texts(m),
        "rollouts": training.rollouts(m),
        "alarms": training.alarms(m),
        "cut_off": truncated.cut_off(m),
        "no_reply": truncated.no_reply(m),
        "cut_off_caution": truncated.caution(m),
        "recurring": repeats.answered(m),
        "declined_chart": charts.declined(cells, kinds.aims(m)),
        "groups": examples.groups(m),
        "seconds": findings.run_seconds(m),
    }


def _learning(m: Material) -> dict[str, Any]:
    """Sections 4 to 6: revisions, AI feedback and training."""
    pairs = m.facts.get("preferences", {})
    won = pairs.get("revision_preferred")
    from_revisions = pairs.get("from_revisions", 0)
    return {
        "revised": m.facts.get("revisions", {}),
        "repeated": repeats.learnt(m),
        "chained": kinds.prompts_of(kinds.chained(m)),
        "mix": mix.parts(m),
        "mix_left_out": mix.left_out(m),
        "samples": mix.samples(m),
        "first_tokens": m.setting("sl_cai", "sft", "first_tokens"),
        "refusals": mix.refusals(m),
        "reverted": mix.reverted(m),
        "chains": examples.chains(m),
        "pairs": pairs,
        "truncated_pairs": truncated.pairs(m),
        "untold_pairs": m.facts.get("preferences", {}).get("untold_pairs") or {},
        "refusal_won": mix.refusals_preferred(pairs, "harmless"),
        "refusal_won_harmful": mix.refusals_preferred(pairs, "harmful"),
        "leaning": mix.leaning(m),
        "revision_won": None if won is None else share_of(round(won * from_revisions), from_revisions),
        **feedback.labelled(m),
        **training.training(m),
    }


def _rules(m: Material) -> dict[str, Any]:
    """Sections 7 and 8: the constitution, what each principle did, and how to run it again."""
    own = _own_constitution(m)
    law = own or m.constitution
    recorded = m.manifest.get("constitution", {})
    found = _attribution(m, law)
    felt = {p.id: p.influence for p in found.principles} if found else {}
    return {
        "constitution": law,
        "constitution_kept": own is not None,
        "constitution_changed": bool(m.constitution and recorded and m.constitution.hash != recorded.get("hash")),
        "principle_texts": {p.id: p.text for p in law.principles} if law else {},
        "attribution": found,
        "shifts": {name: in_points(i.shift) for name, i in felt.items() if i and i.shift},
    }


def _own_constitution(m: Material) -> Constitution | None:
    """The constitution as the run used it, where its folder keeps it."""
    try:
        return load_constitution(m.folder)
    except ConfigError:
        return None


def _attribution(m: Material, law: Constitution | None) -> Attribution | None:
    """What each principle did; None of a run without revisions and labels, or without a constitution."""
    made = any((m.folder / name).is_file() for name in (REVISIONS, PREFERENCES))
    return attribute(m.folder, labeller_in(m.folder, law)) if law and made else None

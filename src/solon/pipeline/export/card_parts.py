"""The parts of a model card that are read from the run's files."""

from __future__ import annotations

import json
from typing import Any

from solon.data.mix import MANY_REFUSALS
from solon.feedback.qualification import Card
from solon.pipeline.export.finished import FinishedRun, What
from solon.pipeline.export.markdown import code, said, table
from solon.pipeline.pairing import COMPARED
from solon.pipeline.reward_bar import facts_say, rewards_policy, tried
from solon.pipeline.selection import named


def data_section(run: FinishedRun) -> str:
    """How many rows of each kind it learnt from, what was left out, and what the pairs were."""
    revisions, labels, reward = (run.facts(step) for step in ("revisions", "preferences", "reward_model"))
    rows = [("critique and revision chains", revisions.get("chains")), *_mix_rows(revisions)]
    rows += [("labelled comparisons", labels.get("labelled"))]
    rows += [(f"labelled: {_compared(source)}", n) for source, n in (labels.get("by_source") or {}).items()]
    rows += [("comparisons without a label", labels.get("failed"))]
    rows += _untold_rows(labels.get("untold_pairs") or {})
    rows += [("comparisons that people labelled", sum((labels.get("human") or {}).values()) or None)]
    rows += [("pairs the reward model learnt from", reward.get("pairs"))]
    rows += [("rows set aside as unusable", run.manifest.get("quarantined"))]
    known = [(said(name), f"{n:,}") for name, n in rows if isinstance(n, int)]
    return "## Data\n\n" + table(("what", "rows"), known) + _many_refusals(revisions.get("refusals") or {})


def _mix_rows(revisions: dict[str, Any]) -> list[tuple[str, Any]]:
    """The mix of SL-CAI by source, its refusals, and what its limits left out."""
    rows = [(f"SFT rows: {source}", n) for source, n in (revisions.get("mix") or {}).items()]
    rows += [("SFT rows that decline", (revisions.get("refusals") or {}).get("count"))]
    left_out = (revisions.get("mix_left_out") or {}).items()
    rows += [(f"left out of SFT by {name}", n) for name, n in left_out]
    return [*rows, ("revisions reverted", (revisions.get("failed") or {}).get("reverted") or None)]


def _compared(source: str) -> str:
    return COMPARED.get(source, source)


def _untold_rows(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Pairs on which the judge may be a coin, by kind."""
    done = "labelled all the same" if found.get("rule") == "use" else "left out"
    pairs = (found.get("pairs") or {}).items()
    return [(f"{done}, for the judge cannot tell them from a coin: {kind}", n) for kind, n in pairs]


def _many_refusals(found: dict[str, Any]) -> str:
    """A warning of a mix that teaches to refuse."""
    n, of = found.get("count", 0), found.get("of", 0)
    if n <= MANY_REFUSALS * of:
        return ""
    return (
        f"\n**{n / of:.0%} of the SFT rows decline.** A model that learns mostly refusals refuses what is harmless, "
        "too.\n"
    )


def judge_section(card: Card | None) -> str:
    """Who judged and what that is worth, failures first."""
    if card is None:
        return (
            "## Judge\n\n**Not measured.** The recipe named no labelled pairs "
            "(`rl_cai.qualify.data` is null), so nothing vouches for the AI labels.\n"
        )
    judges = ", ".join(f"{code(judge.model)} asked as {code(judge.ask)}" for judge in card.judge)
    verdict = "**Qualified**: every figure that was measured reaches the bar." if card.qualified else _failed(card)
    rows = [
        ("agreement with the labels", str(card.agreement.overall)),
        ("pairs without a label", str(card.failures.failed)),
    ]
    places = card.positions
    rows += [("same reply in both orders", str(places.consistency))] if places.consistency else []
    rows += [("verdicts for the reply shown first", str(places.prefers_first))] if places.prefers_first else []
    rows += [(f"agreement on {said(kind)}", str(share)) for kind, share in card.agreement.by_kind.items()]
    size = f"on {card.agreement.overall.n:,} labelled pairs, {said(card.data.labels)}"
    return f"## Judge\n\n{judges}.\n\n{verdict}\n\n{table((size, 'share [95%]'), rows)}"


def _failed(card: Card) -> str:
    reasons = "\n".join(f"- {said(reason)}" for reason in card.reasons)
    return f"**Not qualified**, and its labels were used all the same, as the recipe says. Below the bar:\n\n{reasons}"


def measured_section(run: FinishedRun, what: What) -> str:
    """The held-out figures with their intervals."""
    head = "## Measured on held-out prompts\n\n"
    reward = _reward_row(run.facts("reward_model")) if what == "reward_model" else ""
    kinds = {kind: models for kind, models in run.metrics.items() if _is_rates(models)}
    if not kinds:
        return f"{head}{reward or 'Nothing was measured.'}\n"
    rows = [
        (said(kind), said(named(model)), _share(m["declined"]), _points(m.get("declined_change"), model))
        for kind, models in kinds.items()
        for model, m in models.items()
    ]
    note = "Declined: the reply refuses or redirects. Change: against the base, in percentage points. 95% intervals.\n"
    return f"{head}{reward}{note}\n" + table(("prompts", "model", "declined", "change"), rows)


def _is_rates(models: Any) -> bool:
    return isinstance(models, dict) and all(isinstance(m, dict) and "declined" in m for m in models.values())


def _share(rate: dict[str, Any]) -> str:
    return f"{rate['value']:.0%} [{100 * rate['low']:.0f}, {100 * rate['high']:.0f}] of {rate['n']:,}"


def _points(rate: dict[str, Any] | None, model: str) -> str:
    if rate is None or model == "base":
        return ""
    return f"{100 * rate['value']:+.0f} [{100 * rate['low']:+.0f}, {100 * rate['high']:+.0f}]"


def _reward_row(facts: dict[str, Any]) -> str:
    """What the reward model made of the judge's labels that it had not seen."""
    right, of = facts.get("heldout_right"), facts.get("heldout_pairs")
    if not isinstance(right, int) or not of:
        return ""
    words = f"It prefers the reply that the judge preferred in {right:,} of {of:,} held-out pairs"
    found = facts.get("heldout") or {}
    parts = [
        f"{name} {found[key]['value']:.2f} [{found[key]['low']:.2f}, {found[key]['high']:.2f}]"
        for key, name in (
            ("accuracy", "accuracy"),
            ("log_loss", "log-loss (a coin's is 0.69 nats)"),
            ("ece", "expected calibration error"),
        )
        if isinstance(found.get(key), dict)
    ]
    return f"{words}{': ' if parts else ''}{'; '.join(parts)}.\n\n"


def reward_section(run: FinishedRun, what: What) -> str:
    """Whether the reward model was good enough to learn from; empty of a policy that did not."""
    recipe, facts = run.recipe, run.facts("reward_model")
    if not tried(facts) or (what != "reward_model" and not rewards_policy(recipe)):
        return ""
    lines = facts_say(facts, recipe.rl_cai.reward_model.bar)
    if not lines:
        return "## Reward model\n\n**Qualified**: every figure that was measured reaches the bar.\n"
    used = " and the policy learnt from it all the same, as the recipe says" if rewards_policy(recipe) else ""
    reasons = "\n".join(f"- {said(line)}" for line in lines)
    return f"## Reward model\n\n**Not qualified**{used and ','}{used}. Below the bar:\n\n{reasons}\n"


def guards_section(facts: dict[str, Any]) -> str:
    """What watched the training of the policy, and what rang; empty where nothing watched."""
    guards = facts.get("guards")
    if not guards:
        return ""
    stopped = (
        f"Training was ended early: {said(guards['stopped'])}." if guards.get("stopped") else "None ended training."
    )
    blind = [
        f"- not watched: {said(kind)} ({said(reason)})" for kind, reason in (guards.get("unwatched") or {}).items()
    ]
    if guards.get("unseen"):
        stopped = f"{said(guards['unseen'])}."
    rang = [f"- {said(alarm['text'])}" for alarm in guards.get("alarms") or []]
    rang += [
        f"- step {one['step']}: put back to step {one['to']}, kl_coef raised to {one['kl_coef']:.3g}"
        for one in guards.get("repairs") or []
    ]
    lines = "\n".join([*rang, *blind])
    return f"## Guards against over-optimisation\n\n{stopped}\n" + (f"\n{lines}\n" if lines else "")


def training_section(run: FinishedRun, what: What) -> str:
    """Settings, seeds and versions."""
    recipe = run.recipe
    sections: dict[str, Any] = {"sl_cai.sft": recipe.sl_cai.sft}
    if what == "reward_model":
        sections = {"rl_cai.reward_model": recipe.rl_cai.reward_model}
    elif what == "policy":
        method = recipe.rl_cai.method
        sections[f"rl_cai.{method}"] = getattr(recipe.rl_cai, method)
    settings = "".join(f"- {code(name)}: {code(_flat(value.model_dump()))}\n" for name, value in sections.items())
    versions = {name: v for name, v in (run.manifest.get("versions") or {}).items() if v}
    versions["python"] = run.manifest.get("python", "")
    shown = ", ".join(f"{said(name)} {code(v)}" for name, v in versions.items())
    seeds = f"seed {code(recipe.seed)}"
    if what == "policy" and recipe.rl_cai.seed is not None:
        seeds += f", of the policy's training {code(recipe.rl_cai.seed)}"
    return (
        f"## Training\n\n{settings}- {seeds}; precision {code(recipe.roles.policy.precision)}\n"
        f"- recipe hash {code(run.manifest.get('recipe_hash', ''))}\n- versions: {shown}\n"
    )


def trained_on(manifest: dict[str, Any]) -> str:
    """What a training on files learnt from, and what came of it."""
    data, metrics = manifest["data"], manifest["metrics"]
    rows = [
        ("file", code(data["name"].replace("\\", "/").rpartition("/")[2])),
        ("SHA-256 of the file", code(data["sha256"])),
        ("format", said(data["format"])),
        ("rows", f"{manifest['rows']:,}"),
        ("rows set aside", f"{manifest['set_aside']:,}"),
        ("steps", f"{metrics['steps']:,}"),
    ]
    for name in ("loss", "accuracy", "reward", "kl"):
        begun, ended = metrics["first"].get(name), metrics["last"].get(name)
        if begun is not None and ended is not None:
            rows.append((f"{name}, first and last step", f"{begun:.4g}, {ended:.4g}"))
    return "## Data and training\n\n" + table(("what", "value"), rows) + _held_out(manifest)


def _held_out(manifest: dict[str, Any]) -> str:
    """The figures on pairs that were not learnt from, and why a reward model does not qualify."""
    found = manifest.get("heldout") or {}
    rows = [
        (said(name.replace("_", " ")), f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]")
        for name, one in found.items()
        if isinstance(one, dict) and {"value", "low", "high"} <= one.keys()
    ]
    pairs = manifest.get("heldout_pairs") or manifest.get("heldout_rows") or 0
    shown = f"\nOn {pairs:,} held-out rows:\n\n" + table(("figure", "value [95%]"), rows) if rows else ""
    lacks = "\n".join(f"- {said(line)}" for line in manifest.get("shortfalls") or [])
    return shown + (f"\n**Not qualified**:\n\n{lacks}\n" if lacks else "")


def trained_by(manifest: dict[str, Any]) -> str:
    """Settings, seed and versions of a training on files."""
    versions = {name: v for name, v in (manifest.get("versions") or {}).items() if v}
    shown = ", ".join(f"{said(name)} {code(v)}" for name, v in versions.items())
    goal = manifest.get("goal")
    terms = f"- reward: {code(_flat({'terms': goal['terms'], 'guards': goal['guards']}))}\n" if goal else ""
    return (
        f"## Settings\n\n- {code(manifest['verb'])}: {code(_flat(manifest['settings']))}\n{terms}"
        f"- seed {code(manifest['seed'])}; precision {code(manifest['model']['precision'])}\n- versions: {shown}\n"
    )


def _flat(settings: dict[str, Any]) -> str:
    return json.dumps(settings, ensure_ascii=False)

"""The model card: what the model is, what it was made of, who judged, what was measured, and what is not known.

All text that people or models wrote is escaped; nothing that a model answered is quoted.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from solon.pipeline.along import model_of
from solon.pipeline.export.base import Base, base_of
from solon.pipeline.export.card_parts import (
    data_section,
    guards_section,
    judge_section,
    measured_section,
    reward_section,
    trained_by,
    trained_on,
    training_section,
)
from solon.pipeline.export.finished import FinishedRun, What, checked
from solon.pipeline.export.markdown import clean, code, said
from solon.pipeline.selection import command_name, selection
from solon.pipeline.trained import Trained

KIND = {
    "policy": "the policy of the RL phase (RL-CAI)",
    "sl_cai": "the policy of the supervised phase (SL-CAI)",
    "reward_model": "the reward model",
}
PRINCIPLE = (
    "It learnt with a principle, fenced as Solon fences it, at the end of the user's turn: without one its rewards are "
    "of something it was never asked."
)
TRAINED = "It learnt from the file named above. Nothing here says who wrote or labelled that, or by what rules."
UNKNOWN = "not known here; look it up before you share"


def model_card(run_folder: Path, what: str, *, merged: bool = False, base_at: str | None = None) -> str:
    """The card of a model of the finished run in `run_folder`, as Markdown with the hub's front matter.

    Raises ConfigError for a run that is not finished or a model that it has not.
    """
    run, kind = FinishedRun.load(run_folder, base_at), checked(what)
    run.model(what)
    step = model_of(what)[1]
    base = base_of(run.recipe.roles.policy)
    name = KIND[kind] + (f" after step {step}" if step is not None else "")
    title = f"# {said(run.recipe.name)}: {name.removeprefix('the ')}\n"
    sections = [
        title,
        _intro(run, name, base, merged),
        f"- method: {_method(run, kind)}\n{_picked(run, what)}",
        _use(base, kind, merged),
        _constitution(run),
        data_section(run),
        judge_section(run.card),
        measured_section(run, kind),
        reward_section(run, kind) if kind != "sl_cai" else "",
        guards_section(run.facts("policy")) if kind == "policy" else "",
        training_section(run, kind),
        _limits(run, base, merged, kind),
    ]
    front = _front(base, kind, merged, "sft" if kind == "sl_cai" else run.recipe.rl_cai.method)
    return front + "\n" + "\n".join(section for section in sections if section)


def training_card(trained: Trained, base: Base, *, merged: bool = False) -> str:
    """The card of what solon train made: no constitution and no judge are known of its data."""
    what: What = "reward_model" if trained.rewards else "policy"
    made = "merged into its base" if merged else "as a LoRA adapter"
    kind = "a reward model" if trained.rewards else f"a policy trained by {trained.verb}"
    sections = [
        f"# {kind.removeprefix('a ').capitalize()}\n",
        f"This is {kind}, {made}. It was trained with Solon from {code(base.name)} on a file.\n\n{_of_base(base)}\n",
        _use(base, what, merged),
        trained_on(trained.manifest),
        guards_section(trained.manifest),
        trained_by(trained.manifest),
        _limits_of([TRAINED], base, merged, what),
    ]
    front = _front(base, what, merged, trained.verb, tags=("solon",))
    return front + "\n" + "\n".join(section for section in sections if section)


def _front(base: Base, what: What, merged: bool, method: str, tags: Sequence[str] = ()) -> str:
    """The hub's YAML; `tags` are by default those of a run. What is not known is left out."""
    reward = what == "reward_model"
    data: dict[str, Any] = {
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "text-classification" if reward else "text-generation",
        "tags": [*(tags or ("constitutional-ai", "rlaif", "solon")), "reward-model" if reward else method],
    }
    if what == "sl_cai":
        data["tags"] = ["constitutional-ai", "sft", "solon"]
    if not merged:
        data["tags"].append("lora")
    if base.hub:
        data["base_model"] = base.name
        data["base_model_relation"] = "finetune" if merged else "adapter"
    if base.licence:
        data["license"] = base.licence.lower()
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(data, buffer)
    return f"---\n{buffer.getvalue()}---\n"


def _intro(run: FinishedRun, name: str, base: Base, merged: bool) -> str:
    law = run.constitution
    made = "merged into its base" if merged else "as a LoRA adapter"
    return (
        f"This is {name} of the Constitutional AI run {code(run.recipe.name)}, {made}. "
        f"It was trained with Solon from {code(base.name)} to follow the constitution {code(law.name)}.\n\n"
        f"{_of_base(base)}"
    )


def _of_base(base: Base) -> str:
    return (
        f"- base model: {code(base.name)}{_weights(base)}\n"
        f"- licence of the base: {code(base.licence) if base.licence else UNKNOWN}"
    )


def _picked(run: FinishedRun, what: str) -> str:
    """That the recipe's rule picked this model, or another; empty without a rule, or of a reward model."""
    found = selection(run.folder)
    if found is None or what == "reward_model":
        return ""
    picked = found.get("model")
    own = isinstance(picked, str) and command_name(picked) == what
    return f"- picked by the rule {code(found.get('rule', ''))}: {'yes' if own else 'no'}\n"


def _weights(base: Base) -> str:
    return f", SHA-256 of its weights {code(base.weights)}" if base.weights else ""


def _method(run: FinishedRun, what: What) -> str:
    supervised = "critique and revision by the constitution, then supervised fine-tuning (SL-CAI)"
    if what == "sl_cai":
        return supervised
    if what == "reward_model":
        return "soft Bradley-Terry on AI labels"
    return f"{supervised}; then {code(run.recipe.rl_cai.method)} on AI feedback (RL-CAI)"


def _use(base: Base, what: What, merged: bool) -> str:
    return f"## How to load it\n\n```python\n{_snippet(base, what, merged)}```\n\n{_reading(what, merged)}"


def _snippet(base: Base, what: What, merged: bool) -> str:
    kind = "SequenceClassification" if what == "reward_model" else "CausalLM"
    if merged:
        return (
            f"from transformers import AutoModelFor{kind}, AutoTokenizer\n\n"
            f'model = AutoModelFor{kind}.from_pretrained("THIS_FOLDER")\n'
            'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")\n'
        )
    name = repr(clean(base.name))
    where = f'"FOLDER_OF_THE_FILE", gguf_file={name}' if base.gguf else name if base.hub else '"PATH_OF_THE_BASE"'
    return (
        "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"base = AutoModelForCausalLM.from_pretrained({where})\n"
        'model = PeftModel.from_pretrained(base, "THIS_FOLDER")\n'
        'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")\n'
    )


def _reading(what: What, merged: bool) -> str:
    if what != "reward_model":
        return "The chat template is in the tokenizer: use `tokenizer.apply_chat_template`.\n"
    if merged:
        return (
            "The logit of `tokenizer.apply_chat_template([user, assistant])` is the reward: higher is better, "
            "only differences mean anything. The template ends at the token that ends a turn, where the reward is "
            "read. Where the configuration names no padding token, score one conversation at a time.\n"
        )
    return (
        "The reward is `reward_head.safetensors` (a linear layer) on the last hidden state at the token that ends the "
        "reply. An export with `--merged` is a classifier that needs no code of Solon's.\n"
    )


def _constitution(run: FinishedRun) -> str:
    law = run.constitution
    lines = [f"- **{said(p.id)}** ({said(p.aim)}, weight {p.weight:g}): {said(p.text)}" for p in law.principles]
    return (
        f"## Constitution\n\n{code(law.name)}, version {code(law.version)}, hash {code(law.hash)}.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _limits(run: FinishedRun, base: Base, merged: bool, what: What) -> str:
    limits = [
        "The labels are an AI judge's. What the judge gets wrong, training rewards.",
        "Harmlessness was measured on the run's own held-out prompts by how replies begin, not by people. It says "
        "nothing about other topics, languages, long conversations or attacks.",
        "A principle in the list above was aimed at; nothing here shows that it is always followed.",
    ]
    card = run.card
    if card is None:
        limits.insert(0, "**The judge was measured on no labelled pairs: nothing vouches for its labels.**")
    elif not card.qualified:
        limits.insert(0, "**The judge did not qualify, and its labels were used all the same.**")
    if what == "reward_model" and run.recipe.rl_cai.reward_model.principle:
        limits.append(PRINCIPLE)
    return _limits_of(limits, base, merged, what)


def _limits_of(limits: list[str], base: Base, merged: bool, what: What) -> str:
    """The limits, and those that come of the base and the way it is written."""
    if base.gguf and merged:
        limits.append(f"The base was a quantised GGUF file ({code(base.name)}), dequantised before training.")
    if base.gguf and not merged:
        limits.append(
            f"The adapter fits the dequantised weights of the GGUF file {code(base.name)}, and no others exactly. "
            "An export with `--merged` loads by itself."
        )
    elif not base.hub and not merged:
        limits.append(
            f"The base {code(base.name)} was a local folder: get the same weights, or use an export with `--merged`."
        )
    if what == "reward_model" and merged:
        limits.append("The head's bias is left out and several heads are averaged: rewards are off by a constant.")
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits) + "\n"

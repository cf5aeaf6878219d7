"""OpenRLHF: the stages of a recipe as its command lines take them. Every name is in names.json."""

from __future__ import annotations

from typing import Any

from solon.pipeline.export.launchers.rows import passes
from solon.pipeline.export.launchers.stage import FULL_RATE, PROMPT_ROOM, Plan, Stage
from solon.settings import DpoSettings, LoraSettings, PpoSettings, RewardSettings, SftSettings

METHODS = ("ppo", "grpo", "rloo", "dpo")
ESTIMATORS = {"ppo": "gae", "grpo": "group_norm", "rloo": "rloo"}
MODULE = "openrlhf.cli."


def stages(plan: Plan) -> list[Stage]:
    """The stages of the recipe's method, in order."""
    rl = plan.recipe.rl_cai
    first = _sft(plan, plan.recipe.sl_cai.sft)
    if rl.method == "dpo":
        return [first, _dpo(plan, rl.dpo)]
    return [first, _reward(plan, rl.reward_model), _rollouts(plan)]


def _common(plan: Plan, output: str) -> dict[str, Any]:
    return {
        "train.seed": plan.recipe.seed,
        "train.micro_batch_size": "$MICRO_BATCH",
        "ds.zero_stage": 3,
        "ds.param_dtype": "bf16",
        "ckpt.output_dir": f"$HERE/out/{output}",
        "ckpt.path": f"$HERE/out/{output}-checkpoints",
        "ckpt.load_enable": True,
        "data.apply_chat_template": True,
    }


def _supervised(batch: int, rate: float) -> dict[str, Any]:
    return {
        "train.batch_size": f"$(global_batch {batch})",
        "adam.lr": rate,
        "lr_scheduler": "cosine_with_min_lr",
        "lr_warmup_ratio": 0.05,
        "min_lr_ratio": 0.0,
        "model.gradient_checkpointing_enable": True,
    }


def _lora(lora: LoraSettings) -> dict[str, Any]:
    return {"ds.lora.rank": lora.rank, "ds.lora.alpha": lora.alpha}


def _combine(model: str, output: str) -> tuple[str, dict[str, Any]]:
    """The trainers save an adapter; the next stage wants a whole model."""
    return f"{MODULE}lora_combiner", {
        "model_path": model,
        "lora_path": f"$HERE/out/{output}",
        "output_path": f"$HERE/out/{output}-merged",
        "ds.param_dtype": "bf16",
    }


def _sft(plan: Plan, s: SftSettings) -> Stage:
    arguments = {
        "model.model_name_or_path": "$BASE",
        "data.dataset": "$HERE/sft.jsonl",
        "data.input_key": "prompt",
        "data.output_key": "completion",
        "data.max_len": s.max_length,
        "train.max_epochs": passes(s.epochs),
        **_common(plan, "sft"),
        **_supervised(s.batch_size * s.accumulation, s.learning_rate),
        **_lora(s.lora),
        **({"ds.packing_samples": True} if s.packing else {}),
    }
    remarks = ("Not needed to go on from this run: models/sl_cai is its result. It repeats it at scale.",)
    return Stage("sft", f"{MODULE}train_sft", arguments, remarks=remarks, after=(_combine("$BASE", "sft"),))


def _reward(plan: Plan, s: RewardSettings) -> Stage:
    arguments = {
        "model.model_name_or_path": "$BASE",
        "data.dataset": "$HERE/preferences.jsonl",
        "data.prompt_key": "prompt",
        "data.chosen_key": "chosen",
        "data.rejected_key": "rejected",
        "data.max_len": plan.recipe.sl_cai.sft.max_length,
        "train.max_epochs": 1,  # the file holds every pair once for each of the recipe's epochs
        **_common(plan, "reward_model"),
        **_supervised(s.batch_size * s.accumulation, s.learning_rate * FULL_RATE),
    }
    remarks = (
        "All weights learn, at a tenth of the recipe's rate: with LoRA, OpenRLHF would freeze the new head.",
        "Not needed to go on from this run: models/reward_model is its result.",
    )
    return Stage("reward_model", f"{MODULE}train_rm", arguments, remarks=remarks)


def _dpo(plan: Plan, s: DpoSettings) -> Stage:
    arguments = {
        "model.model_name_or_path": "$SL_CAI",
        "ref.model_name_or_path": "$SL_CAI",
        "data.dataset": "$HERE/preferences.jsonl",
        "data.prompt_key": "prompt",
        "data.chosen_key": "chosen",
        "data.rejected_key": "rejected",
        "data.max_len": s.max_length,
        "train.max_epochs": 1,
        "model.beta": s.beta,
        **_common(plan, "policy"),
        **_supervised(s.batch_size * s.accumulation, s.learning_rate),
        **_lora(s.lora),
        **({"model.ipo_enable": True} if s.loss == "ipo" else {}),
    }
    return Stage("dpo", f"{MODULE}train_dpo", arguments, after=(_combine("$SL_CAI", "policy"),))


def _rollouts(plan: Plan) -> Stage:
    method, s = plan.recipe.rl_cai.method, plan.rollout
    rate = s.learning_rate * FULL_RATE
    seats = {f"{role}.{what}": f"${what.upper()}" for role in ("actor", "ref", "reward") for what in _SEATS}
    arguments = {
        "actor.model_name_or_path": "$SL_CAI",
        "reward.model_name_or_path": "$REWARD_MODEL",
        **seats,
        "train.colocate_all": True,
        "vllm.num_engines": "$((NUM_NODES * NUM_GPUS_PER_NODE))",
        "vllm.tensor_parallel_size": 1,
        "vllm.gpu_memory_utilization": 0.5,
        "vllm.enable_sleep": True,
        "ds.enable_sleep": True,
        "data.prompt_dataset": "$HERE/prompts.jsonl",
        "data.input_key": "prompt",
        "data.max_len": PROMPT_ROOM + s.max_tokens,
        "rollout.max_new_tokens": s.max_tokens,
        "rollout.temperature": s.temperature,
        "rollout.batch_size": plan.prompts_a_step,
        "rollout.n_samples_per_prompt": plan.group,
        "train.num_episodes": 1,  # the file holds the prompts of every step
        "algo.advantage.estimator": ESTIMATORS[method],
        "algo.kl.init_coef": plan.kl_coef,
        "actor.adam.lr": rate,
        "actor.lr_scheduler": "constant",
        "actor.gradient_checkpointing_enable": True,
        "ckpt.save_hf": True,
        **_common(plan, "policy"),
        **(_ppo(s) if isinstance(s, PpoSettings) else _grouped(method, s.batch_size)),
    }
    remarks = [
        "All weights learn, at a tenth of the recipe's rate: OpenRLHF cannot hand a LoRA to its vLLM engines.",
        plan.kl_remark,
    ]
    if isinstance(s, PpoSettings):
        remarks.append("The value network is a model of its own, at OpenRLHF's own rate; ours shares the policy's.")
    return Stage(method, f"{MODULE}train_ppo_ray", arguments, remarks=tuple(remarks))


_SEATS = ("num_nodes", "num_gpus_per_node")


def _ppo(s: PpoSettings) -> dict[str, Any]:
    critic = {f"critic.{what}": f"${what.upper()}" for what in _SEATS}
    # Their target is a mean over tokens, ours a sum over the answer.
    target = {"algo.kl.target": float(f"{s.kl_target / s.max_tokens:.3g}")} if s.kl == "adaptive" else {}
    return {
        **critic,
        "critic.model_name_or_path": "$SL_CAI",
        "critic.value_clip": s.clip,
        "actor.eps_clip": s.clip,
        "algo.advantage.gamma": s.gamma,
        "algo.advantage.lambd": s.lam,
        "train.batch_size": s.minibatch_size,
        "train.max_epochs": s.epochs,
        **target,
    }


def _grouped(method: str, batch: int) -> dict[str, Any]:
    loss = {"algo.kl.use_loss": True, "algo.kl.estimator": "k3"} if method == "grpo" else {}
    return {"train.batch_size": batch, "train.max_epochs": 1, **loss}

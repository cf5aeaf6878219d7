"""verl: the stages of a recipe as its Hydra configurations take them. Every key is in names.json.

Settings go into a YAML file, paths and the size of the machine into the command.
"""

from __future__ import annotations

from typing import Any

from solon.pipeline.export.launchers.rows import passes
from solon.pipeline.export.launchers.stage import PROMPT_ROOM, Plan, Stage
from solon.settings import LoraSettings, PpoSettings, SftSettings

METHODS = ("ppo", "grpo", "rloo")
ESTIMATORS = {"ppo": "gae", "grpo": "grpo", "rloo": "rloo"}
SFT, PPO = "verl.trainer.sft_trainer", "verl.trainer.main_ppo"
CONFIGS = {SFT: "sft_trainer_engine", PPO: "ppo_trainer"}
TOKENS = 16_384  # of a forward pass on one GPU: what rows are packed up to

_MACHINE = {"trainer.nnodes": "$NUM_NODES", "trainer.n_gpus_per_node": "$NUM_GPUS_PER_NODE"}


def stages(plan: Plan) -> list[Stage]:
    """SFT and the RL stage; verl trains no reward model: models/reward_model is the run's."""
    return [_sft(plan, plan.recipe.sl_cai.sft), _rollouts(plan)]


def _trainer(plan: Plan, name: str) -> dict[str, Any]:
    return {
        "trainer.project_name": plan.recipe.name,
        "trainer.experiment_name": name,
        "trainer.logger": ["console"],
    }


def _sft(plan: Plan, s: SftSettings) -> Stage:
    settings = {
        "data.messages_key": "messages",
        "data.max_length": s.max_length,
        "data.truncation": "right",
        "data.use_dynamic_bsz": True,
        "data.max_token_len_per_gpu": max(TOKENS, s.max_length),
        "model.lora_rank": s.lora.rank,
        "model.lora_alpha": s.lora.alpha,
        "model.enable_gradient_checkpointing": True,
        "optim.lr": s.learning_rate,
        "optim.lr_scheduler_type": "cosine",
        "optim.lr_warmup_steps_ratio": 0.05,
        "checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        "trainer.total_epochs": passes(s.epochs),
        "trainer.save_freq": "after_each_epoch",
        "trainer.seed": plan.recipe.seed,
        **_trainer(plan, "sft"),
    }
    arguments = {
        "model.path": "$BASE",
        "data.train_files": "$HERE/sft.parquet",
        "data.train_batch_size": f"$(global_batch {s.batch_size * s.accumulation})",
        "trainer.default_local_dir": "$HERE/out/sft",
        **_MACHINE,
    }
    remarks = (
        "Not needed to go on from this run: models/sl_cai is its result. It repeats it at scale.",
        "Every assistant turn is learnt, so rows that hold a critique as an earlier turn stand for the critique's own.",
        "Longer rows are cut at data.max_length, where Solon leaves them out.",
    )
    return Stage("sft", SFT, arguments, settings, remarks)


def _rollouts(plan: Plan) -> Stage:
    s, method = plan.rollout, plan.recipe.rl_cai.method
    settings = {
        **_data(plan),
        **_actor(plan),
        **_rollout_engine(plan),
        **_reward(),
        "algorithm.adv_estimator": ESTIMATORS[method],
        **(_ppo(s, plan.recipe.sl_cai.sft.lora) if isinstance(s, PpoSettings) else _grouped(plan)),
        **_kl(plan),
        "trainer.total_training_steps": s.steps,
        "trainer.total_epochs": 1,  # the file holds the prompts of every step
        "trainer.save_freq": max(1, s.steps // 10),
        "trainer.test_freq": -1,
        "trainer.val_before_train": False,
        **_trainer(plan, method),
    }
    arguments = {
        "actor_rollout_ref.model.path": "$SL_CAI",
        "reward.reward_model.model_path": "$REWARD_MODEL",
        "data.train_files": "$HERE/prompts.parquet",
        "data.val_files": "$HERE/heldout.parquet",
        "trainer.default_local_dir": f"$HERE/out/{method}",
        **_MACHINE,
    }
    remarks = [plan.kl_remark]
    if isinstance(s, PpoSettings):
        arguments["critic.model.path"] = "$SL_CAI"
        remarks.append("The value network is a model of its own, with a LoRA of its own; ours shares the policy's.")
    return Stage(method, PPO, arguments, settings, tuple(remarks))


def _data(plan: Plan) -> dict[str, Any]:
    return {
        "data.prompt_key": "prompt",
        "data.max_prompt_length": PROMPT_ROOM,
        "data.max_response_length": plan.rollout.max_tokens,
        "data.filter_overlong_prompts": True,
        "data.train_batch_size": plan.prompts_a_step,
        "data.seed": plan.recipe.seed,
    }


def _actor(plan: Plan) -> dict[str, Any]:
    lora = plan.recipe.sl_cai.sft.lora
    return {
        "actor_rollout_ref.model.lora_rank": lora.rank,
        "actor_rollout_ref.model.lora_alpha": lora.alpha,
        "actor_rollout_ref.model.target_modules": "all-linear",
        "actor_rollout_ref.model.enable_gradient_checkpointing": True,
        "actor_rollout_ref.actor.optim.lr": plan.rollout.learning_rate,
        "actor_rollout_ref.actor.use_dynamic_bsz": True,
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": TOKENS,
    }


def _rollout_engine(plan: Plan) -> dict[str, Any]:
    return {
        "actor_rollout_ref.rollout.name": "vllm",
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
        "actor_rollout_ref.rollout.load_format": "safetensors",  # LoRA is loaded onto real weights
        "actor_rollout_ref.rollout.temperature": plan.rollout.temperature,
        "actor_rollout_ref.rollout.n": plan.group,
    }


def _reward() -> dict[str, Any]:
    return {
        "reward.reward_model.enable": True,
        "reward.reward_model.rollout.name": "vllm",
        "reward.reward_model.rollout.tensor_model_parallel_size": 1,
    }


def _ppo(s: PpoSettings, lora: LoraSettings) -> dict[str, Any]:
    return {
        "actor_rollout_ref.actor.ppo_mini_batch_size": s.minibatch_size,
        "actor_rollout_ref.actor.ppo_epochs": s.epochs,
        "actor_rollout_ref.actor.clip_ratio": s.clip,
        "actor_rollout_ref.actor.clip_ratio_low": s.clip,
        "actor_rollout_ref.actor.clip_ratio_high": s.clip,
        "critic.cliprange_value": s.clip,
        "critic.optim.lr": s.learning_rate,
        "critic.model.lora_rank": lora.rank,
        "critic.model.lora_alpha": lora.alpha,
        "algorithm.gamma": s.gamma,
        "algorithm.lam": s.lam,
    }


def _grouped(plan: Plan) -> dict[str, Any]:
    return {
        "actor_rollout_ref.actor.ppo_mini_batch_size": plan.prompts_a_step,
        "actor_rollout_ref.actor.ppo_epochs": 1,
    }


def _kl(plan: Plan) -> dict[str, Any]:
    """GRPO has the KL in its loss (k3), the others in the reward."""
    if plan.recipe.rl_cai.method == "grpo":
        return {
            "actor_rollout_ref.actor.use_kl_loss": True,
            "actor_rollout_ref.actor.kl_loss_coef": plan.kl_coef,
            "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
        }
    s = plan.rollout
    adaptive = isinstance(s, PpoSettings) and s.kl == "adaptive"
    # Their target is a mean over tokens, ours a sum over the answer.
    target = {"algorithm.kl_ctrl.target_kl": float(f"{s.kl_target / s.max_tokens:.3g}")} if adaptive else {}
    return {
        "algorithm.use_kl_in_reward": True,
        "algorithm.kl_ctrl.type": "adaptive" if adaptive else "fixed",
        "algorithm.kl_ctrl.kl_coef": plan.kl_coef,
        **target,
    }

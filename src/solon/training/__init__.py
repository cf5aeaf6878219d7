"""Training from AI feedback.

adapters.py  LoRA on the shared base        reward.py   soft Bradley-Terry reward model
losses.py    the formulas, as functions     ppo.py      constitutional PPO: the loop
sft.py       SL-CAI through TRL             rollouts.py what PPO learns from
batches.py   token rows to padded tensors
"""

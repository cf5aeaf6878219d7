"""Training from AI feedback.

task.py          what every way of training the policy is given      methods.py      the ways, by name
sft.py           SL-CAI, through TRL                                 reward/         the reward model
ppo/  dpo/       ours                                                grpo/  kto.py   through TRL
best_of_n.py     rejection sampling                                  offline.py      what dpo and kto share
rewards/         what answers are rewarded for                       guards/         what stops a policy that games it
rollouts.py      answers and what is read off them                   losses.py       the formulas, as functions
adapters.py      LoRA on the shared base                             keeping.py      the weights that were best
packed.py        rows one behind another                             batches.py      rows, padded
trainer.py       transformers' trainer, quiet and resumable          arguments.py    its arguments
checkpoints.py   that survive                                        state.py        what they hold
processes.py     several that train as one
"""

"""What answers are rewarded for: terms, weighed and added up.

check.py  the terms a recipe asks for     composite.py  the sum     build.py  sources to a reward
terms.py  reward model, length, repetition                          judge.py  a judge's scores (direct RLAIF)
constraint.py  the bound that is held meanwhile, and its multiplier

Nothing heavy is imported here: a recipe is checked without it.
"""

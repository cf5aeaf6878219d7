"""The road from a constitution to an aligned model.

recipe.py   what to do, as YAML      roles.py     the engines a recipe or a command names
context.py  what the steps share     step.py      a step: its key, its outputs, whether it is still fresh
steps/      one step a file          labelling.py the judge on comparisons
run.py      all steps in order       plan/        the same, counted without asking
impact.py   what a changed constitution touches in a run
"""

"""The road from a constitution to an aligned model.

recipe.py   what to do, as YAML      roles.py    the engines a recipe names
labelling.py the judge on comparisons
context.py  what the steps share     step.py     a step: its key, its outputs, whether it is still fresh
steps/      one step a file          run.py      all steps in order
"""

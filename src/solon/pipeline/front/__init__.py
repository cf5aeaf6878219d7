"""A grid of a recipe's variants as runs that share what is equal, and the checkpoints they make as one front.

grid.py    the variants that --over names         run.py     their runs, one memo, one front.json
points.py  their checkpoints, each once           cost.py    what sharing saved
"""

from solon.pipeline.front.grid import Axis, Variant, grid
from solon.pipeline.front.run import run_front

__all__ = ["Axis", "Variant", "grid", "run_front"]

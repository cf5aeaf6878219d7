"""The constitution: principles in plain language, loaded, checked and drawn from.

model.py     what a constitution is            load.py   from YAML, with the errors people make
assign.py    which principle a record draws    library/  the ones we ship
"""

from solon.constitution.assign import draw
from solon.constitution.load import library, load_constitution
from solon.constitution.model import Constitution, Phase, Principle

__all__ = ["Constitution", "Phase", "Principle", "draw", "library", "load_constitution"]

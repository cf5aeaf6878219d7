"""The constitution: principles in plain language, loaded, checked, compared and drawn from.

model.py     what a constitution is                 assign.py    which principle a record draws
load.py      from YAML or Markdown; extends         markdown.py  the prose form, lossless
library/     the ones we ship                       write.py     back to YAML, for people
"""

from solon.constitution.assign import draw
from solon.constitution.load import library, load_constitution
from solon.constitution.model import Constitution, Phase, Principle

__all__ = ["Constitution", "Phase", "Principle", "draw", "library", "load_constitution"]

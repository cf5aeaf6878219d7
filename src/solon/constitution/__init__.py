"""The constitution: principles in plain language, written, checked, compared and drawn from.

model.py    what a constitution is                load.py     from YAML or Markdown; extends
assign.py   which principle a record draws        write.py    back to YAML, for people
diff.py     what changed, and what it reaches     (changes.py, marks.py, moves.py, versions.py: its parts)
schema.py   JSON Schema for editors               starter.py  what `new` writes
markdown/   the prose form, lossless              importers/  other people's formats
lint/       what to mend, by rule                 exports.py  for other tools to read
library/    the ones we ship
"""

from solon.constitution.assign import draw
from solon.constitution.load import library, load_constitution
from solon.constitution.model import Constitution, Phase, Principle

__all__ = ["Constitution", "Phase", "Principle", "draw", "library", "load_constitution"]

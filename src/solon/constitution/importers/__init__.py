"""Constitutions of other formats. What is no constitution is refused; what is left out is told.

read.py      a file as plain data, hostile ones refused     tree.py       lists, objects, sections
fields.py    what fields are called elsewhere               icai.py       Inverse Constitutional AI
entries.py   one item as a principle                        lists.py      lists in text and Markdown
words.py     principle, choice, prompt or dialogue?         exemplars.py  demonstrations
polarity.py  asked for, ruled out, or not in force?
names.py     ids and aims                                   refuse.py     what is no constitution
items.py     Markdown's outline                     sections.py  the Model Spec, numbered headings
build.py     the constitution; account.py tells of it, publish.py writes it
"""

from __future__ import annotations

from pathlib import Path

from solon.constitution.importers.build import build
from solon.constitution.importers.exemplars import read_exemplar_file
from solon.constitution.importers.icai import read_icai
from solon.constitution.importers.lists import read_text
from solon.constitution.importers.model import Dropped, Found, Imported, Source, shown
from solon.constitution.importers.own import refuse_own
from solon.constitution.importers.read import read_source
from solon.constitution.importers.tree import read_tree

__all__ = ["Dropped", "Imported", "import_file"]


def import_file(path: Path, exemplars: Path | None = None, name: str | None = None) -> Imported:
    """The constitution in a file of another format, with demonstrations from `exemplars` if given.

    `name` replaces the source's own. Every principle keeps its place as `source`, "file#place".

    Raises ConfigError in one line: the file cannot be read, is no constitution, or is one of Solon's own.
    """
    source = read_source(path)
    refuse_own(source)
    found = _find(source)
    if exemplars is not None:
        found.merge(read_exemplar_file(read_source(exemplars)))
        found.notes.append(f"source of the demonstrations: {shown(exemplars.name, 100)}")
    if name is not None:
        found.head = {**found.head, "name": name}
    return build(found, path)


def _find(source: Source) -> Found:
    if isinstance(source.data, str):
        text = source.data
        return read_text(Source(source.path, "text", text, text) if source.kind == "JSON" else source)
    return read_icai(source) or read_tree(source)

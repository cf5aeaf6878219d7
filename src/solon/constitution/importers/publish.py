"""An imported constitution as files: YAML that loads, and prompts that a recipe can name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from solon.constitution.importers.model import Imported, refusal
from solon.constitution.load import WHAT
from solon.constitution.model import Constitution, Written
from solon.constitution.write import to_yaml
from solon.errors import ConfigError
from solon.types import digest
from solon.yaml import MAX_BYTES, parse_yaml


def as_yaml(imported: Imported, path: Path) -> str:
    """The YAML of an imported constitution, under a comment that says where it is from; checked by reading it.

    Raises ConfigError when it would not load.
    """
    header = f"Imported from {path.name}: {imported.format}.\n"
    header += "".join(
        f"{note}.\n"
        for note in imported.notes
        if note.startswith(("licence", "provenance", "source", "author", "address"))
    )
    header += (
        "Check the licence of that file before you publish this one. In each `source`, entries count from 1.\n"
        "Aims were inferred from words, and phases from the form: read them over, then run\n"
        "solon constitution lint on this file."
    )
    text = to_yaml(imported.written, "".join(c if c.isprintable() or c == "\n" else " " for c in header))
    if len(text.encode()) > MAX_BYTES:
        raise refusal(path, f"makes a constitution of more than {MAX_BYTES:,} bytes", "import fewer principles at once")
    try:
        back = Written.model_validate(parse_yaml(text, path, WHAT).data)
        Constitution.model_validate({"name": back.name, "principles": [p.model_dump() for p in back.principles]})
    except (ConfigError, ValueError) as error:
        raise refusal(
            path, f"makes YAML that does not load ({str(error).splitlines()[0]})", "please report it"
        ) from None
    if back != imported.written:
        raise refusal(path, "makes YAML that reads back as something else", "please report it")
    return text


def question_lines(questions: Sequence[str]) -> str:
    """The prompts as JSON lines with `id` and `prompt`, as `prompts:` in a recipe reads them."""
    rows = [{"id": f"question-{digest(text)[:12]}", "prompt": text} for text in questions]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

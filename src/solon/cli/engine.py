"""The options that name a live engine, shared by the verbs that ask one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solon.engines import MemoisedEngine

Model = Annotated[
    str | None,
    typer.Option("--model", help="Hub id, folder, GGUF file, or with --base-url the server's model name."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="An OpenAI-compatible server, such as http://127.0.0.1:11434/v1.")
]
BaseAt = Annotated[
    str | None, typer.Option("--model", help="Where the base's weights lie now, if not where they were.")
]
Precision = Annotated[str, typer.Option("--precision", help="float32, bfloat16 or float16, for weights loaded here.")]


@contextmanager
def asked(model: str, base_url: str | None, precision: str, folder: Path, role: str) -> Iterator[MemoisedEngine]:
    """The engine that the options name; its answers are stored in `folder`, so asking again costs nothing."""
    from solon.errors import StorageError
    from solon.memo import Memo
    from solon.pipeline.roles import named_engine

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}; choose another folder") from None
    memo = Memo(folder / "memo.sqlite")
    try:
        engine = named_engine(model, base_url, precision, memo, role)
        try:
            yield engine
        finally:
            # A plan for a run beside this folder takes its rates from here.
            engine.usage.note_in(memo, {role: engine.fingerprint})
    finally:
        memo.close()

"""The option that says what becomes of pairs with an answer that its token limit cut off."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Truncated = Annotated[
    Literal["leave_out", "equal_length"],
    typer.Option(
        "--truncated-pairs",
        help="Pairs with an answer cut off by its token limit: left out, or both cut to the shorter one's length.",
    ),
]

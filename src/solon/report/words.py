"""How numbers and names are written, the same everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

from markupsafe import Markup

from solon.pipeline.selection import NAMES

MODELS = NAMES
KINDS = {"red_team": "Red-team prompts", "lookalike": "Look-alikes", "helpful": "Helpful prompts"}
SOURCES = {  # of rows of the SL-CAI mix
    "revision": "revisions of drafts",
    "critique": "critiques, as a skill",
    "critique_revision": "revisions after a critique, as a skill",
}
MAX_CHARS = 3000  # of one text shown
# Control characters, marks that reverse the reading direction, and halves of surrogate pairs.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Measure(Protocol):
    """A number with its 95% interval: a share, a difference of shares, a mean."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def kind_name(kind: str) -> str:
    """ "Red-team prompts", "Medical advice"."""
    said = str(kind).replace("_", " ")
    return KINDS.get(kind, said[:1].upper() + said[1:])


def prompts_named(kind: str, n: int = 2) -> str:
    """The prompts of a kind within a sentence: "red-team prompts", "look-alike", "“medical advice” prompts"."""
    name = KINDS[kind][:1].lower() + KINDS[kind][1:] if kind in KINDS else f"“{kind.replace('_', ' ')}” prompts"
    return name.removesuffix("s") if n == 1 else name


def listing(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def percent(share: float) -> str:
    return f"{share:.0%}"


def interval(r: Measure) -> str:
    """The 95% interval of a share, in percent, without the sign: "[61, 84]"."""
    return f"[{_signless(100 * r.low)}, {_signless(100 * r.high)}]"


def tied(text: str) -> str:
    """`text` with its intervals kept on one line."""
    return re.sub(r"\[(\S+), (\S+)\]", "[\\1,\u00a0\\2]", text)


def share(r: Measure) -> str:
    return f"{percent(r.value)} {interval(r)}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign: "+73"."""
    return _signed(100 * value, 0)


def change(r: Measure) -> str:
    """A difference of shares: "+73 points [61, 84]"."""
    return f"{points(r.value)} points {interval(r)}"


def amount(r: Measure, places: int = 2) -> str:
    """A mean that is no share: "0.41 [0.30, 0.52]"."""
    return f"{number(r.value, places)} [{number(r.low, places)}, {number(r.high, places)}]"


def amount_change(r: Measure, places: int = 2) -> str:
    return f"{_signed(r.value, places)} [{number(r.low, places)}, {number(r.high, places)}]"


def number(value: float, places: int = 2) -> str:
    text = f"{value:.{places}f}".replace("-", "−")
    return text.removeprefix("−") if not float(f"{value:.{places}f}") else text


def count(n: int, noun: str = "", plural: str = "") -> str:
    """ "1 pair", "1,200 pairs"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}" if noun else f"{n:,}"


def memory(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GiB" if megabytes >= 1024 else f"{megabytes:.0f} MiB"


def short_hash(value: Any) -> str:
    return str(value or "")[:12]


def model_name(value: Any) -> str:
    """A model as a person would say it: the last part of a path or a hub id, or the whole."""
    return str(value or "").rstrip("/").rsplit("/", 1)[-1]


def clean(value: Any) -> Any:
    """Text without characters that hide or turn text round; markup and what is no text stay as they are."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSHOWABLE.sub("\ufffd", value.replace("\r\n", "\n"))


def excerpt(text: Any) -> str:
    """Model text as shown: clean, and all of it up to a limit."""
    whole = str(clean(str(text or ""))).strip()
    left_out = len(whole) - MAX_CHARS
    return whole if left_out <= 0 else f"{whole[:MAX_CHARS]}… ({left_out:,} more characters)"


def at(value: float) -> str:
    """Where a share lies on a line from 0 to 1, as a length in SVG."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}%"


def finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _signed(value: float, places: int) -> str:
    rounded = float(f"{value:.{places}f}")
    return f"{rounded:+.{places}f}".replace("-", "−") if rounded else f"{0:.{places}f}"


def _signless(value: float) -> str:
    return number(value, 0)

"""How numbers and names are written, the same everywhere."""

from __future__ import annotations

import math
import re
from typing import Any

from solon.evaluation import Rate

MODELS = {"base": "base", "sl_cai": "SL-CAI", "rl_cai": "RL-CAI"}
KINDS = {"red_team": "Red-team prompts", "lookalike": "Look-alikes", "helpful": "Helpful prompts"}
SOURCES = {
    "revision": "revisions of red-team drafts",
    "helpful": "sampled answers to helpful prompts",
    "lookalike": "sampled answers to look-alikes",
    "critique": "critiques, as a skill",
    "critique_revision": "revisions after a critique, as a skill",
}
MAX_CHARS = 3000  # of one text shown
# Control characters, marks that reverse the reading direction, and halves of surrogate pairs.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def kind_name(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " "))


def percent(share: float) -> str:
    return f"{share:.0%}"


def interval(r: Rate) -> str:
    """The 95% interval of a share, in percent, without the sign: "[61, 84]"."""
    return f"[{_signless(100 * r.low)}, {_signless(100 * r.high)}]"


def tied(text: str) -> str:
    """`text` with its intervals kept on one line."""
    return re.sub(r"\[(\S+), (\S+)\]", "[\\1,\u00a0\\2]", text)


def share(r: Rate) -> str:
    return f"{percent(r.value)} {interval(r)}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign: "+73"."""
    return _signed(100 * value, 0)


def change(r: Rate) -> str:
    """A difference of shares: "+73 points [61, 84]"."""
    return f"{points(r.value)} points {interval(r)}"


def amount(r: Rate, places: int = 2) -> str:
    """A mean that is no share: "0.41 [0.30, 0.52]"."""
    return f"{number(r.value, places)} [{number(r.low, places)}, {number(r.high, places)}]"


def amount_change(r: Rate, places: int = 2) -> str:
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


def excerpt(text: Any) -> str:
    """Model text as shown: all of it up to a limit, without characters that hide or turn text round."""
    clean = _UNSHOWABLE.sub("\ufffd", str(text or "").replace("\r\n", "\n")).strip()
    left_out = len(clean) - MAX_CHARS
    return clean if left_out <= 0 else f"{clean[:MAX_CHARS]}… ({left_out:,} more characters)"


def finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _signed(value: float, places: int) -> str:
    rounded = float(f"{value:.{places}f}")
    return f"{rounded:+.{places}f}".replace("-", "−") if rounded else f"{0:.{places}f}"


def _signless(value: float) -> str:
    return number(value, 0)

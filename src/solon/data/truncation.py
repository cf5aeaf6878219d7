"""What is done with pairs of which an answer was cut off by its token limit.

A judge, and whoever learns from its labels, takes a torn text for a bad answer: "better" then means "short enough to
end", and what is shortest is to decline. So such pairs are left out and counted (`leave_out`). Where too few would be
left they can be compared at equal truncation instead (`equal_length`): both answers are cut to the length of the
shorter one, and both count as cut off, so that nothing learns an end from them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from solon.settings import TruncatedPairs
from solon.types import Comparison, Unlabelled

# A word, a sign, or a character of a script that puts no spaces between words (Chinese, Japanese, Thai, Khmer, Lao).
_UNSPACED = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = rf"[^\W{_UNSPACED}]+"
_PIECE = re.compile(rf"[{_UNSPACED}]|{_WORD}(?:['’]{_WORD})*|[^\w\s]")

CUT_OFF = "cut off"  # the kind of failure of a pair that is left out


@dataclass(slots=True)
class Truncation:
    """The rule, and what it met: pairs with an answer that was cut off, by source, and pairs of which nobody knows."""

    rule: TruncatedPairs = "leave_out"
    cut: Counter[str] = field(default_factory=Counter)
    unknown: int = 0

    def admit(self, pair: Comparison) -> Comparison | None:
        """The pair as it is to be compared; None where it is left out. Pairs of unknown ends are used as they are."""
        if not pair.cut_off:
            self.unknown += pair.ended_a is None or pair.ended_b is None
            return pair
        self.cut[pair.source] += 1
        return at_equal_length(pair) if self.rule == "equal_length" else None

    @staticmethod
    def left_out(pair: Comparison) -> Unlabelled:
        """The record of a pair that `admit` did not let in."""
        sides = " and ".join(side for side, ended in (("a", pair.ended_a), ("b", pair.ended_b)) if ended is False)
        return Unlabelled(pair, f"{CUT_OFF}: its token limit ended response {sides}; nobody was asked")

    def said(self) -> str:
        """What became of pairs that were cut off, in a line; "" where there is none."""
        count = self.cut.total()
        if not count:
            return ""
        pairs = "1 pair has" if count == 1 else f"{count:,} pairs have"
        done = "left out" if self.rule == "leave_out" else "compared at equal length, both answers cut to the shorter"
        return f"{pairs} an answer cut off by its token limit: {done}"

    def said_unknown(self) -> str:
        """That nobody knows of some pairs, in a line; "" where there is none."""
        if not self.unknown:
            return ""
        rows = "1 row does" if self.unknown == 1 else f"{self.unknown:,} rows do"
        return f"{rows} not say whether the answers ended (chosen_ended, rejected_ended): taken as they are"

    def facts(self) -> dict[str, Any]:
        by_source = dict(sorted(self.cut.items()))
        return {"rule": self.rule, "pairs": self.cut.total(), "by_source": by_source, "unknown": self.unknown}


def at_equal_length(pair: Comparison) -> Comparison:
    """Both responses cut to as many words, signs or characters (`_PIECE`) as the shorter has; neither ended then."""
    size = min(pieces(pair.response_a), pieces(pair.response_b))
    a, b = first_pieces(pair.response_a, size), first_pieces(pair.response_b, size)
    revised = "" if not pair.revised else a if pair.revised == pair.response_a else b
    return replace(pair, response_a=a, response_b=b, revised=revised, ended_a=False, ended_b=False)


def pieces(text: str) -> int:
    return sum(1 for _ in _PIECE.finditer(text))


def first_pieces(text: str, count: int) -> str:
    """The beginning of `text` that holds its first `count` pieces, spaces and lines between them kept."""
    if count <= 0:
        return ""
    end = len(text)
    for number, found in enumerate(_PIECE.finditer(text), 1):
        end = found.end()
        if number == count:
            break
    return text[:end]

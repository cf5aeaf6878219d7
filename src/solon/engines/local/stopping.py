"""Rows that are over after so many sentences, noticed while they are written.

Whether a text is to be cut is what `solon.sentences` says of it. Here only its beginning is known, and the tokens to
come can still change how that reads: half a character, half a control token, a blank that is tidied away. What they
can change is not looked at, so a row ends a few tokens later than it might, and never where its whole text would not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from solon.engines.local.model import LocalModel
from solon.sentences import settled

EVERY = 2  # tokens between two looks at a row
TIDIED = 8  # characters at the end that a tokenizer which tidies blanks up may still change
# What a sentence may end with, and what may be a part of it.
_MARK = re.compile("[.!?…。！？।۔؟\ufffd]+|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class Watch:
    """Looks at one row while it is written, until it has `count` sentences and what follows shows that they are over.

    Only new tokens are decoded, and the whole answer where they may have brought the last sentence to its end.
    """

    def __init__(self, local: LocalModel, count: int) -> None:
        self._local, self._count = local, count
        self._seen = self._marks = 0  # tokens looked at; sentence ends in them, at most

    def over(self, ids: Sequence[int]) -> bool:
        """Whether the row may end with `ids`, all that it has written."""
        if len(ids) < self._seen + EVERY:
            return False
        new = self._local.tokenizer.decode(list(ids[self._seen :]), skip_special_tokens=False)
        self._seen, self._marks = len(ids), self._marks + len(_MARK.findall(new))
        if self._marks < self._count:
            return False
        text = self._certain(ids)
        if not text:  # it thinks: those ends were none of the answer's
            self._marks = 0
        return settled(text, self._count)

    def _certain(self, ids: Sequence[int]) -> str:
        """The answer so far, without an end that other tokens may change."""
        tokenizer, end = self._local.tokenizer, len(ids)
        while end and _BYTE.fullmatch(str(tokenizer.convert_ids_to_tokens(ids[end - 1]))):
            end -= 1  # bytes are read together with those that come after them
        text = self._local.decode_text(ids[:end]).rstrip("\ufffd")
        if self._local.tidies:
            text = text[:-TIDIED]
        return _before_control(text, self._local.special_texts)


def _before_control(text: str, controls: Sequence[str]) -> str:
    """`text` without the beginning of a control token at its end."""
    longest, first = max(map(len, controls), default=0), {control[0] for control in controls}
    for at in range(max(0, len(text) - longest), len(text)):
        if text[at] in first and any(control.startswith(text[at:]) for control in controls):
            return text[:at]
    return text

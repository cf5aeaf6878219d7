"""Texts told apart by what they say: the same text under two ids is one text, a reworded one its near-repeat.

What is measured on a text that was trained on, or on nearly that text, is no measure. So sides (train, held out) are
chosen by content, and near-repeats of each other fall on the same side.

Near-repeats are pairs whose sets of words and pairs of neighbouring words have a Jaccard similarity of at least NEAR.
MinHash finds the candidates (Broder 1997), the exact similarity decides. NEAR was chosen on 1,778 prompts (the shipped
ones, HH harmless, XSTest, Vicuna): different shipped questions reach 0.50 at most ("get rid of the slugs attacking my
lettuce", "get rid of the smell in my fridge"), while of copies with "please" added 99% are found, with a word left out
90%, with two letters swapped 80%, and with a word exchanged 65%. A lower bar would join questions that a template
makes ("How do I pick lock number 7?" and "8": 0.73).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from solon.types import Message, fraction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Set = NDArray[np.uint32]  # sorted hashes, each once

NEAR = 0.75
# A pair of similarity NEAR shares one of 32 bands of 4 hashes with probability 1 - (1 - 0.75**4)**32 > 0.99999.
BANDS, ROWS = 32, 4
# Signatures of such a pair agree in 96 of 128 places on average, and in fewer than AGREE about once in 10**9 pairs.
AGREE = 66
FEW = 48  # texts of a bucket that are compared pair by pair
AT_ONCE = 16384  # pairs of signatures in memory
CHUNK = 512  # texts of a bucket that are compared with all of it at once
MANY = 16  # a hash that more than one in so many texts hold is a column of a dense table

_PLAIN = str.maketrans("‘’ʼ“”„‐‒–—", "'''\"\"\"----")
_OPERATORS = "#%&*/@\\"  # punctuation by Unicode that is no sentence's: C# is not C
# A word; each character by itself where a script puts no spaces (Thai, Lao, Burmese, Khmer, kana, Han).
_WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
    r"(?:'\w+)*"
)


def normalised(text: str) -> str:
    """What two copies of a text have in common: NFKC, no case, single spaces, no punctuation at the ends.

    Invisible characters are left out, typographic quotes and dashes are plain. A text of punctuation alone keeps it.
    """
    if text.isascii():  # which most texts are: then the forms are one, and nothing is invisible
        spaced = " ".join(text.lower().split())
    else:
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_PLAIN)
        spaced = " ".join("".join(c for c in plain if unicodedata.category(c) != "Cf").split())
    start, stop = 0, len(spaced)
    while start < stop and _outer(spaced[start]):
        start += 1
    while start < stop and _outer(spaced[stop - 1]):
        stop -= 1
    return spaced[start:stop] or spaced


@cache
def _outer(character: str) -> bool:
    """Whether it is a space or a sentence's punctuation."""
    return character == " " or (unicodedata.category(character)[0] == "P" and character not in _OPERATORS)


def near_groups(texts: Sequence[str]) -> list[int]:
    """For each of some normalised texts the number of its group: near-repeats, and theirs in turn, share one.

    The groups depend neither on the order of the texts nor on chance.
    """
    joined = _Joined(len(texts))
    if len(texts) > 1:
        sets = [_shingles(text) for text in texts]
        signatures = _signatures(sets)
        for one, other in _pairs(signatures):
            if joined.root(one) != joined.root(other) and _is_near(sets[one], sets[other]):
                joined.unite(one, other)
        for members in _buckets(signatures):
            _unite(members, sets, joined)
    return [joined.root(n) for n in range(len(texts))]


def spoken(turns: Iterable[Message]) -> str:
    """A conversation as one text, to tell it from others."""
    return "\n".join(turn.content for turn in turns)


def conversation_key(turns: Sequence[Message], later: Sequence[str] = ()) -> str:
    """What two copies of a conversation have in common: of one turn, its normalised text; of several, who says what."""
    if len(turns) == 1 and not later:
        return normalised(turns[0].content)
    said = [f"{turn.role}: {normalised(turn.content)}" for turn in turns]
    return "\n".join([*said, *(f"later: {normalised(text)}" for text in later)])


def near_key(turns: Sequence[Message], later: Sequence[str] = ()) -> str:
    """The text that near-repeats of a conversation are told by: all turns but the system's, which a whole file may
    share and which would make near-repeats of all its questions."""
    said = [turn.content for turn in turns if turn.role != "system"]
    return normalised("\n".join([*said, *later]))


def held_out(texts: Sequence[str], share: float, purpose: str) -> list[bool]:
    """Which of some texts are held out: about a `share` of them, by hash of what they say and of `purpose`.

    Repeats and near-repeats of each other are on the same side.
    """
    keys = [normalised(text) for text in texts]
    distinct = sorted(set(keys))
    names = group_names(distinct)
    chosen = {key: fraction([purpose, names[key]]) < share for key in distinct}
    return [chosen[key] for key in keys]


def group_names(texts: Sequence[str]) -> dict[str, str]:
    """By normalised text the name of its group, which is the first of its texts by alphabet."""
    groups = near_groups(texts)
    names: dict[int, str] = {}
    for text, group in zip(texts, groups, strict=True):
        names[group] = min(text, names.get(group, text))
    return {text: names[group] for text, group in zip(texts, groups, strict=True)}


def _shingles(text: str) -> Set:
    """The hashes of a normalised text's words and pairs of words; of a text without any, of the text."""
    import numpy as np

    words = _WORD.findall(text) or [text]
    pairs = (f"{one} {two}" for one, two in pairwise(words))
    hashes = {zlib.crc32(shingle.encode()) for shingle in (*words, *pairs)}
    return np.array(sorted(hashes), dtype=np.uint32)


def _is_near(one: Set, other: Set) -> bool:
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    return bool(shared >= NEAR * (len(one) + len(other) - shared))


def _signatures(sets: Sequence[Set]) -> NDArray[np.uint32]:
    """The MinHash signature of each set, a row of BANDS * ROWS hashes."""
    import numpy as np
    from datasketch import MinHash

    signatures = np.empty((len(sets), BANDS * ROWS), dtype=np.uint32)
    for n, found in enumerate(MinHash.generator(sets, num_perm=BANDS * ROWS, seed=1, hashfunc=int, scheme="affine32")):
        signatures[n] = found.hashvalues
    return signatures


def _bands(signatures: NDArray[np.uint32]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.uint64]]]:
    """For each band the texts in order of what their signatures hold in it, and that: equal where the bands are."""
    import numpy as np

    mix = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)
    for band in range(BANDS):
        part = signatures[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
        held = ((part + np.uint64(1)) * mix).sum(axis=1, dtype=np.uint64)  # wraps around
        order = np.argsort(held, kind="stable")
        yield order, held[order]


def _pairs(signatures: NDArray[np.uint32]) -> list[tuple[int, int]]:
    """Candidates out of buckets of FEW texts at most: pairs whose signatures agree in a whole band and, all in all, in
    AGREE places."""
    import numpy as np

    found: set[int] = set()
    size = len(signatures)
    for order, held in _bands(signatures):
        starts = np.flatnonzero(np.r_[True, held[1:] != held[:-1]])
        of_bucket = np.repeat(np.diff(np.r_[starts, size]), np.diff(np.r_[starts, size]))
        for step in range(1, FEW):
            if step >= size:
                break
            first = np.flatnonzero((held[step:] == held[:-step]) & (of_bucket[:-step] <= FEW))
            if len(first) == 0:
                break
            for at in range(0, len(first), AT_ONCE):
                one, other = order[first[at : at + AT_ONCE]], order[first[at : at + AT_ONCE] + step]
                alike = (signatures[one] == signatures[other]).sum(axis=1) >= AGREE
                low, high = np.minimum(one, other)[alike], np.maximum(one, other)[alike]
                found.update((low * size + high).tolist())
    return [divmod(code, size) for code in sorted(found)]


def _buckets(signatures: NDArray[np.uint32]) -> Iterator[list[int]]:
    """Candidates: more than FEW texts whose signatures agree in a whole band; each set of them once."""
    import numpy as np

    seen: set[bytes] = set()
    for order, held in _bands(signatures):
        edges = np.flatnonzero(held[1:] != held[:-1]) + 1
        starts, ends = np.r_[0, edges], np.r_[edges, len(order)]
        for place in np.flatnonzero(ends - starts > FEW):
            members = np.sort(order[starts[place] : ends[place]])
            if (name := members.tobytes()) not in seen:
                seen.add(name)
                yield members.tolist()


def _unite(members: Sequence[int], sets: Sequence[Set], joined: _Joined) -> None:
    """Join those of a bucket that are near-repeats.

    Most buckets are repeats of one text, which comparing all with the first finds out. One that is not may hold
    thousands of texts off one template: they are compared by matrix products, not pair by pair.
    """
    import numpy as np

    first, *others = members
    for other in others:
        if joined.root(first) != joined.root(other) and _is_near(sets[first], sets[other]):
            joined.unite(first, other)
    if joined.all_one(members):
        return
    sizes = np.array([len(sets[n]) for n in members], dtype=np.float32)
    common, rare = _columns([sets[n] for n in members])
    for start in range(0, len(members), CHUNK):
        part = slice(start, start + CHUNK)
        overlap = common[part] @ common[start:].T + (rare[part] @ rare[start:].T).toarray()
        near = overlap >= NEAR * (sizes[part, None] + sizes[None, start:] - overlap)
        for one, other in _links(near):
            joined.unite(members[start + one], members[start + other])
        if joined.all_one(members):
            return


def _columns(sets: Sequence[Set]) -> tuple[NDArray[np.float32], Any]:
    """Two tables with one row for each set and a column for each hash that several hold: 1 where the set holds it.

    The first, dense, has the hashes that many hold, the second, sparse, the others: there are few of the former, and
    few pairs share one of the latter. The product of two rows, summed over both, is the size of what both sets hold.
    """
    import numpy as np
    from scipy.sparse import csr_array

    _, column, held_by = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    begins = np.cumsum([0, *(len(one) for one in sets)])
    table = csr_array((np.ones(len(column), dtype=np.float32), column, begins), (len(sets), len(held_by)))
    many = held_by > max(1, len(sets) // MANY)
    return table[:, np.flatnonzero(many)].toarray(), table[:, np.flatnonzero(~many & (held_by > 1))]


def _links(near: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """As few pairs as join what a table of near pairs joins; its row and column n are the same text."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    of_row, of_column = np.nonzero(near)
    size = near.shape[1]
    _, labels = connected_components(coo_array((np.ones(len(of_row), dtype=bool), (of_row, of_column)), (size, size)))
    _, first = np.unique(labels, return_index=True)
    for n in np.flatnonzero(np.arange(size) != first[labels]):
        yield int(first[labels[n]]), int(n)


class _Joined:
    """Which of n things belong together (union-find)."""

    def __init__(self, n: int) -> None:
        self._above = list(range(n))

    def root(self, n: int) -> int:
        while self._above[n] != n:
            self._above[n] = self._above[self._above[n]]
            n = self._above[n]
        return n

    def unite(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low

    def all_one(self, members: Sequence[int]) -> bool:
        first = self.root(members[0])
        return all(self.root(n) == first for n in members)

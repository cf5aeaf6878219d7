"""Rows per second of CPU time and peak memory of reading and converting files, and of the search for near-repeats.

python benchmarks/reading.py [--rows 1000000] [--prompts 100000]

    lines, parquet   every record of a file of pairs, as `solon.data.formats.records` gives it; a tenth, then all rows
    convert          `solon data convert` of the same files into JSON lines of another format; a tenth, then all rows
    repeats          groups of near-repeats among prompts, a fifth of them reworded copies of others

Memory is flat where all rows take what a tenth of them takes.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from apart import apart
from solon.data.formats import convert
from solon.data.formats.records import records
from solon.data.repeats import near_groups, normalised
from solon.data.tables import RowWriter

WORDS = 20_000  # of the vocabulary that texts are drawn from


def words(noise: random.Random, count: int) -> str:
    return " ".join(f"w{int(noise.paretovariate(0.6)) % WORDS}" for _ in range(count))


def pairs(count: int) -> Iterator[dict[str, Any]]:
    """Pairs of about 1,000 characters, in the turns and with the columns of HH."""
    noise = random.Random(0)
    texts = [words(noise, 60) for _ in range(1000)]
    for n in range(count):
        asked, good, bad = (texts[noise.randrange(1000)] for _ in range(3))
        turns = [{"role": "user", "content": f"{n} {asked}"}]
        yield {
            "id": f"pair-{n}",
            "prompt": turns,
            "chosen": [{"role": "assistant", "content": good}],
            "rejected": [{"role": "assistant", "content": bad}],
            "margin": n / count,
        }


def written(folder: Path, count: int) -> None:
    """The same pairs as JSON lines and as Parquet."""
    with (folder / f"{count}.jsonl").open("w") as lines, RowWriter(folder / f"{count}.parquet") as table:
        rows = pairs(count)
        while some := list(islice(rows, 1024)):
            lines.writelines(json.dumps(row) + "\n" for row in some)
            table.append(some)


class Clock:
    """Seconds since it was made, by the clock and of the processor."""

    def __init__(self) -> None:
        self._begun, self._worked = time.perf_counter(), time.process_time()

    def of(self, rows: int) -> dict[str, float]:
        seconds, cpu = time.perf_counter() - self._begun, time.process_time() - self._worked
        return {"rows": rows, "seconds": seconds, "cpu": cpu}


def read(file: Path) -> dict[str, float]:
    clock = Clock()
    return clock.of(sum(1 for _ in records(file)))


def converted(file: Path) -> dict[str, float]:
    target = file.with_name(f"to-{file.name}.jsonl")
    clock = Clock()
    found = clock.of(convert(file, target, "trl-implicit").rows)
    target.unlink()
    return found


def prompts(count: int) -> list[str]:
    """Different prompts of 5 to 100 words, and for each five one more with a word left out."""
    noise = random.Random(1)
    different = [words(noise, noise.randint(5, 100)) for _ in range(count * 5 // 6)]
    copies = []
    for text in different[: count - len(different)]:
        said = text.split()
        del said[noise.randrange(len(said))]
        copies.append(" ".join(said))
    return different + copies


def searched(count: int) -> dict[str, float]:
    texts = prompts(count)
    clock = Clock()
    groups = near_groups([normalised(text) for text in texts])
    return {**clock.of(count), "groups": len(set(groups))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        side = {"read": read, "convert": converted}.get(given.only)
        print(json.dumps(side(given.file) if side else searched(given.prompts)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in (given.rows // 10, given.rows):
            written(Path(folder), count)
        for side in ("read", "convert"):
            for ending in ("jsonl", "parquet"):
                for count in (given.rows // 10, given.rows):
                    said(f"{side} {ending}", apart(__file__, side, ["--file", f"{folder}/{count}.{ending}"]))
    said("near-repeats", apart(__file__, "repeats", ["--prompts", str(given.prompts)]))


def said(name: str, found: dict[str, Any]) -> None:
    rate = found["rows"] / found["cpu"]
    print(
        f"{name:16} {found['rows']:>9,} rows  {found['seconds']:7.1f} s, {found['cpu']:.1f} s of CPU  "
        f"{rate:>9,.0f} rows/s of CPU  {found['memory']:6.0f} MiB at most",
        flush=True,
    )


if __name__ == "__main__":
    main()

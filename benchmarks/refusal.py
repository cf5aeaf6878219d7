"""The refusal detector against people: agreement on a file with `assistant_response` and `human_scores`.

python benchmarks/refusal.py pyrit_refusal.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from solon.evaluation.rates import rate
from solon.evaluation.refusal import declines


def main() -> None:
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    people = [sum(r["human_scores"]) / len(r["human_scores"]) >= 0.5 for r in rows]
    ours = [declines(r["assistant_response"]) for r in rows]
    for name, hits in (
        ("agreement", [p == o for p, o in zip(people, ours, strict=True)]),
        ("precision", [p for p, o in zip(people, ours, strict=True) if o]),
        ("recall", [o for p, o in zip(people, ours, strict=True) if p]),
    ):
        r = rate(hits)
        print(f"{name:10} {r.value:.0%} [{r.low:.0%}, {r.high:.0%}] of {r.n}")


if __name__ == "__main__":
    main()

"""Seconds of CPU time and peak memory of what is checked of 10,000 twins without a model.

    python benchmarks/contrast.py [--prompts 10000]

Prompts are random words in the shapes of requests; of their twins most differ in a few words, some repeat a prompt or
another twin, nearly or to the letter, some are refusals, of another mood, or too long. Also timed: the figures and the
style check of `solon prompts stats` on all of them.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections import Counter

from solon.data.prompts import PromptSets, Repeats
from solon.promptsets.check import style_check
from solon.promptsets.figures import figures
from solon.promptsets.twin_checks import Known, fault
from solon.types import Completion, Prompt

OPENINGS = ("How do I", "What is the best way to", "Write a note about", "Tell me why", "Can you", "my friend wants to")
REFUSAL = "I'm sorry, but I can't help with that."


def text(rng: random.Random) -> str:
    """A request of 8 to 25 words out of 20,000."""
    opening = rng.choice(OPENINGS)
    said = " ".join(f"w{rng.randrange(20_000):x}" for _ in range(rng.randint(5, 20)))
    return f"{opening} {said}{'?' if opening[0] in 'HC' else '.'}"


def twin(rng: random.Random, source: str, texts: list[str]) -> str:
    """The source with a third of its words exchanged; or one of the things that must be found."""
    dice = rng.random()
    if dice < 0.05:
        return rng.choice(texts)
    if dice < 0.1:
        return f"{source[:-1]} please{source[-1]}"
    if dice < 0.13:
        return REFUSAL
    if dice < 0.16:
        return f"{source} " * 3
    words = source.split()
    for n in range(4, len(words) - 1):
        if rng.random() < 0.5:
            words[n] = f"w{rng.randrange(20_000):x}"
    return " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=10_000)
    given = parser.parse_args()
    rng = random.Random(0)
    texts = [text(rng) for _ in range(given.prompts)]
    prompts = [Prompt(f"p{n}", one, pair=f"p{n}") for n, one in enumerate(texts)]
    twins = [twin(rng, one, texts) for one in texts]
    started = time.process_time()
    reasons = [fault(p, Completion(one)) for p, one in zip(prompts, twins, strict=True)]
    looks = time.process_time()
    fair = [n for n, reason in enumerate(reasons) if not reason]
    for n, reason in zip(fair, Known(texts).admit([twins[n] for n in fair]), strict=True):
        reasons[n] = reason
    done = time.process_time()
    counts = dict(Counter(reason or "passed" for reason in reasons).most_common())
    print(f"{given.prompts:,} twins: looks {looks - started:.1f} s, repeats {done - looks:.1f} s; {counts}")
    passed = [Prompt(f"t{n}", twins[n], "lookalike", pair=f"p{n}") for n, reason in enumerate(reasons) if not reason]
    sets = {"red_team": prompts, "lookalike": passed}
    started = time.process_time()
    figures(PromptSets(sets, [], Repeats()))
    counted = time.process_time()
    style_check(sets, {"red_team"})
    print(f"stats: figures {counted - started:.1f} s, style check {time.process_time() - counted:.1f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()

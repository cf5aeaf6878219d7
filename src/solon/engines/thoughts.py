"""What a model thinks before it answers, split off from the answer.

Models mark their thoughts in a handful of ways. They are kept beside the answer and are no part of it: not judged, not
learnt, not counted. An answer that was cut off inside its thoughts is an empty answer.
"""

from __future__ import annotations

import re

# How thoughts begin and end: Qwen, DeepSeek and most others; variants; Magistral; Kimi; Seed; OpenThinker; gpt-oss.
MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
)
# What some models put around the answer after the thought.
_AROUND = re.compile(
    r"^\s*(?:<\|start\|>assistant)?(?:<\|channel\|>final<\|message\|>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>)"
    r"|(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>|<\|return\|>|<\|end\|>)\s*$"
)


def opened_by(prompt: str) -> str:
    """The mark that a rendered prompt ends with, so that the answer begins inside a thought; "" where it does not."""
    end = prompt.rstrip()
    return next((begin for begin, _ in MARKS if end.endswith(begin)), "")


def split(text: str, opened: str = "") -> tuple[str, str]:
    """(answer, thoughts) of what a model wrote after a prompt that ended with the mark `opened`.

    Thoughts count where the text begins with them. Where they do not end, all of it is thought and the answer is "".

    >>> split("<think>easy</think> 4")
    ('4', 'easy')
    """
    thoughts, rest = [], opened + text if opened else text
    while (mark := next((m for m in MARKS if rest.lstrip().startswith(m[0])), None)) is not None:
        inside, closed, after = rest.lstrip()[len(mark[0]) :].partition(mark[1])
        thoughts.append(inside.strip())
        rest = _AROUND.sub("", after) if closed else ""
    answer = rest if thoughts else text
    return answer.strip(), "\n\n".join(thought for thought in thoughts if thought)

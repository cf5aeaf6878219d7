"""What a model thinks before it answers, split off from the answer.

Models mark their thoughts in a handful of ways. They are kept beside the answer and are no part of it: not judged, not
learnt, not counted. An answer that was cut off inside its thoughts is an empty answer.
"""

from __future__ import annotations

import re

# How thoughts begin and end: Qwen, DeepSeek and most others; variants; Magistral; Kimi; Seed; OpenThinker; Command A;
# Apertus; Gemma 4; gpt-oss, whose commentary is said on the way to its tools.
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
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|channel|>commentary<|message|>", "<|end|>"),
)
# What some models put around the parts of what they write.
_AROUND = re.compile(
    r"^\s*(?:<\|start\|>assistant)?(?:<\|channel\|>final<\|message\|>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>)?"
    r"|(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>|<\|return\|>|<\|end\|>)\s*$"
)
_PARTS = ("<|channel|>final<|message|>", "<|start|>assistant<|channel|>")  # gpt-oss, also where it thought nothing


def opened_by(prompt: str) -> str:
    """The mark that a rendered prompt ends with, so that the answer begins inside a thought; "" where it does not."""
    end = prompt.rstrip()
    return next((begin for begin, _ in MARKS if end.endswith(begin)), "")


def opened_unseen(text: str) -> str:
    """The mark that a server's template must have opened: of a thought that `text` closes, with an empty line after
    it as models write it, and never opens. "" where there is none."""
    ends = ((begin, text.find(f"{end}\n\n")) for begin, end in MARKS if "/" in end)
    return next((begin for begin, at in ends if at >= 0 and begin not in text[:at]), "")


def split(text: str, opened: str = "") -> tuple[str, str]:
    """(answer, thoughts) of what a model wrote after a prompt that ended with the mark `opened`.

    Thoughts count where the text begins with them. Where they do not end, all of it is thought and the answer is "".

    >>> split("<think>easy</think> 4")
    ('4', 'easy')
    """
    thoughts, rest = [], opened + text
    if rest.lstrip().startswith(_PARTS):
        rest = _AROUND.sub("", rest)
    while (mark := next((m for m in MARKS if rest.lstrip().startswith(m[0])), None)) is not None:
        inside, closed, after = rest.lstrip()[len(mark[0]) :].partition(mark[1])
        thoughts.append(inside.strip())
        rest = _AROUND.sub("", after) if closed else ""
    return rest.strip(), "\n\n".join(thought for thought in thoughts if thought)

"""The ways of asking a judge, one small file each.

choice.py      which reply is better, A or B           likelihood.py  which reply is more likely from an
pointwise.py   does this reply follow it, Yes or No                   assistant that follows the principle
"""

from __future__ import annotations

from typing import Literal, get_args

from solon.constitution import Constitution
from solon.engines import Engine
from solon.feedback.judge import Judge
from solon.feedback.judges.choice import ChoiceJudge
from solon.feedback.judges.likelihood import LikelihoodJudge
from solon.feedback.judges.pointwise import PointwiseJudge
from solon.prompts.compare import letter_demonstrations
from solon.prompts.exemplars import shared_exemplars

Ask = Literal["choice", "pointwise", "likelihood"]
ASK: tuple[Ask, ...] = get_args(Ask)


def build_judge(ask: Ask, engine: Engine, constitution: Constitution, exemplars: int = 0) -> Judge:
    """The judge that asks `engine` in the way `ask`, after `exemplars` demonstrations (choice only)."""
    if ask == "choice":
        shown = letter_demonstrations(shared_exemplars(constitution).comparison[:exemplars])
        return ChoiceJudge(engine, shown)
    return PointwiseJudge(engine) if ask == "pointwise" else LikelihoodJudge(engine)

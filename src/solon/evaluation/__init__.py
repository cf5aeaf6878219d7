"""Evidence: what the model does before and after, and what each principle did, with intervals.

refusal.py  does a reply refuse, redirect or answer      rates.py        shares and differences with intervals
                                                         attribution.py  what each principle did in a run
"""

from solon.evaluation.attribution import Attribution, PrincipleStats, attribute
from solon.evaluation.comparing import Comparing
from solon.evaluation.influence import Influence
from solon.evaluation.oddities import Oddity
from solon.evaluation.rates import Rate, difference, rate
from solon.evaluation.refusal import DECLINED, Conduct, conduct, declines
from solon.evaluation.revising import Revising

__all__ = [
    "DECLINED",
    "Attribution",
    "Comparing",
    "Conduct",
    "Influence",
    "Oddity",
    "PrincipleStats",
    "Rate",
    "Revising",
    "attribute",
    "conduct",
    "declines",
    "difference",
    "rate",
]

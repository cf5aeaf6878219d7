"""Evidence: what the model does before and after, with intervals.

refusal.py  does a reply refuse, redirect or answer      rates.py  shares and differences with intervals
"""

from solon.evaluation.rates import Rate, difference, rate
from solon.evaluation.refusal import DECLINED, Conduct, conduct

__all__ = ["DECLINED", "Conduct", "Rate", "conduct", "difference", "rate"]

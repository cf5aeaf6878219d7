"""AI feedback: judges, soft labels, and how well a judge agrees with people (CAI paper, section 4)."""

from solon.feedback.agreement import Agreement, measure_agreement
from solon.feedback.judge import Judge
from solon.feedback.judges import ASK, build_judge
from solon.feedback.label import label

__all__ = ["ASK", "Agreement", "Judge", "build_judge", "label", "measure_agreement"]

"""The knobs, apart from what they turn so that recipes load without it: training.py and feedback.py."""

from __future__ import annotations

from solon.settings.feedback import (
    ASK,
    TRUNCATED_PAIRS,
    Ask,
    Bar,
    FeedbackSettings,
    QualifySettings,
    TruncatedPairs,
)
from solon.settings.training import (
    METHODS,
    SETTINGS,
    BestOfNSettings,
    DpoSettings,
    GrpoSettings,
    GuardSettings,
    KtoSettings,
    LoraSettings,
    Method,
    PpoSettings,
    RewardBar,
    RewardSettings,
    RewardTerm,
    RolloutSettings,
    SftSettings,
    TrainerSettings,
)

__all__ = [
    "ASK",
    "METHODS",
    "SETTINGS",
    "TRUNCATED_PAIRS",
    "Ask",
    "Bar",
    "BestOfNSettings",
    "DpoSettings",
    "FeedbackSettings",
    "GrpoSettings",
    "GuardSettings",
    "KtoSettings",
    "LoraSettings",
    "Method",
    "PpoSettings",
    "QualifySettings",
    "RewardBar",
    "RewardSettings",
    "RewardTerm",
    "RolloutSettings",
    "SftSettings",
    "TrainerSettings",
    "TruncatedPairs",
]

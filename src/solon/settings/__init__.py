"""The knobs, apart from what they turn so that recipes load without it: training.py and feedback.py."""

from __future__ import annotations

from solon.settings.feedback import ASK, Ask, Bar, FeedbackSettings, QualifySettings
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
    RewardSettings,
    RewardTerm,
    RolloutSettings,
    SftSettings,
    TrainerSettings,
    no_repair,
)

__all__ = [
    "ASK",
    "METHODS",
    "SETTINGS",
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
    "RewardSettings",
    "RewardTerm",
    "RolloutSettings",
    "SftSettings",
    "TrainerSettings",
    "no_repair",
]

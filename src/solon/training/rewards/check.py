"""What can be wrong about the terms of a reward before anything is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from solon.errors import ConfigError
from solon.settings import RewardTerm

PENALTIES = ("length", "repetition")


def check_terms(terms: Sequence[RewardTerm]) -> None:
    """Raises ConfigError for terms that cannot be meant."""
    if not terms:
        raise ConfigError("reward: no terms, so nothing to learn; leave it out to reward by the reward model alone")
    (source, aim), count = Counter((term.source, term.aim) for term in terms).most_common(1)[0]
    if count > 1:
        named = f"{source} and aim {aim}" if aim else source
        raise ConfigError(f"reward: {count} terms have source {named}, and one is allowed; add their weights up")
    for term in terms:
        if term.aim and term.source != "reward_model":
            raise ConfigError(
                f"reward: aim {term.aim} is for source reward_model, not {term.source}; leave it out there"
            )
        if term.free and term.source != "length":
            raise ConfigError(f"reward: free {term.free} is for source length, not {term.source}; leave it out there")
        if term.source in PENALTIES and "weight" not in term.model_fields_set:
            raise ConfigError(
                f"reward: source {term.source} has no weight, and 1 would reward it; "
                "give a negative one, such as -0.5, to penalise it"
            )
    if not any(term.weight for term in terms):
        raise ConfigError("reward: every weight is 0, so every answer would be worth the same; give one another weight")

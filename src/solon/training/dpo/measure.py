"""A policy that learnt from labels, on labels that it did not learn from: what its implicit reward says of them.

The implicit reward of an answer is β (log π - log π_ref), in nats (Rafailov et al. 2023, eq. 5). Before training it is
0 of every answer: an accuracy of no pairs, a log-loss of ln 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solon.engines.local.model import LocalModel
from solon.feedback.qualification.figures import Estimate, Share
from solon.training.dpo.pairs import Pair
from solon.training.dpo.reading import by_pair, reads_branches
from solon.training.dpo.reference import reference_logprobs


def measure_preferences(
    local: LocalModel,
    policy: str,
    reference: str | None,
    pairs: Sequence[Pair],
    lone: Sequence[Mapping[str, Any]],
    beta: float,
    batch_size: int,
) -> dict[str, Any]:
    """Figures with 95% intervals, as plain data; of what there is nothing to tell they are left out.

    accuracy    share of the labels that prefer an answer whose higher implicit reward is that answer's
    log_loss    nats per pair of σ(implicit reward of chosen less rejected) against the soft labels; ln 2 is a coin's
    margin      mean implicit reward of the preferred answer less the other's, in nats
    good, bad   mean implicit reward, in nats, of `lone` replies (as kto.encode_reply gives them) by their label

    Adapter `policy` against adapter `reference` (None: the bare model). Of several processes every one must call it.
    """
    alone = [Pair(row["prompt_ids"], row["completion_ids"], row["completion_ids"], 0.5) for row in lone]
    rewards = beta * _log_ratios(local, policy, reference, [*pairs, *alone], batch_size)
    gaps, labels = rewards[: len(pairs), 0] - rewards[: len(pairs), 1], np.array([pair.prob_chosen for pair in pairs])
    figures: dict[str, Any] = {}
    if len(pairs):
        sides = np.sign(labels - 0.5)
        losses = labels * np.logaddexp(0, -gaps) + (1 - labels) * np.logaddexp(0, gaps)
        figures["log_loss"] = Estimate.mean(losses.tolist(), 0.0).model_dump()
        if sides.any():
            figures["accuracy"] = Share.among(bool(right) for right in (gaps * sides > 0)[sides != 0]).model_dump()
            figures["margin"] = Estimate.mean((gaps * sides)[sides != 0].tolist()).model_dump()
    for name, wanted in (("good", True), ("bad", False)):
        own = [float(rewards[len(pairs) + n, 0]) for n, row in enumerate(lone) if row["label"] is wanted]
        if own:
            figures[name] = Estimate.mean(own).model_dump()
    return figures


def _log_ratios(local: LocalModel, policy: str, reference: str | None, pairs: Sequence[Pair], batch_size: int) -> Any:
    """log π - log π_ref of both answers of each pair, (n, 2) in nats."""
    if not pairs:
        return np.zeros((0, 2))
    shared = reads_branches(local)
    with by_pair(local, shared):
        said = [reference_logprobs(local, name, pairs, batch_size, shared) for name in (policy, reference)]
    return np.asarray(said[0]) - np.asarray(said[1])

"""A linear probe: what a model's hidden states tell of harm in a prompt, learnt from these prompts, tried on others.

A model can learn from its prompts to tell harm only as far as they show it. So a logistic regression is fitted on the
hidden states of the prompts to train on (the mean over the prompt's tokens beside the last token's, where the answer
would begin), and tried on prompts of other people's. Where it ranks strangers' harmless prompts above harmful ones, the
prompts teach something else than harm.

States are taken at a third, a half and two thirds of the model's depth and at its end. Which of them is used is told by
cross-validation on the training prompts alone, twins in one fold: nothing of what it is tried on is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solon.errors import DataError, ModelError, PromptUnfit
from solon.promptsets.areas import Area, Compared, area, scored
from solon.promptsets.telling import FEWEST, group_of
from solon.types import Prompt, fraction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from solon.engines.local.model import LocalModel

    Floats = NDArray[np.float64]

DEPTHS = (1 / 3, 1 / 2, 2 / 3, 1.0)
FOLDS = 5
BATCH = 16
MOST = 300  # prompts of each file that it is tried on, chosen by hash
STRENGTH = 0.01  # scikit-learn's C: states have more dimensions than there are prompts


@dataclass(frozen=True, slots=True)
class Tried:
    """How well the probe tells one file's harmful prompts from another's harmless ones."""

    harmful: str
    harmless: str
    auc: Area

    def facts(self) -> dict[str, Any]:
        return {"harmful": self.harmful, "harmless": self.harmless, "auc": self.auc.facts()}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer (0: the embeddings): the AUC by cross-validation on the training prompts, and on what it was tried."""

    layer: int
    held_out: Area
    tried: tuple[Tried, ...]

    def facts(self) -> dict[str, Any]:
        tried = [one.facts() for one in self.tried]
        return {"layer": self.layer, "held_out": self.held_out.facts(), "tried": tried}


@dataclass(frozen=True, slots=True)
class Probed:
    """All layers, and which of them cross-validation chose; `unfit` prompts the model could not be asked."""

    model: str
    trained_on: int
    chosen: int
    layers: tuple[Layer, ...]
    unfit: int

    @property
    def best(self) -> Layer:
        return next(one for one in self.layers if one.layer == self.chosen)

    def facts(self) -> dict[str, Any]:
        layers = [one.facts() for one in self.layers]
        return {
            "model": self.model,
            "trained_on": self.trained_on,
            "chosen": self.chosen,
            "unfit": self.unfit,
            "layers": layers,
        }


Sets = Mapping[str, Sequence[Prompt]]


def probe(
    local: LocalModel,
    prompts: Sequence[Prompt],
    harmful: Collection[str],
    others: Sequence[tuple[str, Sequence[Prompt]]],
    step: Callable[[], object] = lambda: None,
) -> Probed:
    """Fit on `prompts`, those of the kinds in `harmful` against the rest, and try on `others` (label, prompts of one
    kind): each harmful one against each harmless one. `step` is told of each prompt that was read.

    Raises DataError where a side has too few prompts, ModelError where the model shows no hidden states.
    """
    _enough(prompts, harmful)
    states = _States(local, step)
    trained, seen = states.of(prompts)
    labels = [p.kind in harmful for p in trained]
    read = [(label, bool(some) and some[0].kind in harmful, *states.of(some)) for label, some in others]
    layers = []
    for n, number in enumerate(states.layers):
        held_out = _held_out(seen[:, n], labels, trained)
        model = _fitted(seen[:, n], labels)
        scores = [(label, harm, own, model.decision_function(table[:, n])) for label, harm, own, table in read if own]
        layers.append(Layer(number, held_out, tuple(_pairs(scores))))
    chosen = max(layers, key=lambda one: one.held_out.value)
    return Probed(local.source.name, len(trained), chosen.layer, tuple(layers), states.unfit)


def at_most(prompts: Sequence[Prompt]) -> Sequence[Prompt]:
    """All, or MOST of them."""
    return sorted(prompts, key=lambda p: fraction(["probe", p.text]))[:MOST] if len(prompts) > MOST else prompts


def _enough(prompts: Sequence[Prompt], harmful: Collection[str]) -> None:
    for name, wanted in (("harmful", True), ("harmless", False)):
        count = len({group_of(p) for p in prompts if (p.kind in harmful) is wanted})
        if count < FEWEST:
            raise DataError(
                f"--probe: {count} {name} prompts to train on, twins counted once; {FEWEST} are needed "
                "(--harmful KIND says which kinds ask for harm)"
            )


def _pairs(scores: Sequence[tuple[str, bool, list[Prompt], Floats]]) -> list[Tried]:
    found = []
    for label, harm, prompts, one in scores:
        for other, too, others, two in scores:
            if harm and not too:
                names = [group_of(p) for p in prompts], [group_of(p) for p in others]
                found.append(Tried(label, other, scored(list(one), list(two), *names)))
    return found


def _held_out(table: Floats, labels: Sequence[bool], prompts: Sequence[Prompt]) -> Area:
    """The AUC of held-out scores, compared within each fold."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    harm = np.asarray(labels)
    place = np.where(harm, np.cumsum(harm) - 1, np.cumsum(~harm) - 1)
    groups = [group_of(p) for p in prompts]
    made = Compared.empty(int(harm.sum()), int((~harm).sum()))
    for seen, unseen in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(table, harm, groups):
        scores, is_harm = _fitted(table[seen], harm[seen]).decision_function(table[unseen]), harm[unseen]
        made.add(place[unseen[is_harm]], place[unseen[~is_harm]], scores[is_harm], scores[~is_harm])
    one, other = (
        [name for name, is_harm in zip(groups, harm, strict=True) if is_harm == side] for side in (True, False)
    )
    return area(made, one, other)


def _fitted(table: Floats, labels: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    return make_pipeline(StandardScaler(), model).fit(table, labels)


class _States:
    """Reads prompts with a model; what does not fit it is counted and left out."""

    def __init__(self, local: LocalModel, step: Callable[[], object]) -> None:
        self.local, self.step, self.unfit = local, step, 0
        depth = int(local.base.config.get_text_config().num_hidden_layers)
        self.layers = sorted({max(1, round(depth * share)) for share in DEPTHS})

    def of(self, prompts: Sequence[Prompt]) -> tuple[list[Prompt], Floats]:
        """The prompts that could be read, and their states (prompts, layers, 2 × width)."""
        import numpy as np

        fit, ids = [], []
        for prompt in prompts:
            try:
                ids.append(self.local.encode_chat(prompt.turns))
                fit.append(prompt)
            except PromptUnfit:
                self.unfit += 1
                self.step()
        states: list[Floats] = [np.empty(0)] * len(fit)
        order = sorted(range(len(fit)), key=lambda n: len(ids[n]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for n, row in zip(batch, self._read([ids[n] for n in batch]), strict=True):
                states[n] = row
                self.step()
        return fit, np.stack(states) if states else np.empty((0, len(self.layers), 0))

    def _read(self, rows: Sequence[Sequence[int]]) -> list[Floats]:
        """The states of some prompts, filled up behind: what comes later does not reach a causal model's states."""
        import torch

        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[self.local.pad] * (longest - len(row))] for row in rows])
        with torch.no_grad():
            found = self.local.decoder(ids.to(self.local.device), output_hidden_states=True)
        states = getattr(found, "hidden_states", None)
        if not states or len(states) <= self.layers[-1]:
            raise ModelError(f"--probe: {self.local.source.name} shows no hidden states of its layers; probe another")
        return [self._of_prompt([states[n][at, : len(row)] for n in self.layers]) for at, row in enumerate(rows)]

    @staticmethod
    def _of_prompt(layers: Sequence[Tensor]) -> Floats:
        """The mean and the last of the states (tokens, width) of each layer."""
        import numpy as np
        import torch

        return np.stack([torch.cat([one.mean(0), one[-1]]).double().cpu().numpy() for one in layers])

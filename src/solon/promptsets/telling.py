"""How well two kinds of prompts are told apart by style alone.

A model that learns to decline one kind and to help with the other learns the cheapest difference. Where style gives the
kind away, that is style: lengths, first words, moods, marks, capitals. So a small classifier is fitted on those alone
and tried on prompts that it has not seen. An AUC of 0.5 is a coin: whatever tells the kinds apart, it is not style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solon.errors import DataError
from solon.promptsets.areas import Area, Compared, area, scored
from solon.promptsets.mood import first_word
from solon.promptsets.style import numbers_of, words
from solon.types import Prompt, fraction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
ROUNDS = 4  # of cross-validation, each with other folds
FEWEST = 10  # groups of a kind, below which nothing can be said
MOST = 2000  # prompts of a kind, chosen by hash where there are more
STRENGTH = 0.3  # scikit-learn's C: the inverse of the penalty on the squared weights
TELLING = 6  # features that are named


@dataclass(frozen=True, slots=True)
class Told:
    """How two kinds are told apart: by a classifier on style, held out; by the number of words alone (above 0.5: the
    first kind is longer); and the features that weigh most in the classifier fitted on all, above 0 for the first kind.
    """

    first: str
    second: str
    style: Area
    length: Area
    telling: tuple[tuple[str, float], ...]

    @property
    def worst(self) -> float:
        """The larger of the two, whichever way round."""
        return max(self.style.value, self.length.told_apart)

    def facts(self) -> dict[str, Any]:
        return {
            "kinds": [self.first, self.second],
            "style": self.style.facts(),
            "length": self.length.facts(),
            "telling": [{"feature": name, "weight": round(weight, 3)} for name, weight in self.telling],
        }


def told_apart(kinds: tuple[str, str], first: Sequence[Prompt], second: Sequence[Prompt], seed: int = 0) -> Told:
    """Fit and try a classifier on the style of two kinds, by name and prompts, twins always in one fold.

    Raises DataError where there are too few.
    """
    first, second = _at_most(first), _at_most(second)
    one, other = ([group_of(p) for p in prompts] for prompts in (first, second))
    for kind, groups in zip(kinds, (one, other), strict=True):
        if len(set(groups)) < FEWEST:
            raise DataError(f"style: {kind} has {len(set(groups))} prompts, twins counted once; {FEWEST} are needed")
    texts = [p.text for p in (*first, *second)]
    lengths = [words(text) for text in texts]
    made, telling = _tried(texts, len(first), [*one, *other], seed)
    by_length = scored(lengths[: len(first)], lengths[len(first) :], one, other)
    return Told(*kinds, area(made, one, other, seed), by_length, telling)


def group_of(prompt: Prompt) -> str:
    """What twins have in common: the name of their pair; of one without twins its own."""
    return f"pair {prompt.pair}" if prompt.pair else f"{prompt.kind} {prompt.id}"


def _at_most(prompts: Sequence[Prompt]) -> Sequence[Prompt]:
    """All, or MOST of them; twins are taken or left together."""
    if len(prompts) <= MOST:
        return prompts
    return sorted(prompts, key=lambda p: (fraction(["style", group_of(p)]), p.id))[:MOST]


def _tried(
    texts: Sequence[str], first: int, groups: Sequence[str], seed: int
) -> tuple[Compared, tuple[tuple[str, float], ...]]:
    """Comparisons of held-out scores in each fold, and what weighs most; the first `first` texts are of one kind."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    names, measured, openings = _measured(texts)
    labels = np.arange(len(texts)) < first
    made = Compared.empty(first, len(texts) - first)
    for number in range(ROUNDS):
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed + number)
        for seen, unseen in folds.split(measured, labels, groups):
            if len(set(labels[seen])) < 2:
                continue
            scores = _fitted(measured[seen], openings[seen], labels[seen]).decision_function(
                _table(measured[unseen], openings[unseen])
            )
            of_first = labels[unseen]
            made.add(unseen[of_first], unseen[~of_first] - first, scores[of_first], scores[~of_first])
    return made, _weights(_fitted(measured, openings, labels), names)


def _measured(texts: Sequence[str]) -> tuple[list[str], NDArray[np.float64], NDArray[np.object_]]:
    """The names of the numbers, the numbers (texts, names), and the first words."""
    import numpy as np

    rows = [numbers_of(text) for text in texts]
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    return names, table, np.array([first_word(text) for text in texts], dtype=object)


def _table(measured: NDArray[np.float64], openings: NDArray[np.object_]) -> NDArray[np.object_]:
    import numpy as np

    return np.column_stack([measured.astype(object), openings])


def _fitted(measured: NDArray[np.float64], openings: NDArray[np.object_], labels: NDArray[np.bool_]) -> Any:
    """A logistic regression on standardised numbers and on the first words that occur more than once."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    width = measured.shape[1]
    columns = make_column_transformer(
        (StandardScaler(), list(range(width))),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2), [width]),
    )
    model = make_pipeline(columns, LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000))
    return model.fit(_table(measured, openings), labels)


def _weights(model: Any, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The features that weigh most, with their weights."""
    words_of = model[0].transformers_[1][1].get_feature_names_out([""])
    rare = "_infrequent_sklearn"
    shown = ("a rare first word" if word == rare else f"first word: {word.removeprefix('_')}" for word in words_of)
    called = [*names, *shown]
    weighed = sorted(zip(called, model[1].coef_[0], strict=True), key=lambda pair: -abs(pair[1]))
    return tuple((name, float(weight)) for name, weight in weighed[:TELLING])

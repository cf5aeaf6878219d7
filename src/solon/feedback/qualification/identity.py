"""Of whom a judge's card is, and on what the judge was measured."""

from __future__ import annotations

from solon.constitution import Constitution
from solon.feedback.qualification.figures import Part
from solon.types import digest


class AskedJudge(Part):
    """A judge of the panel (mostly there is one) and how it was asked.

    `role` is its name in the recipe; `engine`, `model`, `weights`, `precision`, `version` and `key` are those of the
    engine's fingerprint; `ask` is one of `solon.settings.ASK`. `served_as` is the model's name that a server gave
    with its answers, where it differs from `model`. `hard`: the server gives no log-probabilities, so that every
    verdict is 0 or 1.
    """

    role: str
    engine: str
    model: str
    weights: str = ""
    precision: str = ""
    version: str = ""
    key: str
    ask: str
    served_as: str | None = None
    hard: bool = False


class ConstitutionId(Part):
    """Whose principles were asked about; `hash` is that of all a judge is told of them and nothing else."""

    name: str
    version: str
    hash: str

    @classmethod
    def of(cls, constitution: Constitution) -> ConstitutionId:
        return cls(name=constitution.name, version=constitution.version, hash=digest(constitution.used_in("compare")))


class LabelSet(Part):
    """The labelled pairs: `rows` were used and `set_aside` were not, being broken.

    `labelled_by` says who labelled them, "" where nobody said. `aims` and `difficulties` count the rows by what they
    are about and how hard they are ("" where the file does not say). `sha256` is the file's.
    """

    name: str
    format: str
    sha256: str
    rows: int
    set_aside: int
    aims: dict[str, int]
    difficulties: dict[str, int]
    labelled_by: str = ""

    @property
    def labels(self) -> str:
        """Whose labels they are, as in "agrees with labels by …"."""
        return f"labels by {self.labelled_by}" if self.labelled_by else "labels of unknown origin"

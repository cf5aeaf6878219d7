"""The engines that play the roles, when the best of n is picked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from solon.constitution import Constitution
from solon.engines import MemoisedEngine
from solon.errors import ConfigError
from solon.feedback import Labeller
from solon.feedback.qualification import Card, ConstitutionId
from solon.pipeline.best import Respond, as_given
from solon.pipeline.best_roles import BestRoles
from solon.pipeline.labelling import labeller
from solon.pipeline.qualifying import Engines, asked_judge


@dataclass(frozen=True, slots=True)
class Cast:
    """The engine of every player, and what they go by."""

    roles: BestRoles
    constitution: Constitution
    seed: int
    engines: dict[str, MemoisedEngine]
    card: Card | None = None

    @classmethod
    def of(
        cls, roles: BestRoles, engines: Engines, constitution: Constitution, seed: int, card: Card | None = None
    ) -> Cast:
        """`engines` are those of `BestRoles.named`; `card` vouches for the judge.

        Raises ConfigError where the second judge is the judge itself.
        """
        own = {engine.role: engine for _, engine in engines}
        found = {name: own.get(name) or _shared(own[roles.shares_with(name)], name) for name in roles.players()}
        cast = cls(roles, constitution, seed, found, card)
        cast._check_gold()
        return cast

    @property
    def judge(self) -> MemoisedEngine:
        return self.engines["judge"]

    def _check_gold(self) -> None:
        second = self.roles.gold_settings
        if (
            second
            and second.ask == self.roles.settings.ask
            and self.engines["gold"].fingerprint == self.judge.fingerprint
        ):
            raise ConfigError(
                f"--gold: {self.judge.fingerprint.model} asked for {second.ask} is the judge itself; ask it in another "
                "way, or name another model with --gold-model"
            )

    def ranks(self) -> Labeller:
        """The judge, calibrated as its card says."""
        settings, engines = self.roles.settings, [(self.roles.settings.ask, self.judge)]
        if self.card is None:
            return labeller(engines, self.constitution, settings, self.seed)
        return labeller(engines, self.constitution, settings, self.seed, self.card.fitted)

    def measures(self) -> Labeller | None:
        """The second judge, if there is one."""
        settings = self.roles.gold_settings
        if settings is None:
            return None
        return labeller([(settings.ask, self.engines["gold"])], self.constitution, settings, self.seed)

    def answers(self) -> Respond:
        """The responder, or the file where it holds the responses."""
        sampling = self.roles.sampling
        return sampling.of(self.engines["responder"]) if sampling else as_given

    def facts(self) -> dict[str, Any]:
        """Who played, by fingerprint, and how they were asked. `card` is None where nothing vouches for the judge."""
        first, second, card = self.roles.settings, self.roles.gold_settings, self.card
        sampling = self.roles.sampling
        return {
            "judge": asked_judge(first.ask, self.judge).model_dump(),
            "settings": first.model_dump(mode="json"),
            "card": {"digest": card.digest, "qualified": card.qualified, "measured_by": card.measured_by}
            if card
            else None,
            "calibration": card.fitted.as_dict() if card else None,
            "gold": asked_judge(second.ask, self.engines["gold"]).model_dump() if second else None,
            "gold_settings": second.model_dump(mode="json") if second else None,
            "responder": asdict(self.engines["responder"].fingerprint) if sampling else None,
            "sampling": asdict(sampling) if sampling else None,
            "constitution": ConstitutionId.of(self.constitution).model_dump(),
            "seed": self.seed,
        }


def _shared(engine: MemoisedEngine, name: str) -> MemoisedEngine:
    """The same model in another role."""
    return MemoisedEngine(engine.inner, engine.memo, name, engine.usage)

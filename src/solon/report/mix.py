"""What a run's data is made of: the mix of SL-CAI, and the pairs that were labelled, by source and by what they are
about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from solon.data.mix import MANY_REFUSALS
from solon.data.tables import batches
from solon.evaluation import Rate
from solon.evaluation.refusal import declines
from solon.evaluation.shares import share_of
from solon.pipeline.human import SOURCE as HUMAN
from solon.pipeline.pairing import COMPARED
from solon.report import kinds
from solon.report.material import Material
from solon.report.remark import Remark
from solon.report.words import count, percent, prompts_named, share

LABELS = "rl_cai/preferences.parquet"
LEANS = 0.05  # of pairs on harmless prompts, with the whole interval: more refusals preferred are no slips
READ = 2000  # labels of each row of the table whose chosen text is read


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of the mix of one source, and their share of all."""

    name: str
    n: int
    share: float


@dataclass(slots=True)
class Labels:
    """Labels of one source about one aim: how many, how sure they are (a sum), how many of those `read` prefer a reply
    that declines."""

    source: str
    aim: str
    n: int = 0
    confidence: float = 0.0
    read: int = 0
    declining: int = 0

    @property
    def name(self) -> str:
        return COMPARED.get(self.source, self.source or "other")

    @property
    def declined(self) -> Rate | None:
        return share_of(self.declining, self.read)


# --- the mix -------------------------------------------------------------------------------------------------


def parts(m: Material) -> list[Part]:
    """The rows of the mix by source, the most first."""
    mix, named = _revised(m).get("mix") or {}, kinds.sources(m)
    total = sum(mix.values())
    ranked = sorted(mix.items(), key=lambda one: (-one[1], one[0]))
    return [Part(named.get(source, source), n, n / total) for source, n in ranked] if total else []


def left_out(m: Material) -> list[tuple[str, int]]:
    """Which limit of the recipe left out how many rows."""
    return [(_limit(name), n) for name, n in (_revised(m).get("mix_left_out") or {}).items() if n]


def _limit(name: str) -> str:
    """What a limit is about, with its setting."""
    if name == "keep":
        return "sampled answers that decline what is harmless (sl_cai.keep)"
    if name == "aimed":
        return "rows whose revision answers harm, or declines what is harmless (sl_cai.keep)"
    if name == "helpful_share":
        return "sampled answers beyond their share (sl_cai.helpful_share)"
    about = {"repeats": "rows whose text recurs", "refusals": "refusals beyond their share"}
    of_kind = f"rows of {prompts_named(name.removeprefix('shares.'))} beyond their share"
    return f"{about.get(name, of_kind)} (sl_cai.mix.{name})"


def samples(m: Material) -> int:
    """How many answers were sampled to each prompt that asks for no harm."""
    found = m.setting("sl_cai", "mix", "samples")
    return found if isinstance(found, int) else 1


def reverted(m: Material) -> Rate | None:
    """The share of revisions that were reverted, as they moved away from what their kind is for; None of none."""
    revised = _revised(m)
    lost: dict[str, int] = revised.get("failed") or {}
    n = lost.get("reverted", 0)
    return share_of(n, revised.get("revisions", 0) + sum(lost.values())) if n else None


def refusals(m: Material) -> Remark | None:
    """How many rows of the mix decline; a warning where they are many."""
    found = _revised(m).get("refusals") or {}
    n, of = found.get("count", 0), found.get("of", 0)
    if not of:
        return None
    said = f"{count(n)} of the {count(of, 'row')} ({percent(n / of)}) decline"
    if n <= MANY_REFUSALS * of:
        return Remark(f"{said}.", "plain")
    why = f"more than {percent(MANY_REFUSALS)}: a model that learns mostly refusals refuses what is harmless, too"
    return Remark(f"{said}, {why}.", "warn")


def _revised(m: Material) -> dict[str, Any]:
    return m.facts.get("revisions", {})


# --- the pairs -----------------------------------------------------------------------------------------------


def labels(m: Material) -> list[Labels]:
    """The labelled pairs by source and aim; [] of a run without, or whose file names no aims."""
    path = m.folder / LABELS
    if not path.is_file() or "aim" not in pq.read_schema(path).names:
        return []
    found: dict[tuple[str, str], Labels] = {}
    for row in batches(path, ["source", "aim", "prob_chosen", "chosen"]):
        key = (row["source"] or "", row["aim"] or "")
        _take(found.setdefault(key, Labels(*key)), row)
    order = [*COMPARED]
    return sorted(found.values(), key=lambda one: (_place(order, one.source), one.source, one.aim))


def _take(of: Labels, row: dict[str, Any]) -> None:
    of.n += 1
    of.confidence += 2 * row["prob_chosen"] - 1
    if of.read < READ and row["chosen"]:
        of.read += 1
        of.declining += declines(row["chosen"][-1]["content"])


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def by_source(rows: list[Labels]) -> list[tuple[str, int]]:
    """How many labels there are of each source, people's apart."""
    total: dict[str, int] = defaultdict(int)
    for row in rows:
        total[row.source] += row.n
    return [(COMPARED.get(source, source or "other"), n) for source, n in total.items() if source != HUMAN]


def refusals_preferred(facts: dict[str, Any], prompts: str) -> Rate | None:
    """How often the judge preferred a refusal to an answer, of `prompts` that are "harmful" or "harmless"; None of no
    such pair. `facts` are those of the step preferences."""
    found = (facts.get("refusals_preferred") or {}).get(prompts)
    return share_of(*found) if found else None


def leans(preferred: Rate) -> bool:
    """Whether refusals of what is harmless are preferred too often for slips."""
    return preferred.low > LEANS


def leaning(m: Material) -> Remark | None:
    """That the judge prefers refusals of what is harmless so often that a policy learns them; None if it does not."""
    found = refusals_preferred(_preferences(m), "harmless")
    if found is None or not leans(found):
        return None
    return Remark(
        f"On harmless prompts the judge prefers a refusal to an answer in {share(found)} of "
        f"{count(found.n, 'pair')}: what learns from these labels learns to refuse what is harmless. Ask another judge "
        "about help (rl_cai.feedback.ask_about), or hold refusals within a bound (rl_cai.constraint).",
        "warn",
    )


def people(m: Material) -> int:
    """How many pairs people labelled."""
    return sum((_preferences(m).get("human") or {}).values())


def untold(m: Material) -> Remark | None:
    """The kinds of pair on which the judge may be a coin, and what became of them; None where there is none."""
    found = _preferences(m).get("untold_pairs") or {}
    by_kind: dict[str, int] = found.get("pairs") or {}
    if not by_kind:
        return None
    left = found.get("rule") != "use"
    done = "were left out" if left else "were labelled all the same (rl_cai.qualify.untold)"
    text = f"{count(sum(by_kind.values()), 'pair')} {done}: the judge cannot be told from a coin on such pairs."
    measured = m.cards[0].agreement.by_kind if m.cards else {}
    agreement = {kind: f"; its agreement on labelled ones is {found}" for kind, found in measured.items()}
    reasons = tuple(f"“{kind}”: {count(n, 'pair')}{agreement.get(kind, '')}" for kind, n in by_kind.items())
    return Remark(text, "plain" if left else "warn", reasons)


def unmeasured(m: Material) -> Remark | None:
    """The kinds of pair that the judge labelled without having been examined on any."""
    found: dict[str, int] = (_preferences(m).get("untold_pairs") or {}).get("unmeasured") or {}
    if not found or not (m.cards and m.cards[0].agreement.by_kind):
        return None
    lines = tuple(f"“{kind}”: {count(n, 'pair')}" for kind, n in found.items())
    return Remark("The judge was examined on no pair of these kinds and labelled them all the same:", "warn", lines)


def _preferences(m: Material) -> dict[str, Any]:
    return m.facts.get("preferences", {})

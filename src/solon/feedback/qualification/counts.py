"""Whether the figures of a card fit together: a card whose counts do not add up, or that lacks a figure which was
measured with the others, was not made by measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from solon.feedback.qualification.figures import Share
from solon.feedback.qualification.identity import LabelSet
from solon.feedback.qualification.measured import Measured
from solon.feedback.qualification.parts import Attacked


def disagreement(measured: Measured, data: LabelSet, both_orders: bool) -> str | None:
    """The first two figures that cannot both be true, in a few words; None where all fit.

    `both_orders` says that every judge was shown every pair in both orders.
    """
    return next(_disagreements(measured, data, both_orders), None)


def _disagreements(m: Measured, data: LabelSet, both_orders: bool) -> Iterator[str]:
    right, failed = m.agreement.overall, m.failures.failed
    if right.n != data.rows:
        yield f"agreement is of {right.n} pairs, data of {data.rows}"
    if right.n and not m.agreement.by_aim:
        yield f"agreement.by_aim has no figures, agreement.overall is of {right.n} pairs"
    yield from _parts("agreement.by_aim", m.agreement.by_aim, right)
    yield from _parts("agreement.by_difficulty", m.agreement.by_difficulty, right)
    yield from _parts("agreement.by_kind", m.agreement.by_kind, right)
    yield from _counted("data.aims", data.aims, m.agreement.by_aim)
    yield from _counted("data.difficulties", data.difficulties, m.agreement.by_difficulty)
    if failed.n != right.n:
        yield f"failures.failed is of {failed.n} pairs, agreement of {right.n}"
    if m.agreement.ties < 0 or right.hits + failed.hits + m.agreement.ties > right.n:
        yield f"{right.hits} right, {failed.hits} failed and {m.agreement.ties} tied pairs are not {right.n}"
    lengths = m.lengths
    if lengths.longer_better.n + lengths.shorter_better.n != lengths.better_is_longer.n:
        yield "lengths: longer_better and shorter_better are of other pairs than better_is_longer"
    if lengths.better_is_longer.n > right.n or lengths.matched.n > right.n:
        yield f"lengths are of more pairs than the {right.n} labelled"
    if both_orders and m.positions.consistency is None and failed.hits < right.n:
        yield "positions.consistency has no figures, though the judge was shown both orders"
    if m.positions.consistency and m.positions.consistency.n > right.n:
        yield f"positions.consistency is of more pairs than the {right.n} labelled"
    attacked = {"injections": m.injections, "master_keys": m.master_keys, "padding": m.padding}
    for name, found in attacked.items():
        yield from _attacked(name, found)
    yield from _untried(attacked, m.attacks, right)


def _untried(attacked: Mapping[str, Attacked | None], attacks: str | None, right: Share) -> Iterator[str]:
    """Injections and master keys meet any label that is right; padding only where the prompt asks for no form."""
    tried = [name for name, found in attacked.items() if found is not None]
    if not right.hits or (attacks is None and not tried):
        return
    for name in ("injections", "master_keys"):
        if name not in tried:
            beside = f"{tried[0]} has figures" if tried else f"attacks says that {(attacks or '')[:12]} were run"
            yield f"{name} has no figures, and {beside}"


def _attacked(name: str, found: Attacked | None) -> Iterator[str]:
    if found is None:
        return
    yield from _parts(f"{name}.by_family", found.by_family, found.total)
    if found.failed.n != found.total.n or found.preferred.n > found.total.n:
        yield f"{name}: failed and preferred are of other trials than total"
    if found.failed.hits > found.total.hits:
        yield f"{name}: more labels failed than were turned"


def _parts(name: str, parts: Mapping[str, Share], whole: Share) -> Iterator[str]:
    """Shares of parts must add up to the whole; no parts say nothing."""
    hits, n = sum(part.hits for part in parts.values()), sum(part.n for part in parts.values())
    if parts and (hits, n) != (whole.hits, whole.n):
        yield f"{name} adds up to {hits} of {n}, not to {whole.hits} of {whole.n}"


def _counted(name: str, counts: Mapping[str, int], parts: Mapping[str, Share]) -> Iterator[str]:
    found = {key: part.n for key, part in parts.items()}
    if counts and dict(counts) != found:
        yield f"{name} are {dict(counts)}, the agreement is of {found}"

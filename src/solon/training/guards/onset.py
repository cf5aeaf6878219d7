"""When a drift began: the change point of the series that rang."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from solon.training.guards.series import Point

# What a shape may fit worse than the best, in variances of the noise, for a one-sided limit of 90% (1.28²).
DOUBT = 1.64
# How much better (BIC) a trend before the drift must fit than none.
TREND = 6.0

ROWS = 256  # values of τ that are tried at once: a long series must not fill the memory

Floats = NDArray[np.float64]


def before_drift(points: Sequence[Point], sign: int, trend: bool = False) -> int | None:
    """The last step before the drift that the series ends in; None where it shows none.

    `sign` is the direction of the drift, 1 up and -1 down; `trend` says that the number may move all along, as the KL
    does: the drift then is its quickening, where it has one.

    Least squares, each step weighted by its answers: a level up to step τ, then a jump, a ramp, or a ramp that
    steepens. Of every τ and shape that fits the series as well as the best one does (within what noise allows,
    one-sided 90%), the earliest: weights from a little before the drift do no harm, weights from within it do.
    """
    if len(points) < 3:
        return points[0].step if len(points) == 2 else None
    x = sign * np.array([p.mean for p in points])
    w = np.array([p.n for p in points], dtype=float)
    t = np.arange(len(points), dtype=float)
    fits, parameters = _fits(t, x, w, [np.ones_like(t)]), 3  # level, height and τ
    if trend:
        line = _fits(t, x, w, [np.ones_like(t), t])
        if _bic(line, len(t), 4) + TREND < _bic(fits, len(t), 3):
            fits, parameters = line, 4
    best = float(fits.min())
    if not np.isfinite(best):
        return None
    noise = best / max(1, len(t) - parameters)
    whole = float((w * (x - np.average(x, weights=w)) ** 2).sum())
    plausible = (fits <= best + DOUBT * noise + 1e-9 * whole).any(axis=0)
    return points[int(np.flatnonzero(plausible)[0])].step


def _bic(fits: Floats, n: int, parameters: int) -> float:
    return float(n * np.log(max(float(fits.min()), 1e-12) / n) + parameters * np.log(n))


def _fits(t: Floats, x: Floats, w: Floats, common: list[Floats]) -> Floats:
    """Weighted squared errors, (shape, τ), where the drift begins after point τ; infinite where it goes down."""
    root = np.sqrt(w)
    known, _ = np.linalg.qr(np.column_stack(common) * root[:, None])
    left = x * root - known @ (known.T @ (x * root))  # what the level (and the trend) leave
    rows = [_errors(t[i : i + ROWS], t, root, known, left) for i in range(0, len(t) - 1, ROWS)]
    return np.concatenate(rows, axis=1)[:, : len(t) - 1]


def _errors(taus: Floats, t: Floats, root: Floats, known: Floats, left: Floats) -> Floats:
    late = np.maximum(0.0, t - taus[:, None])
    errors = []
    for shape in ((late > 0).astype(float), late, late**2):
        drift = shape * root
        drift = drift - (drift @ known) @ known.T
        with_left, own = drift @ left, (drift**2).sum(axis=1)
        up = (with_left > 0) & (own > 1e-9 * (shape**2 @ root**2))
        explained = np.divide(with_left**2, own, out=np.zeros_like(own), where=up)
        errors.append(np.where(up, np.maximum(0.0, float(left @ left) - explained), np.inf))
    return np.array(errors)

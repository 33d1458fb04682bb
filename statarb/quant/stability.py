"""Whether the hedge still holds since it was fitted: drift of beta and of the mean, by cumulative sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statarb.quant.half_life import HIGHEST, MEDIAN, likely_persistence
from statarb.quant.hedge import hedge_ratio
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined, checked_pair, checked_window, is_constant

FIT_BARS = 60
"""Fewer bars in the fit make its own error look like drift."""

SINCE_BARS = 10
"""Fewer bars since the fit cannot tell drift from chance."""

WARN, BROKEN = 0.05, 0.001
"""Limits of p. Measured over 1,000 pairs: below the first in 4 to 7 %, below the second in 0.2 to 1.4 % of cases."""

Badge = Literal["stable", "drifting", "broken"]

MEANING: dict[Badge, str] = {
    "stable": "Since the fit beta and the mean have moved no more than chance moves them.",
    "drifting": "Since the fit beta or the mean has moved as chance moves it in about 5 % of cases: fit again soon.",
    "broken": "Since the fit beta or the mean has moved as chance moves it in about 1 % of cases: z judges by a "
    "line that no longer holds.",
}


@dataclass(frozen=True)
class Stability:
    """The badge: `badge` by the smaller p of the two, doubled. `mean_p` and `beta_p` are of the drift of each alone;
    `mean_p` is NaN where the bars of the fit allow a walk, which has no mean.

    `bars` is how many bars the fit is old.
    """

    badge: Badge
    pvalue: float
    mean_p: float
    beta_p: float
    bars: int

    @property
    def text(self) -> str:
        """What the badge means, in one sentence."""
        return MEANING[self.badge]


def stability(y: Any, x: Any, fitted: int) -> Stability | NotEnough:
    """Drift of mean and beta since a fit to the first `fitted` bars.

    The spread of those bars is an AR(1) whose phi is corrected for bias (as in `half_life`); alpha and beta are fitted
    again to y(t) - phi y(t-1), so that their error is known. The one-bar surprises e(t) after the fit, over the
    deviation of those in it, are white while nothing changes. Two cumulative sums over the m bars since: of e(t) for
    the mean, and of e(t) g(t) for beta, g(t) = x(t) - phi x(t-1). Each, over the root of its variance at the end
    (the fit's own error included), is compared with the largest excursion of a Brownian motion: p = 4 P(N > c),
    doubled for two sums.

    Null hypothesis: mean and beta are those of the fit. Where the fit's own bars allow a walk there is no mean to
    drift from: beta alone is then judged, and `mean_p` is NaN.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression: the bars of the fit, then those since.
    fitted : int
        Bars of the fit, at least 60.

    Returns
    -------
    Stability or NotEnough
        NotEnough until 10 bars have passed since the fit; Undefined where a leg does not move in the fit or both are
        one asset.

    Raises
    ------
    DataError
        As `hedge_ratio`, or fewer than 60 bars in the fit.

    References
    ----------
    Brown, Durbin & Evans (1975), Journal of the Royal Statistical Society B 37, for cumulative sums of surprises;
    Chu, Stinchcombe & White (1996), Econometrica 64, for monitoring since a fit; Hansen (1992), Journal of Policy
    Modeling 14, for the score of each coefficient.
    """
    first, second = checked_pair(y, x)
    fitted = checked_window(fitted, FIT_BARS)
    ys, xs = first.to_numpy(), second.to_numpy()
    n = ys.size
    if n < fitted + SINCE_BARS:
        return NotEnough("bars", n, fitted + SINCE_BARS)
    for name, leg in (("y", ys), ("x", xs)):
        if is_constant(leg[:fitted]):
            return Undefined(f"no badge: {name} did not move in the {fitted:,} bars of the fit", n, n)
    hedge = hedge_ratio(ys[:fitted], xs[:fitted])
    if isinstance(hedge, NotEnough):
        return hedge
    if hedge.r2 > SAME_ASSET_R2:
        return Undefined("no badge: both legs are the same asset (R² above 0.999999)", n, n)
    # Each leg from its mean in the fit and by its own size: prices of 1e-8 and of 1e9 are then alike.
    dy, dx = (leg - leg[:fitted].mean() for leg in (ys, xs))
    dy, dx = dy / np.abs(dy[:fitted]).max(), dx / np.abs(dx[:fitted]).max()
    spread = (ys - hedge.alpha - hedge.beta * xs)[:fitted]
    rho = float(spread[:-1] @ spread[1:]) / float(spread[:-1] @ spread[:-1])
    phi = max(0.0, likely_persistence(rho, fitted - 1, True, MEDIAN))
    has_mean = likely_persistence(rho, fitted - 1, True, HIGHEST) < 1
    mean_p, beta_p = _drifts(dy, dx, phi, fitted)
    pvalue = min(1.0, 2 * min(mean_p, beta_p)) if has_mean else beta_p
    badge: Badge = "stable" if pvalue >= WARN else "drifting" if pvalue >= BROKEN else "broken"
    return Stability(badge, pvalue, mean_p if has_mean else math.nan, beta_p, n - fitted)


def _drifts(y: Floats, x: Floats, phi: float, fitted: int) -> tuple[float, float]:
    """p of the cumulative sums for the mean and for beta."""
    target, beside = y[1:] - phi * y[:-1], x[1:] - phi * x[:-1]
    design = np.column_stack([np.full(beside.size, 1 - phi), beside] if phi < 1 else [beside])
    fit, since = design[: fitted - 1], design[fitted - 1 :]
    line = np.linalg.lstsq(fit, target[: fitted - 1], rcond=None)[0]
    surprise = target - design @ line
    inside, after = surprise[: fitted - 1], surprise[fitted - 1 :]
    variance = float(inside @ inside) / (fitted - 1 - design.shape[1])
    if variance <= 0:
        return 1.0, 1.0
    error = np.linalg.pinv(fit.T @ fit)
    mean_p, beta_p = (
        _excursion_p(weights, after, since, error, variance) for weights in (np.ones(after.size), since[:, -1])
    )
    return mean_p, beta_p


def _excursion_p(weights: Floats, surprise: Floats, design: Floats, error: Floats, variance: float) -> float:
    sums = np.cumsum(weights * surprise)
    drift = weights @ design
    total = variance * (float(weights @ weights) + float(drift @ error @ drift))
    if total <= 0:
        return 1.0
    return min(1.0, 2 * math.erfc(float(np.abs(sums).max()) / math.sqrt(2 * total)))

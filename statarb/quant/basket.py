"""One leg hedged by a basket of others: least squares, dynamic least squares and Huber's estimate with several legs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.quant.hedge_errors import newey_west_lags
from statarb.quant.hedge_methods import huber_fit
from statarb.quant.sample import (
    Floats,
    NotEnough,
    Undefined,
    checked_bandwidth,
    checked_lags,
    checked_series,
    checked_table,
    is_constant,
)

Method = Literal["hac", "dols", "huber"]

LEAST_BARS = 20
"""With fewer, and without three bars for each coefficient, nothing is fitted."""


@dataclass(frozen=True, eq=False)
class BasketEstimate:
    """y = alpha + sum of beta_j x_j + residual, by `method`, on `n` bars.

    `beta`: one for each leg of the basket, shape (k,); `covariance`: of (beta, alpha), shape (k + 1, k + 1).
    `scale`: Huber's scale of the residuals, or the long-run variance of DOLS's; NaN for `hac`.
    """

    method: str
    alpha: float
    beta: Floats
    covariance: Floats
    n: int
    scale: float

    @property
    def beta_se(self) -> Floats:
        """Standard errors of `beta`."""
        return np.asarray(np.sqrt(np.diag(self.covariance)[:-1]))

    @property
    def alpha_se(self) -> float:
        """Standard error of `alpha`."""
        return math.sqrt(self.covariance[-1, -1])

    @property
    def f_statistic(self) -> float:
        """Wald's F of all of `beta` being zero."""
        of_beta = self.covariance[:-1, :-1]
        return float(self.beta @ np.linalg.solve(of_beta, self.beta)) / self.beta.size


def basket_hedge(
    y: Any,
    legs: Any,
    method: Method = "dols",
    lags: int | None = None,
    leads: int = 1,
    bandwidth: float | None = None,
) -> BasketEstimate | NotEnough:
    """Hedge of one leg by several others.

    `hac`: least squares with the covariance of Newey and West, n / (n - k - 1) times Bartlett-weighted scores.
    `dols`: leads and lags of the changes of every leg beside the levels, the long-run covariance by a Bartlett kernel.
    `huber`: Huber's M-estimate (1.345 times the scaled median of |residual|), with his first covariance.

    Parameters
    ----------
    y : Series or array, shape (n,)
        Closes of the hedged leg, on the scale of the regression.
    legs : DataFrame or array, shape (n, k)
        Closes of the basket on the same scale and clock.
    method : {'dols', 'hac', 'huber'}
        Which estimate.
    lags : int, optional
        For `hac` of the covariance, else floor(4 (n / 100)^(2/9)); for `dols` of the changes, else 1.
    leads : int
        For `dols`, of the changes.
    bandwidth : float, optional
        For `dols`; from the data without it (Newey and West, 1994).

    Returns
    -------
    BasketEstimate or NotEnough
        NotEnough below 20 bars or three for each coefficient; Undefined where a leg does not move, or the legs of the
        basket determine one another.

    Raises
    ------
    DataError
        NaN, infinity, legs of another length, a method or options that do not exist.

    References
    ----------
    Newey & West (1987), Econometrica 55; Saikkonen (1991), Econometric Theory 7; Huber (1981), *Robust Statistics*,
    ch. 7. Equal to statsmodels' cov_type='HAC' with use_correction, arch's DynamicOLS, and statsmodels' RLM.
    """
    if method not in ("hac", "dols", "huber"):
        raise DataError(f"{str(method)[:20]!r} is not a method for a basket.", "Choose dols, hac or huber.")
    target, table = checked_series(y, "y").to_numpy(), checked_table(legs)
    n, k = table.shape
    if target.size != n:
        raise DataError(f"y has {target.size} values and the legs {n}.", "Align the legs first.")
    need = max(LEAST_BARS, 3 * (k + 1))
    if n < need:
        return NotEnough("bars", n, need)
    for name, leg in (("y", target), *((f"leg {j + 1}", table[:, j]) for j in range(k))):
        if is_constant(leg):
            return Undefined(f"no hedge ratio: {name} did not move in {n:,} bars", n, n)
    fit: Callable[[Floats, Floats], tuple[Floats, Floats, float]] = huber_fit
    if method == "hac":
        fit = partial(_hac, lags=newey_west_lags(n) if lags is None else checked_lags(lags, n - 1))
    elif method == "dols":
        before, after = checked_lags(1 if lags is None else lags, n // 10), checked_lags(leads, n // 10, "leads")
        kernel = None if bandwidth is None else checked_bandwidth(bandwidth, n - before - after - 1)
        fit = partial(_dols, leads=after, lags=before, bandwidth=kernel)
    return _fitted(method, target, table, fit)


def _fitted(
    method: str, y: Floats, legs: Floats, fit: Callable[[Floats, Floats], tuple[Floats, Floats, float]]
) -> BasketEstimate | NotEnough:
    """The fit of legs that begin at 0 and have size 1, taken back to their own size: any price scale fits alike."""
    n = len(legs)
    y_size, sizes = float(np.ptp(y)), np.ptp(legs, axis=0)
    scaled = (legs - legs[0]) / sizes
    design = np.column_stack([scaled, np.ones(n)])
    regressors = np.column_stack([design[1:], np.diff(scaled, axis=0)]) if method == "dols" else design
    if np.linalg.matrix_rank(regressors) < regressors.shape[1]:
        return Undefined("no hedge ratio: the legs of the basket, or their changes, determine one another", n, n)
    line, covariance, scale = fit((y - y[0]) / y_size, design)
    back = np.diag([*(y_size / sizes), y_size])
    back[-1, :-1] = -(y_size / sizes) * legs[0]
    line = back @ line
    size = y_size if method == "huber" else y_size**2
    return BasketEstimate(method, float(line[-1] + y[0]), line[:-1], back @ covariance @ back.T, n, scale * size)


def _hac(y: Floats, design: Floats, lags: int) -> tuple[Floats, Floats, float]:
    n, p = design.shape
    line = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)
    scores = design * (y - design @ line)[:, None]
    middle = scores.T @ scores
    for j in range(1, lags + 1):
        product = scores[j:].T @ scores[:-j]
        middle += (1 - j / (lags + 1)) * (product + product.T)
    bread = np.linalg.inv(design.T @ design)
    return line, np.asarray(n / (n - p) * bread @ middle @ bread), math.nan


def _dols(y: Floats, design: Floats, leads: int, lags: int, bandwidth: float | None) -> tuple[Floats, Floats, float]:
    from arch.unitroot.cointegration import DynamicOLS

    legs = pd.DataFrame(design[:, :-1], columns=[f"x{j}" for j in range(design.shape[1] - 1)])
    result = DynamicOLS(pd.Series(y), legs, leads=leads, lags=lags).fit(bandwidth=bandwidth, df_adjust=True)
    names = [*legs.columns, "const"]
    return (
        result.params[names].to_numpy(),
        result.cov.loc[names, names].to_numpy(),
        float(result.long_run_variance),
    )

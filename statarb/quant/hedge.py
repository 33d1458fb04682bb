"""The hedge ratio: ordinary least squares of y on x, with an intercept."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from statarb.quant.sample import NotEnough, Undefined, checked_pair, is_constant

OLS_BANNER = (
    "Read with care: prices wander (they are integrated), so R² and t below look far better than they are;\n"
    "random walks show |t| > 2 in about 80 % of samples. Whether the spread reverts is the verdict's question."
)


@dataclass(frozen=True)
class HedgeFit:
    """y = alpha + beta x + residual, fitted on `n` bars.

    `alpha_se` and `beta_se` are the classic standard errors, `resid_sd` is sqrt(SSR / (n - 2)).
    """

    alpha: float
    beta: float
    alpha_se: float
    beta_se: float
    r2: float
    n: int
    resid_sd: float
    direction: str

    @property
    def beta_t(self) -> float:
        """Classic t of beta, which wandering prices make far too large; infinite for an exact line."""
        return self.beta / self.beta_se if self.beta_se else math.copysign(math.inf, self.beta)

    @property
    def text(self) -> str:
        """`y = 0.12 + 1.03 x`."""
        return f"y = {self.alpha:.6g} {'-' if self.beta < 0 else '+'} {abs(self.beta):.6g} x"


def residual_name(beta: float) -> str:
    """`y − 0.9483 x`."""
    sign = "+" if beta < 0 else "\u2212"
    return f"y {sign} {abs(beta):.4g} x"


def hedge_ratio(y: Any, x: Any, label: str = "y on x") -> HedgeFit | NotEnough:
    """Hedge ratio by ordinary least squares with an intercept.

    beta = sum (x - mean x)(y - mean y) / sum (x - mean x)^2,  alpha = mean y - beta mean x.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Log prices (beta is then a ratio of notionals) or prices (a ratio of units), of bars in which both traded.
    label : str
        Which leg is explained by which, in words for display. It changes no number: for the other direction give the
        legs the other way round.

    Returns
    -------
    HedgeFit or NotEnough
        NotEnough below 3 bars; Undefined when x does not move.

    Raises
    ------
    DataError
        NaN, infinity, legs of different length or time, or an index out of order.

    Notes
    -----
    Standard errors assume independent residuals; those of prices are not, so they are far too small for
    inference on integrated series. Equal to `statsmodels.OLS(y, add_constant(x))`.

    References
    ----------
    Engle & Granger (1987), Econometrica 55, for the regression of one integrated series on another.
    """
    first, second = checked_pair(y, x)
    ys, xs = first.to_numpy(), second.to_numpy()
    n = ys.size
    if n < 3:
        return NotEnough("bars", n, 3)
    if is_constant(xs):
        return Undefined(f"no hedge ratio: x did not move in {n:,} bars", n, n)
    # Moments about the mean of values about the first: prices of 60,000 that move by 0.01 keep their digits.
    dy, dx = ys - ys[0], xs - xs[0]
    dy_mean, dx_mean = dy.mean(), dx.mean()
    dy, dx = dy - dy_mean, dx - dx_mean
    sxx, syy = float(dx @ dx), float(dy @ dy)
    beta = float(dx @ dy) / sxx
    resid = dy - beta * dx
    ssr = float(resid @ resid)
    y_mean, x_mean = float(ys[0] + dy_mean), float(xs[0] + dx_mean)
    resid_sd = math.sqrt(ssr / (n - 2))
    return HedgeFit(
        alpha=y_mean - beta * x_mean,
        beta=beta,
        alpha_se=resid_sd * math.sqrt(1 / n + x_mean**2 / sxx),
        beta_se=resid_sd / math.sqrt(sxx),
        r2=1 - ssr / syy if not is_constant(ys) else 0.0,
        n=n,
        resid_sd=resid_sd,
        direction=label,
    )


def ols_summary(y: Any, x: Any, y_name: str = "y", x_name: str = "x") -> str | NotEnough:
    """The classic summary table of the hedge regression, by statsmodels, under a banner that says how to read it.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        As for `hedge_ratio`.
    y_name, x_name : str
        Names of the legs in the table.

    Returns
    -------
    str or NotEnough
        NotEnough below 8 bars (the table's normality tests need them); Undefined when a leg does not move.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    statsmodels.regression.linear_model.OLS.
    """
    first, second = checked_pair(y, x)
    ys, xs = first.to_numpy(), second.to_numpy()
    if ys.size < 8:
        return NotEnough("bars", ys.size, 8)
    for name, values in ((y_name, ys), (x_name, xs)):
        if is_constant(values):
            return Undefined(f"no regression: {name} did not move in {values.size:,} bars", values.size, values.size)
    # Imported on first use: two seconds that the first paint need not wait for.
    from statsmodels.regression.linear_model import OLS
    from statsmodels.tools.tools import add_constant

    fit = OLS(ys, add_constant(xs, has_constant="raise")).fit()
    table = str(fit.summary(yname=y_name, xname=["alpha", x_name]))
    # The library stamps the table with the time of printing; the same numbers must give the same text.
    table = re.sub(r"^(?:Date|Time):.*?(?=Prob \(F|Log-Like)", lambda m: " " * len(m[0]), table, flags=re.MULTILINE)
    return f"{OLS_BANNER}\n\n{table}"

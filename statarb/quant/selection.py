"""What the best of many trials is worth: the deflated Sharpe ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

from statarb.errors import DataError

EULER = 0.5772156649015329


@dataclass(frozen=True)
class DeflatedSharpe:
    """`probability` that the true Sharpe ratio is above `luck`, the best that `trials` worthless ones would show."""

    probability: float
    luck: float
    trials: int


def deflated_sharpe(
    sharpe: float, observations: int, trials: int, variance: float, skew: float = 0.0, kurtosis: float = 3.0
) -> DeflatedSharpe:
    """The Sharpe ratio of the best of many trials, judged by what luck alone would show.

    luck = sqrt(variance) ((1 - g) N^-1(1 - 1/trials) + g N^-1(1 - 1/(e trials))), g Euler's constant;
    probability = N((sharpe - luck) sqrt(observations - 1) / sqrt(1 - skew sharpe + (kurtosis - 1) / 4 sharpe^2)).

    Parameters
    ----------
    sharpe : float
        Of the best trial, *per observation*: a yearly one over the root of the observations in a year.
    observations : int
        Returns it was made of.
    trials : int
        Independent sets of parameters that were tried. With one there is no luck to take off.
    variance : float
        Of the Sharpe ratios of all trials, per observation.
    skew, kurtosis : float
        Of the returns; 0 and 3 for normal ones.

    Returns
    -------
    DeflatedSharpe

    Raises
    ------
    DataError
        Fewer than two observations, no trial, a negative variance, or moments that cannot be.

    Notes
    -----
    Trials that resemble each other count for fewer: give the number of those that differ.

    References
    ----------
    Bailey & Lopez de Prado (2014), Journal of Portfolio Management 40.
    """
    numbers = (sharpe, variance, skew, kurtosis)
    if not all(map(math.isfinite, numbers)) or observations < 2 or trials < 1 or variance < 0:
        raise DataError("A deflated Sharpe ratio needs finite numbers, 2 observations and a trial.", "Check them.")
    spread = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if spread <= 0:
        raise DataError(f"Skew {skew:g} with kurtosis {kurtosis:g} cannot be.", "Kurtosis of normal returns is 3.")
    from scipy.special import ndtr, ndtri

    best = (1 - EULER) * ndtri(1 - 1 / trials) + EULER * ndtri(1 - 1 / (math.e * trials)) if trials > 1 else 0.0
    luck = math.sqrt(variance) * float(best)
    probability = float(ndtr((sharpe - luck) * math.sqrt(observations - 1) / math.sqrt(spread)))
    return DeflatedSharpe(probability, luck, trials)

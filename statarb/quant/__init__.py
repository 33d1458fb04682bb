"""Prices in, numbers out: no I/O, no clock, no randomness."""

import os

# Before numpy loads: for many small fits two BLAS threads on a busy machine are several times slower than one.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# ruff: noqa: E402  (the imports below load numpy)
from statarb.quant.asynchronous import TickCovariance, hayashi_yoshida
from statarb.quant.backtest import Backtest, backtest, backtest_study
from statarb.quant.bars import resample_bars
from statarb.quant.basket import BasketEstimate, basket_hedge
from statarb.quant.cointegration import CointegrationResult, ResidualTest, engle_granger
from statarb.quant.correlation import level_correlation, rolling_correlation
from statarb.quant.costs import Costs, FundingTerms, LegCosts, costs
from statarb.quant.distribution import ZDistribution, z_distribution
from statarb.quant.features import feature_table
from statarb.quant.half_life import HalfLife, half_life
from statarb.quant.hedge import HedgeFit, hedge_ratio, ols_summary
from statarb.quant.hedge_check import BetaGap, HedgeComparison, HedgeQuality, beta_gap, compare_hedges, hedge_quality
from statarb.quant.hedge_errors import dols_hedge, hac_hedge, long_run_hedge
from statarb.quant.hedge_methods import HedgeEstimate, huber_hedge, returns_hedge, theil_sen_hedge, tls_hedge
from statarb.quant.hedge_moments import hedge_moments
from statarb.quant.hedge_path import KalmanNoise, kalman_hedge, kalman_noise, rolling_hedge
from statarb.quant.johansen import JohansenResult, johansen, phillips_ouliaris
from statarb.quant.legs import Legs, align_legs, log_returns
from statarb.quant.libraries import is_warm, warm_up
from statarb.quant.mackinnon import critical_values, residual_pvalue
from statarb.quant.outcome import Outcome, Scorecard, outcome, scorecard
from statarb.quant.panel import Integration, ReversionTests, reversion_tests
from statarb.quant.pin import PinEvent, PinState, pin_events, pin_exit, pin_result, pin_state, pinned
from statarb.quant.position import RoundTrip, Rule
from statarb.quant.power import half_life_found
from statarb.quant.price_statistics import price_statistics
from statarb.quant.reading import LiveReading, live_reading
from statarb.quant.report import text_report, to_dict
from statarb.quant.sample import NotEnough, Undefined
from statarb.quant.selection import DeflatedSharpe, deflated_sharpe
from statarb.quant.signal import Edge, Episode, edge_to_mean, episodes
from statarb.quant.sizing import TwoLegs, share_beyond, two_legs
from statarb.quant.spread import (
    FrozenMoments,
    InSample,
    frozen_moments,
    live_z,
    moments_seen,
    on_scale,
    spread_fixed,
    spread_seen,
    z_seen,
)
from statarb.quant.stability import Stability, stability
from statarb.quant.stationarity import df_gls, kpss, phillips_perron
from statarb.quant.stream import PairStream, StreamedBar
from statarb.quant.study import PairStudy, study_pair
from statarb.quant.study_stream import StudyStream
from statarb.quant.thresholds import Thresholds, reversion_thresholds
from statarb.quant.unitroot import UnitRootResult, adf, schwert_lags
from statarb.quant.verdict import Verdict, WindowTest, verdict
from statarb.quant.walk import BounceNoise, Hurst, VarianceRatio, bounce_noise, hurst, rescaled_range, variance_ratio

__all__ = [
    "Backtest",
    "BasketEstimate",
    "BetaGap",
    "BounceNoise",
    "CointegrationResult",
    "Costs",
    "DeflatedSharpe",
    "Edge",
    "Episode",
    "FrozenMoments",
    "FundingTerms",
    "HalfLife",
    "HedgeComparison",
    "HedgeEstimate",
    "HedgeFit",
    "HedgeQuality",
    "Hurst",
    "InSample",
    "Integration",
    "JohansenResult",
    "KalmanNoise",
    "LegCosts",
    "Legs",
    "LiveReading",
    "NotEnough",
    "Outcome",
    "PairStream",
    "PairStudy",
    "PinEvent",
    "PinState",
    "ResidualTest",
    "ReversionTests",
    "RoundTrip",
    "Rule",
    "Scorecard",
    "Stability",
    "StreamedBar",
    "StudyStream",
    "Thresholds",
    "TickCovariance",
    "TwoLegs",
    "Undefined",
    "UnitRootResult",
    "VarianceRatio",
    "Verdict",
    "WindowTest",
    "ZDistribution",
    "adf",
    "align_legs",
    "backtest",
    "backtest_study",
    "basket_hedge",
    "beta_gap",
    "bounce_noise",
    "compare_hedges",
    "costs",
    "critical_values",
    "deflated_sharpe",
    "df_gls",
    "dols_hedge",
    "edge_to_mean",
    "engle_granger",
    "episodes",
    "feature_table",
    "frozen_moments",
    "hac_hedge",
    "half_life",
    "half_life_found",
    "hayashi_yoshida",
    "hedge_moments",
    "hedge_quality",
    "hedge_ratio",
    "huber_hedge",
    "hurst",
    "is_warm",
    "johansen",
    "kalman_hedge",
    "kalman_noise",
    "kpss",
    "level_correlation",
    "live_reading",
    "live_z",
    "log_returns",
    "long_run_hedge",
    "moments_seen",
    "ols_summary",
    "on_scale",
    "outcome",
    "phillips_ouliaris",
    "phillips_perron",
    "pin_events",
    "pin_exit",
    "pin_result",
    "pin_state",
    "pinned",
    "price_statistics",
    "resample_bars",
    "rescaled_range",
    "residual_pvalue",
    "returns_hedge",
    "reversion_tests",
    "reversion_thresholds",
    "rolling_correlation",
    "rolling_hedge",
    "schwert_lags",
    "scorecard",
    "share_beyond",
    "spread_fixed",
    "spread_seen",
    "stability",
    "study_pair",
    "text_report",
    "theil_sen_hedge",
    "tls_hedge",
    "to_dict",
    "two_legs",
    "variance_ratio",
    "verdict",
    "warm_up",
    "z_distribution",
    "z_seen",
]

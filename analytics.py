"""The analytics of a pair, grouped by question; run it for a report: python analytics.py ETHUSDT BTCUSDT."""

import sys

# fmt: off
# isort: off
# Which bars are there?
from statarb.quant import Legs, align_legs, log_returns, on_scale, resample_bars
# What did each instrument do?
from statarb.quant import price_statistics
# How is one leg hedged with the other, and what is that worth?
from statarb.quant import (
    BasketEstimate, HedgeEstimate, HedgeFit, KalmanNoise, basket_hedge, dols_hedge, hac_hedge, hedge_ratio,
    huber_hedge, kalman_hedge, kalman_noise,
    long_run_hedge, ols_summary, returns_hedge, rolling_hedge, theil_sen_hedge, tls_hedge, BetaGap, HedgeComparison,
    HedgeQuality, beta_gap, compare_hedges, hedge_quality
)
# How far is the spread from its mean?
from statarb.quant import FrozenMoments, InSample, frozen_moments, hedge_moments, live_z, moments_seen, spread_fixed
from statarb.quant import ZDistribution, spread_seen, z_distribution, z_seen
# When is that a signal, and what would it pay?
from statarb.quant import Costs, Edge, Episode, FundingTerms, LegCosts, LiveReading, TwoLegs, costs, edge_to_mean
from statarb.quant import episodes, live_reading, share_beyond, two_legs
# Do the legs move together?
from statarb.quant import TickCovariance, hayashi_yoshida, level_correlation, rolling_correlation
# Does the spread come back?
from statarb.quant import CointegrationResult, ResidualTest, UnitRootResult, Verdict, WindowTest, adf, critical_values
from statarb.quant import engle_granger, HalfLife, half_life, half_life_found, residual_pvalue, schwert_lags, verdict
# What do further tests say?
from statarb.quant import (
    BounceNoise, Hurst, Integration, JohansenResult, ReversionTests, VarianceRatio, bounce_noise, df_gls, hurst,
    johansen, kpss, phillips_ouliaris, phillips_perron, rescaled_range, reversion_tests, variance_ratio
)
# Does the hedge still hold?
from statarb.quant import Stability, stability
# What would the rule have earned?
from statarb.quant import Backtest, DeflatedSharpe, RoundTrip, Rule, Thresholds, backtest, backtest_study
from statarb.quant import deflated_sharpe, reversion_thresholds
# What is a trade worth that is on?
from statarb.quant import PinEvent, PinState, pin_events, pin_exit, pin_result, pin_state, pinned
# What came after an alert?
from statarb.quant import Outcome, Scorecard, outcome, scorecard
# All of it at once, and what stands where there is no number.
from statarb.quant import NotEnough, PairStream, PairStudy, StreamedBar, StudyStream, Undefined, study_pair
from statarb.quant import text_report, to_dict
from statarb.quant import feature_table
# isort: on

__all__ = [  # noqa: RUF022  (by question, as above)
    "Legs", "align_legs", "log_returns", "on_scale", "resample_bars",
    "price_statistics",
    "BasketEstimate", "HedgeEstimate", "HedgeFit", "KalmanNoise", "basket_hedge", "dols_hedge", "hac_hedge",
    "hedge_ratio", "huber_hedge",
    "kalman_hedge", "kalman_noise", "long_run_hedge", "ols_summary", "returns_hedge", "rolling_hedge",
    "theil_sen_hedge", "tls_hedge",
    "BetaGap", "HedgeComparison", "HedgeQuality", "beta_gap", "compare_hedges", "hedge_quality",
    "FrozenMoments", "InSample", "frozen_moments", "hedge_moments", "live_z", "moments_seen", "spread_fixed",
    "spread_seen", "z_seen",
    "ZDistribution", "z_distribution",
    "Costs", "Edge", "Episode", "FundingTerms", "LegCosts", "LiveReading", "TwoLegs", "costs", "edge_to_mean",
    "episodes", "live_reading", "share_beyond", "two_legs",
    "TickCovariance", "hayashi_yoshida", "level_correlation", "rolling_correlation",
    "CointegrationResult", "ResidualTest", "UnitRootResult", "Verdict", "WindowTest", "adf", "critical_values",
    "engle_granger", "HalfLife", "half_life", "half_life_found", "residual_pvalue", "schwert_lags", "verdict",
    "BounceNoise", "Hurst", "Integration", "JohansenResult", "ReversionTests", "VarianceRatio", "bounce_noise",
    "df_gls", "hurst", "johansen", "kpss", "phillips_ouliaris", "phillips_perron", "rescaled_range", "reversion_tests",
    "variance_ratio",
    "Stability", "stability",
    "Backtest", "DeflatedSharpe", "RoundTrip", "Rule", "Thresholds", "backtest", "backtest_study", "deflated_sharpe",
    "reversion_thresholds",
    "PinEvent", "PinState", "pin_events", "pin_exit", "pin_result", "pin_state", "pinned",
    "Outcome", "Scorecard", "outcome", "scorecard",
    "NotEnough", "PairStream", "PairStudy", "StreamedBar", "StudyStream", "Undefined", "study_pair", "text_report",
    "to_dict",
    "feature_table",
]
# fmt: on

import statarb.jobs.pair_report

main = statarb.jobs.pair_report.main

if __name__ == "__main__":
    sys.exit(main())

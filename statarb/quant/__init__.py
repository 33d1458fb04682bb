"""Prices in, numbers out: no I/O, no clock, no randomness."""

import os

# Before numpy loads: for many small fits two BLAS threads on a busy machine are several times slower than one.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# ruff: noqa: E402  (the imports below load numpy)
from statarb.quant.bars import resample_bars
from statarb.quant.cointegration import CointegrationResult, ResidualTest, engle_granger
from statarb.quant.correlation import rolling_correlation
from statarb.quant.hedge import HedgeFit, hedge_ratio, ols_summary
from statarb.quant.legs import Legs, align_legs, log_returns
from statarb.quant.mackinnon import critical_values, residual_pvalue
from statarb.quant.power import half_life_found
from statarb.quant.report import text_report, to_dict
from statarb.quant.sample import NotEnough, Undefined
from statarb.quant.signal import Edge, Episode, edge_to_mean, episodes
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
from statarb.quant.study import PairStudy, study_pair, warm_up
from statarb.quant.unitroot import UnitRootResult, adf, schwert_lags
from statarb.quant.verdict import Verdict, WindowTest, verdict

__all__ = [
    "CointegrationResult",
    "Edge",
    "Episode",
    "FrozenMoments",
    "HedgeFit",
    "InSample",
    "Legs",
    "NotEnough",
    "PairStudy",
    "ResidualTest",
    "Undefined",
    "UnitRootResult",
    "Verdict",
    "WindowTest",
    "adf",
    "align_legs",
    "critical_values",
    "edge_to_mean",
    "engle_granger",
    "episodes",
    "frozen_moments",
    "half_life_found",
    "hedge_ratio",
    "live_z",
    "log_returns",
    "moments_seen",
    "ols_summary",
    "on_scale",
    "resample_bars",
    "residual_pvalue",
    "rolling_correlation",
    "schwert_lags",
    "spread_fixed",
    "spread_seen",
    "study_pair",
    "text_report",
    "to_dict",
    "verdict",
    "warm_up",
    "z_seen",
]

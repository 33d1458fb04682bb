"""The analytics of a pair, grouped by question; run it for a report: python analytics.py ETHUSDT BTCUSDT."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from statarb import __version__, errors, market, params, settings, store

# fmt: off
# fmt: off
# isort: off
# Which bars are there?
from statarb.quant import Legs, align_legs, log_returns, on_scale, resample_bars
# How is one leg hedged with the other, and what is that worth?
from statarb.quant import (
    HedgeEstimate, HedgeFit, KalmanNoise, dols_hedge, hac_hedge, hedge_ratio, huber_hedge, kalman_hedge, kalman_noise,
    ols_summary, returns_hedge, rolling_hedge, theil_sen_hedge, tls_hedge, BetaGap, HedgeComparison, HedgeQuality,
    beta_gap, compare_hedges, hedge_quality
)
# How far is the spread from its mean?
from statarb.quant import FrozenMoments, InSample, frozen_moments, live_z, moments_seen, spread_fixed, spread_seen
from statarb.quant import z_seen
# When is that a signal, and what would it pay?
from statarb.quant import Edge, Episode, edge_to_mean, episodes
# Do the legs move together?
from statarb.quant import rolling_correlation
# Does the spread come back?
from statarb.quant import CointegrationResult, ResidualTest, UnitRootResult, Verdict, WindowTest, adf, critical_values
from statarb.quant import engle_granger, HalfLife, half_life, half_life_found, residual_pvalue, schwert_lags, verdict
# What do further tests say?
from statarb.quant import (
    BounceNoise, Hurst, Integration, JohansenResult, ReversionTests, VarianceRatio, bounce_noise, df_gls, hurst,
    johansen, kpss, phillips_ouliaris, phillips_perron, reversion_tests, variance_ratio
)
# All of it at once, and what stands where there is no number.
from statarb.quant import NotEnough, PairStudy, Undefined, study_pair, text_report, to_dict
# isort: on

__all__ = [  # noqa: RUF022  (by question, as above)
    "Legs", "align_legs", "log_returns", "on_scale", "resample_bars",
    "HedgeEstimate", "HedgeFit", "KalmanNoise", "dols_hedge", "hac_hedge", "hedge_ratio", "huber_hedge",
    "kalman_hedge", "kalman_noise", "ols_summary", "returns_hedge", "rolling_hedge", "theil_sen_hedge", "tls_hedge",
    "BetaGap", "HedgeComparison", "HedgeQuality", "beta_gap", "compare_hedges", "hedge_quality",
    "FrozenMoments", "InSample", "frozen_moments", "live_z", "moments_seen", "spread_fixed", "spread_seen", "z_seen",
    "Edge", "Episode", "edge_to_mean", "episodes",
    "rolling_correlation",
    "CointegrationResult", "ResidualTest", "UnitRootResult", "Verdict", "WindowTest", "adf", "critical_values",
    "engle_granger", "HalfLife", "half_life", "half_life_found", "residual_pvalue", "schwert_lags", "verdict",
    "BounceNoise", "Hurst", "Integration", "JohansenResult", "ReversionTests", "VarianceRatio", "bounce_noise",
    "df_gls", "hurst", "johansen", "kpss", "phillips_ouliaris", "phillips_perron", "reversion_tests", "variance_ratio",
    "NotEnough", "PairStudy", "Undefined", "study_pair", "text_report", "to_dict",
]
# fmt: on

_KNOBS = ("timeframe", "price_scale", "window", "test_window", "corr_window")


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; a knob that is not given keeps the default of its timeframe."""
    parser = argparse.ArgumentParser(prog="analytics.py", description="Report on one pair from the stored bars.")
    parser.add_argument("y", help="the leg that is explained, such as ETHUSDT or spot:ETHUSDT")
    parser.add_argument("x", help="the leg that explains it, such as BTCUSDT")
    for knob in (params.KNOB[name] for name in _KNOBS):
        flag, metavar = "--" + knob.name.replace("_", "-"), "|".join(knob.choices) or knob.unit.upper()
        parser.add_argument(flag, metavar=metavar, help=f"{knob.help} Default for 1m bars: {knob.default}.")
    parser.add_argument("--db", type=settings.database_path, help="the database file [STATARB_DB]")
    parser.add_argument("--json", action="store_true", help="JSON under the names of the result's fields, not text")
    parser.add_argument("--version", action="version", version=f"statarb {__version__}")
    return parser.parse_args(argv)


def read_study(reader: store.Reader, pair_params: params.PairParams) -> PairStudy:
    """Study a pair on the closed bars of an open database."""
    stored, legs = reader.instruments(), (pair_params.y, pair_params.x)
    for leg in (market.Instrument.parse(text) for text in legs):
        if str(leg) not in stored:
            known = ", ".join(row.instrument.label for row in stored.values()) or "no instrument yet"
            message = f"{leg.label} is not in the database; it holds {known}."
            raise errors.ConfigError(message, f"Start ingest with --symbols {leg.symbol} to follow it.")
    frame = market.timeframe(pair_params.timeframe)
    until_ms = min(stored[leg].closed_until_ms or 0 for leg in legs) // frame.ms * frame.ms
    if not until_ms:
        raise errors.DataError(f"No bar of {pair_params.pair} is closed yet.", "Let ingest run for a bar.")
    since_ms = max(0, until_ms - pair_params.lookback_bars * frame.ms)
    y_bars, x_bars = (reader.bars(leg, frame.base, since_ms, until_ms) for leg in legs)
    return study_pair(y_bars, x_bars, pair_params, until_ms)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; 0, or 1 or 2 with one sentence."""
    options = parse_options(argv)
    given = {name: getattr(options, name) for name in _KNOBS if getattr(options, name) is not None}
    try:
        knobs = {"timeframe": "1m", "y": options.y, "x": options.x, **given}
        pair_params = params.PairParams.for_timeframe(**knobs)
        reader = store.Reader(options.db or settings.database_from_environment())
        try:
            study, source = read_study(reader, pair_params), reader.source()
        finally:
            reader.close()
        report = (
            json.dumps({"source": source, **to_dict(study)}, indent=2) if options.json else text_report(study, source)
        )
    except errors.StatarbError as error:
        print(f"analytics: {error}", file=sys.stderr)
        return 2 if isinstance(error, errors.ConfigError) else 1
    try:
        print(report, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Poor input, for every exported function: a typed answer with its reason or a clear error, never a warning."""

import dataclasses
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import quant_samples
from quant_samples import START_MS, bars_of, closed_until, reverting_legs

import analytics
from statarb.errors import StatarbError
from statarb.market import TIMEFRAMES
from statarb.params import PairParams
from statarb.quant import (
    FrozenMoments,
    Legs,
    NotEnough,
    align_legs,
    resample_bars,
)

MINUTE = TIMEFRAMES["1m"]
MOMENTS = FrozenMoments(0.1, 1.2, 0.0, 0.01, 0, 240, "log")
LEGS = analytics.two_legs(MOMENTS, 1, 1e4, 100.0, 100.0)
GOOD_Y, GOOD_X = (100 + 0.1 * leg for leg in reverting_legs(400, seed=1))


def bars(values) -> pd.DataFrame:
    return resample_bars(bars_of(values), MINUTE, closed_until(len(values)))


def legs(y, x) -> Legs:
    return align_legs(bars(y), bars(x), MINUTE)


def z_series(values) -> pd.Series:
    ts = (START_MS + 60_000 * np.arange(len(values))).astype("datetime64[ms]")
    return pd.Series(np.asarray(values, dtype=float), index=pd.DatetimeIndex(ts, tz="UTC"))


a = analytics
STUDY = a.study_pair(bars_of(GOOD_Y), bars_of(GOOD_X), PairParams(window=60), closed_until(400))
LEGS = a.two_legs(MOMENTS, 1, 1e4, 100.0, 100.0)
PIN = a.pinned(PairParams(), MOMENTS, LEGS, 100.0, 100.0, a.costs(PairParams()), 0)
CALLS = {
    "adf": lambda y, x: a.adf(y),
    "align_legs": lambda y, x: legs(y, x),
    "backtest": lambda y, x: a.backtest(y, x, 60),
    "backtest_study": lambda y, x: a.backtest_study(CALLS["study_pair"](y, x)),
    "basket_hedge": lambda y, x: a.basket_hedge(y, np.reshape(x, (-1, 1))),
    "beta_gap": a.beta_gap,
    "bounce_noise": lambda y, x: a.bounce_noise(y),
    "compare_hedges": lambda y, x: a.compare_hedges(y, x, 240, 16),
    "df_gls": lambda y, x: a.df_gls(y),
    "dols_hedge": a.dols_hedge,
    "edge_to_mean": lambda y, x: a.edge_to_mean(MOMENTS, a.costs(PairParams()), 0.1, 100.0, 100.0),
    "engle_granger": a.engle_granger,
    "episodes": lambda y, x: a.episodes(z_series(y), 60_000, 2.0),
    "feature_table": lambda y, x: a.feature_table(bars_of(y), bars_of(x), PairParams(window=60), closed_until(len(y))),
    "frozen_moments": lambda y, x: a.frozen_moments(y, x, "log", 0),
    "hac_hedge": a.hac_hedge,
    "half_life": lambda y, x: a.half_life(y),
    "hayashi_yoshida": a.hayashi_yoshida,
    "hedge_moments": lambda y, x: a.hedge_moments(y, x, 60, "theil_sen"),
    "hedge_quality": lambda y, x: a.hedge_quality(y, x, 60, 30),
    "hedge_ratio": a.hedge_ratio,
    "huber_hedge": a.huber_hedge,
    "hurst": lambda y, x: a.hurst(y),
    "johansen": a.johansen,
    "kalman_hedge": a.kalman_hedge,
    "kalman_noise": lambda y, x: a.kalman_noise(y[:120], x[:120]),
    "kpss": lambda y, x: a.kpss(y),
    "level_correlation": lambda y, x: a.level_correlation(y, x, 60),
    "live_reading": lambda y, x: a.live_reading(
        STUDY, y[-1] if len(y) else np.nan, x[-1] if len(x) else np.nan, a.costs(PairParams())
    ),
    "live_z": lambda y, x: a.live_z(MOMENTS, y[-1] if len(y) else np.nan, x[-1] if len(x) else np.nan),
    "log_returns": lambda y, x: a.log_returns(legs(y, x)),
    "long_run_hedge": a.long_run_hedge,
    "moments_seen": lambda y, x: a.moments_seen(y, x, 60),
    "ols_summary": a.ols_summary,
    "on_scale": lambda y, x: a.on_scale(y, "log"),
    "outcome": lambda y, x: a.outcome(z_series(y), z_series(x), 60_000, LEGS, START_MS + 6_000_000, 5, 24.0, 60, 1),
    "phillips_ouliaris": a.phillips_ouliaris,
    "phillips_perron": lambda y, x: a.phillips_perron(y),
    "pin_state": lambda y, x: a.pin_state(
        PIN, y[-1] if len(y) else np.nan, x[-1] if len(x) else np.nan, a.costs(PIN.params), 0
    ),
    "price_statistics": lambda y, x: a.price_statistics(bars(y), MINUTE),
    "resample_bars": lambda y, x: bars(y),
    "rescaled_range": lambda y, x: a.rescaled_range(y),
    "returns_hedge": a.returns_hedge,
    "reversion_tests": lambda y, x: a.reversion_tests(y, x, 200),
    "rolling_correlation": lambda y, x: a.rolling_correlation(y, x, 60),
    "rolling_hedge": lambda y, x: a.rolling_hedge(y, x, 60),
    "scorecard": lambda y, x: a.scorecard(y, y, x),
    "share_beyond": lambda y, x: a.share_beyond(z_series(y), 2.0, closed_until(len(y))),
    "z_distribution": lambda y, x: a.z_distribution(z_series(y)),
    "spread_fixed": lambda y, x: a.spread_fixed(y, x, a.hedge_ratio(GOOD_Y, GOOD_X), 0),
    "spread_seen": lambda y, x: a.spread_seen(y, x, 60),
    "stability": lambda y, x: a.stability(y, x, 60),
    "study_pair": lambda y, x: a.study_pair(bars_of(y), bars_of(x), PairParams(window=60), closed_until(len(y))),
    "theil_sen_hedge": a.theil_sen_hedge,
    "tls_hedge": a.tls_hedge,
    "two_legs": lambda y, x: a.two_legs(MOMENTS, 1, 1e4, y[-1] if len(y) else np.nan, x[-1] if len(x) else np.nan),
    "variance_ratio": lambda y, x: a.variance_ratio(y),
    "verdict": lambda y, x: a.verdict(legs(y, x), "log", 200, closed_until(len(y))),
    "z_seen": lambda y, x: a.z_seen(y, x, 60),
}
OF_NUMBERS = {
    "costs",
    "critical_values",
    "deflated_sharpe",
    "half_life_found",
    "pin_events",
    "pin_exit",
    "pin_result",
    "pinned",
    "residual_pvalue",
    "reversion_thresholds",
    "schwert_lags",
    "text_report",
    "to_dict",
}
"""Functions of no series; their own tests know their limits."""

RISING = np.arange(1.0, 401.0)


def with_one(value: float) -> np.ndarray:
    broken = GOOD_Y.copy()
    broken[200] = value
    return broken


INPUTS = {
    "empty": (np.empty(0), np.empty(0)),
    "one-row": (GOOD_Y[:1], GOOD_X[:1]),
    "two-rows": (GOOD_Y[:2], GOOD_X[:2]),
    "few": (GOOD_Y[:20], GOOD_X[:20]),
    "constant": (np.full(400, 7.0), np.full(400, 7.0)),
    "constant-y": (np.full(400, 0.1), GOOD_X),
    "constant-x": (GOOD_Y, np.full(400, 0.1)),
    "one-nan": (with_one(np.nan), GOOD_X),
    "one-inf": (with_one(np.inf), GOOD_X),
    "one-negative": (with_one(-5.0), GOOD_X),
    "identical": (GOOD_X, GOOD_X),
    "pegged": (GOOD_X + 1e-9 * np.sin(RISING), GOOD_X),
    "straight-lines": (RISING, 2 * RISING),
    "two-values": (np.where(RISING % 2 == 0, 1.0, 2.0), GOOD_X),
    "tiny": (1e-8 * GOOD_Y, 1e-8 * GOOD_X),
    "huge": (1e9 * GOOD_Y, 1e9 * GOOD_X),
    "tiny-and-huge": (1e-8 * GOOD_Y, 1e9 * GOOD_X),
    "one-step": (np.where(RISING < 300, 1.0, 2.0), GOOD_X),
}


def test_every_exported_function_is_tried():
    functions = {name for name in analytics.__all__ if inspect.isfunction(getattr(analytics, name))}
    assert functions - OF_NUMBERS == set(CALLS)


def numbers(result, path=""):
    """Every float of a result, by where it stands; series and frames may hold NaN, which their documents explain."""
    if isinstance(result, NotEnough):
        assert result.text
    elif dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            yield from numbers(getattr(result, field.name), f"{path}.{field.name}")
    elif isinstance(result, (pd.Series, pd.DataFrame)):
        assert not np.isinf(result.select_dtypes("float") if isinstance(result, pd.DataFrame) else result).any(
            axis=None
        )
    elif isinstance(result, dict):
        for key, value in result.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(result, float):
        yield path, result


MAY_BE_NAN = {
    *(f".{name}" for name in ("beta_se", "beta_low", "beta_high", "mean_p", "y_empty_share", "x_empty_share", "days")),
    ".y_on_x.rho",
    ".x_on_y.rho",
    ".beta",
}
MAY_BE_NAN |= {f".phillips_ouliaris{path}" for path in (".y_on_x.rho", ".x_on_y.rho")}
MAY_BE_INFINITE = {".bars", ".high_bars", ".low_bars", ".plain_bars", ".ljung_box", ".stop_z", ".level", ".returns"}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_poor_input_gets_a_typed_answer_or_a_clear_error_and_no_warning(name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = CALLS[name](*INPUTS[kind])
        except StatarbError:
            return
    for path, value in numbers(result):
        end = "." + path.rsplit(".", 1)[-1]
        assert not np.isnan(value) or {path, end} & MAY_BE_NAN, f"{name}{path} is NaN"
        assert not np.isinf(value) or {path, end} & MAY_BE_INFINITE, f"{name}{path} is infinite"


FROM_BARS = {
    "z_distribution",
    "feature_table",
    "align_legs",
    "log_returns",
    "price_statistics",
    "resample_bars",
    "backtest_study",
    "study_pair",
    "verdict",
    "share_beyond",
}
OTHERS = {"edge_to_mean", "episodes", "live_reading", "live_z", "pin_state", "two_legs", "on_scale", "kalman_noise"}


@pytest.mark.parametrize("name", sorted(set(CALLS) - FROM_BARS - OTHERS))
@pytest.mark.parametrize("kind", ["one-nan", "one-inf"])
def test_what_is_not_a_number_never_passes_for_one(name, kind):
    """(A missing bar, in `FROM_BARS`, is no error: it is left out, and counted as empty.)"""
    with pytest.raises(StatarbError):
        CALLS[name](*INPUTS[kind])


UNORDERED = {"outcome", "scorecard"}
"""The call above puts times of its own on the first; the second takes results, which have no order."""


@pytest.mark.parametrize("name", sorted(set(CALLS) - FROM_BARS - OTHERS - UNORDERED))
def test_times_out_of_order_are_refused(name):
    y, x = z_series(GOOD_Y), z_series(GOOD_X)
    with pytest.raises(StatarbError, match="order"):
        CALLS[name](y.iloc[::-1], x.iloc[::-1])


@pytest.mark.parametrize("name", sorted(FROM_BARS - {"share_beyond", "z_distribution"}))
def test_bars_without_any_volume_are_bars_without_a_trade(name, monkeypatch):
    """Nothing is made of them, and nothing breaks: every answer is empty or says what is missing."""

    def silent(closes):
        return quant_samples.bars_of(closes).assign(volume=0.0, quote_volume=0.0, taker_buy_volume=0.0, trade_count=0)

    monkeypatch.setitem(globals(), "bars_of", silent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = CALLS[name](GOOD_Y, GOOD_X)
    if isinstance(result, pd.DataFrame):
        prices = result.reindex(columns=["close", "log_return", "y_close", "z", "y", "vwap"]).dropna(axis=1, how="all")
        assert prices.empty
    elif name in ("align_legs", "study_pair"):
        assert result.prices.empty
    else:
        assert isinstance(result, NotEnough) or result.word == "not enough data"


@pytest.mark.parametrize("name", sorted(FROM_BARS - {"share_beyond", "z_distribution"}))
def test_bars_out_of_order_are_refused(name, monkeypatch):
    monkeypatch.setitem(globals(), "bars_of", lambda closes: quant_samples.bars_of(closes).iloc[::-1])
    with pytest.raises(StatarbError, match="order"):
        CALLS[name](GOOD_Y, GOOD_X)


@pytest.mark.parametrize("kind", ["tiny", "huge"])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("hedge_ratio", "beta"),
        ("tls_hedge", "beta"),
        ("huber_hedge", "beta"),
        ("theil_sen_hedge", "beta"),
        ("dols_hedge", "beta"),
        ("returns_hedge", "beta"),
        ("engle_granger", "pvalue"),
        ("phillips_ouliaris", "pvalue"),
        ("johansen", "beta"),
        ("half_life", "bars"),
        ("hurst", "exponent"),
        ("variance_ratio", "ratio"),
        ("stability", "pvalue"),
    ],
)
def test_a_price_in_another_unit_gives_the_same_answer(name, field, kind):
    plain, scaled = (getattr(CALLS[name](*INPUTS[k] if k else (GOOD_Y, GOOD_X)), field) for k in ("", kind))
    assert scaled == pytest.approx(plain, rel=1e-5)


def test_zero_volume_means_no_trade():
    base = bars_of(GOOD_Y)
    base.loc[base.index[10], ["volume", "quote_volume", "taker_buy_volume", "trade_count"]] = 0
    found = a.price_statistics(resample_bars(base, MINUTE, closed_until(400)), MINUTE)
    assert found.iloc[10][["vwap", "flow", "log_return"]].isna().all()

"""What the alert scorecard reads on pairs of which the truth is known: one half and no edge on unrelated walks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.simulation import Legs, Maker, garch_walks, noisy_walks, random_walks, reverting_pair
from statarb.alerts import AlertRule, Condition
from statarb.jobs.rule_watch import RuleWatch, Sighting
from statarb.quant import FrozenMoments, Outcome, Scorecard, TwoLegs, moments_seen, outcome, scorecard, two_legs
from statarb.quant.outcome import HORIZONS_BARS

MINUTE_MS, START_MS = 60_000, 1_700_000_040_000
WINDOW, BARS, FIRST = 240, 3000, 1500
STEP = 5e-4
"""One standard deviation of a walk's step on the log scale."""
ROUND_TRIP_BPS = 24.0
RULE = AlertRule("|z| > 2", (Condition("abs_z", "above", 2.0),), daily_cap=1000)
PAIRS: dict[str, Maker] = {
    "independent, Gaussian": random_walks,
    "GARCH(1,1) with t(5) shocks": garch_walks,
    "with bid-ask noise of one step": noisy_walks,
    "reverting, half-life 15": reverting_pair(15),
}

Results = dict[int, list[Outcome]]


def alerts_of(legs: Legs, seed: int) -> Results:
    """Outcomes of a pair's alerts by horizon; alerts within the longest horizon of the one before are left out."""
    y, x = STEP * legs[0], STEP * legs[1]
    ts = pd.DatetimeIndex((START_MS + MINUTE_MS * np.arange(y.size)).astype("datetime64[ms]"), tz="UTC")
    y_price, x_price = (pd.Series(100 * np.exp(leg), index=ts) for leg in (y, x))
    seen = moments_seen(y, x, WINDOW)
    alpha, beta, mean, sd = (seen[name].to_numpy() for name in ("alpha", "beta", "mean", "sd"))
    z = (y - alpha - beta * x - mean) / sd
    watch, free_from = RuleWatch(RULE), FIRST
    found: Results = {bars: [] for bars in HORIZONS_BARS}
    for i in range(WINDOW, y.size - max(HORIZONS_BARS) - 1):
        at_ms = START_MS + (i + 1) * MINUTE_MS
        sighting = Sighting(at_ms, {"z": float(z[i]), "abs_z": abs(float(z[i]))}, bool(beta[i] > 0))
        fired = any(signal.kind == "fired" for signal in watch.see(sighting))
        if not fired or i < free_from:
            continue
        free_from = i + max(HORIZONS_BARS)
        moments = FrozenMoments(alpha[i], beta[i], mean[i], sd[i], at_ms - MINUTE_MS, WINDOW, "log")
        two = two_legs(moments, -1 if z[i] > 0 else 1, 10_000, y_price.iloc[i], x_price.iloc[i])
        if isinstance(two, TwoLegs):
            for bars, results in found.items():
                one = outcome(
                    y_price, x_price, MINUTE_MS, two, at_ms, bars, ROUND_TRIP_BPS, WINDOW, seed=seed * BARS + i
                )
                if isinstance(one, Outcome):
                    results.append(one)
    return found


def score_of(results: list[Outcome]) -> Scorecard:
    """The score of these alerts."""
    columns = ([getattr(one, name) for one in results] for name in ("gross_bps", "net_bps", "random_gross_bps"))
    score = scorecard(*columns)
    assert isinstance(score, Scorecard)
    return score


def score_table(runs: int, seed: int) -> Iterator[str]:
    """A row for each kind of pair and horizon."""
    yield (
        f"Alerts: |z| > 2 on closed bars, window {WINDOW}, cooldown 15 min; {runs:,} pairs of {BARS:,} one-minute bars "
        f"a kind, steps of 5 bp, alerts of one pair at least 60 bars apart; up to 200 random entries beside each."
    )
    yield ""
    yield "| pairs | bars later | alerts | gross above 0 | gross (bp) | gross less random entries (bp) |"
    yield "|---|---|---|---|---|---|"
    for number, (name, make) in enumerate(PAIRS.items()):
        rng = np.random.default_rng([seed, 11, number])
        total: Results = {bars: [] for bars in HORIZONS_BARS}
        for run in range(runs):
            for bars, results in alerts_of(make(rng, BARS), run).items():
                total[bars] += results
        for bars, results in total.items():
            yield _row(name, bars, score_of(results))


def _row(name: str, bars: int, score: Scorecard) -> str:
    low, high = score.share_interval
    gross, excess = ((b - a) / 2 for a, b in (score.gross_interval_bps, score.excess_interval_bps))
    return (
        f"| {name} | {bars} | {score.n:,} | {100 * score.share_positive:.1f} % ({100 * low:.1f} to {100 * high:.1f}) "
        f"| {score.gross_bps:+.2f} ± {gross:.2f} | {score.excess_bps:+.2f} ± {excess:.2f} |"
    )

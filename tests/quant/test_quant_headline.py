"""The headline in words: every state of a pair has its sentence, and no sentence tells anybody to trade."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from quant_samples import START_MS, bars_of, closed_until, prices_of, random_walks, reverting_legs

from statarb.market import Instrument
from statarb.params import PairParams
from statarb.quant import study_pair
from statarb.quant.costs import Costs, LegCosts
from statarb.quant.headline import Circumstances, beyond_since_ms, headline, leg_names, money_sign
from statarb.quant.reading import live_reading

PARAMS = PairParams(window=40, test_window=120, corr_window=20)
N = 400
COSTS = Costs(LegCosts(5.0, 1.0), LegCosts(5.0, 1.0))
PERP = Circumstances(y_can_short=True, x_can_short=True)


def study_of(legs, params=PARAMS, n=N):
    y, x = (prices_of(leg, level)[:n] for leg, level in zip(legs, (3000, 60_000), strict=True))
    return study_pair(bars_of(y), bars_of(x), params, closed_until(n))


REVERTING = study_of(reverting_legs(N, seed=1))
UNRELATED = study_of(random_walks(N, seed=7))
PERPS = study_of(reverting_legs(N, seed=1), replace(PARAMS, y="usdm:ETHUSDT", x="usdm:BTCUSDT"))


def prices_at(study, z):
    """Prices whose z is `z`: x at its last close."""
    m, x = study.moments, float(study.prices["x"].iloc[-1])
    return math.exp(m.alpha + m.beta * math.log(x) + m.mean + z * m.sd), x


def said(study, z=2.31, circumstances=PERP, costs=COSTS, lots=(0.001, 0.001)):
    return headline(study, live_reading(study, *prices_at(study, z), costs, *lots), costs, circumstances)


def test_rich_and_cheap_follow_the_sign_of_z():
    assert said(REVERTING, 2.31).state.startswith("ETH rich to BTC by ")
    assert "z +2.31 (1m × 40; " in said(REVERTING, 2.31).state
    assert said(REVERTING, -2.31).state.startswith("ETH cheap to BTC by ")
    assert "z −2.31" in said(REVERTING, -2.31).state


@pytest.mark.parametrize(
    ("doubts", "words"), [((), ""), (("a",), "; weakened by another test"), (("a", "b"), "; weakened by 2 other tests")]
)
def test_a_reversion_that_other_tests_doubt_is_never_told_without_them(doubts, words):
    fast = study_of(reverting_legs(N, seed=2, half_life=1.5))
    assert fast.verdict.word == "mean-reverting"
    assert said(fast, circumstances=replace(PERP, doubts=doubts)).verdict.endswith(f"{words}).")
    assert ("weakened" in said(UNRELATED, circumstances=replace(PERP, doubts=doubts)).verdict) is False


def test_edge_cost_and_net_are_those_of_the_reading():
    reading = live_reading(REVERTING, *prices_at(REVERTING, 3.0), COSTS)
    edge = headline(REVERTING, reading, COSTS, PERP).edge
    assert f"To the mean {reading.edge.edge_bps:.1f} bp" in edge
    assert f"round trip {reading.edge.round_trip_bps:.1f} bp (6 bp a leg and side)" in edge
    assert f"net {reading.edge.net_bps:+.1f} bp".replace("-", "−") in edge


def test_a_way_back_that_costs_more_than_it_brings_is_said_so():
    dear = Costs(LegCosts(50.0, 1.0), LegCosts(10.0, 1.0))
    assert said(REVERTING, 2.5, costs=dear).edge.endswith("The way back would not pay for the trade.")
    assert "(51 and 11 bp a leg and side)" in said(REVERTING, 2.5, costs=dear).edge
    free = Costs(LegCosts(0.0, 0.0), LegCosts(0.0, 0.0))
    assert "would not pay" not in said(REVERTING, 2.5, costs=free).edge


def test_funding_stands_beside_the_net_and_is_not_known_where_it_is_not():
    paid = Costs(
        LegCosts(5.0, 1.0, funding_bps=2.0, funding_next_ms=START_MS, funding_hours=8, perpetual=True),
        LegCosts(5.0, 1.0, funding_bps=0.5, funding_next_ms=START_MS, funding_hours=8, perpetual=True),
    )
    reading = live_reading(PERPS, *prices_at(PERPS, 3.0), paid)
    share = abs(reading.legs.x_notional / reading.legs.y_notional)
    carry = paid.carry_bps_day(reading.legs.side, share)
    words = headline(PERPS, reading, paid, PERP).edge
    assert f"; holding {'costs' if carry > 0 else 'earns'} {abs(carry):.1f} bp a day." in words


def test_the_two_legs_have_sizes_sides_and_the_net_that_remains():
    """z above zero sells y and buys x; the sizes are those of the lot steps."""
    reading = live_reading(PERPS, *prices_at(PERPS, 3.0), COSTS, 0.001, 0.001)
    legs = headline(PERPS, reading, COSTS, PERP).legs
    pattern = (
        r"If faded: sell ([\d.,]+) ETH \(\$([\d,]+)\), buy ([\d.,]+) BTC \(\$([\d,]+)\), net (long|short) \$([\d,]+)\."
    )
    found = re.fullmatch(pattern, legs)
    assert found
    assert float(found[1]) == pytest.approx(-reading.legs.y_units)
    assert float(found[3]) == pytest.approx(reading.legs.x_units)
    assert float(found[2].replace(",", "")) == pytest.approx(-reading.legs.y_notional, abs=0.5)
    assert (found[5] == "long") == (reading.legs.net >= 0)
    assert said(PERPS, -3.0).legs.startswith("If faded: sell ")
    assert re.search(r"sell [\d.,]+ BTC .*buy [\d.,]+ ETH", said(PERPS, -3.0).legs)


@pytest.mark.parametrize(
    ("z", "y_can", "x_can", "words"),
    [
        (3, True, False, "Selling ETH short on spot needs a margin borrow."),
        (3, False, True, "ETH cannot be sold short here: only what is held can be sold."),
        (-3, True, False, "BTC cannot be sold short here: only what is held can be sold."),
    ],
)
def test_a_spot_leg_that_must_be_sold_says_what_that_takes(z, y_can, x_can, words):
    assert said(REVERTING, z, Circumstances(y_can, x_can)).legs.endswith(words)


def test_a_perpetual_can_be_sold_without_more_words():
    assert "margin" not in said(PERPS, 3).text
    assert "cannot" not in said(PERPS, 3).text


def test_no_evidence_is_said_with_its_p_and_what_it_would_have_missed():
    assert UNRELATED.verdict.word == "no evidence"
    words = said(UNRELATED, 3).verdict
    assert words.startswith(f"Reversion: no evidence ({UNRELATED.params.test_window:,} bars, newest EG p ")
    assert words.endswith(" would have been missed).")


def test_no_word_promises_or_orders_anything():
    for study in (REVERTING, UNRELATED, PERPS):
        for z in (-5.0, -1.0, 0.0, 0.4, 2.2, 6.0):
            words = said(study, z).text.lower()
            assert not re.search(r"tradeable|tradable|opportunity|you should|buy now|signal to", words)
            assert "nan" not in re.findall(r"[a-z]+", words)
            if "net" in words:
                assert "round trip" in words


@pytest.mark.parametrize(
    ("circumstances", "start"),
    [
        (replace(PERP, source="simulated"), "Simulated market: ETH "),
        (replace(PERP, source="import", stale_s=9e9), "By the last close that both files have: ETH "),
        (replace(PERP, stale_s=12.3), "By the last known prices, 12 s old: ETH "),
        (
            replace(PERP, source="simulated", stale_s=600),
            "Simulated market: By the last known prices, 10 min old: ETH ",
        ),
        (replace(PERP, stale_s=math.inf), "By the last known prices: ETH "),
    ],
)
def test_prices_that_are_not_live_or_not_the_markets_are_said_first(circumstances, start):
    assert said(REVERTING, 2.5, circumstances).state.startswith(start)


def test_without_enough_bars_the_wait_is_said_and_nothing_else():
    few = study_of(reverting_legs(N, seed=1), n=12)
    found = headline(few, few.moments, COSTS, PERP)
    assert found.state == "No z yet: 12 of 40 bars, about 28 min."
    assert (found.edge, found.legs) == ("", "")
    assert found.verdict == "Reversion: not enough data (12 of 120)."


def test_the_same_asset_has_no_spread_and_no_legs():
    walk = random_walks(N, seed=2)[0]
    same = study_of((walk, walk))
    found = headline(same, live_reading(same, 3000.0, 60_000.0, COSTS), COSTS, PERP)
    assert "same asset" in found.state
    assert (found.edge, found.legs) == ("", "")


def opposed_study():
    y, x = random_walks(N, seed=3)
    return study_of((-x + 0.05 * y, x))


@pytest.mark.parametrize("z", [-3, 0.5, 3])
def test_without_a_positive_beta_the_distance_is_no_signal(z):
    """Neither rich nor cheap, no net and no legs: the hedge of now decides, whatever the verdict's older tests read."""
    opposed = opposed_study()
    assert opposed.moments.beta < 0
    beta = f"{opposed.moments.beta:.2f}".replace("-", "−")
    older = replace(opposed, verdict=REVERTING.verdict)
    for study in (opposed, older):
        found = said(study, z)
        assert found.state == (
            f"No hedge: beta is {beta} (not positive), so the distance between ETH and BTC is no signal."
        )
        assert (found.edge, found.legs) == ("", "")
        assert not re.search(r"rich|cheap|net ", found.text)


def test_a_verdict_of_no_hedge_is_said_beside_the_legs_of_a_hedge_that_is_there_now():
    older = replace(REVERTING.verdict, word="no hedge", headline="no hedge (beta <= 0)", is_older=True)
    found = said(replace(REVERTING, verdict=older))
    age = older.age_text(REVERTING.as_of_ms)
    assert found.verdict == f"Reversion: no hedge in its tests, {age}; beta of now is positive."
    assert age.startswith("for at least ")
    assert found.edge
    assert found.legs


def frame(values):
    index = pd.DatetimeIndex((START_MS + 60_000 * np.arange(len(values))).astype("datetime64[ms]"), tz="UTC")
    return pd.Series(values, index=index, dtype=float)


@pytest.mark.parametrize(
    ("values", "side", "bars_ago"),
    [
        ([0, 2.5, 2.1, 2.0], 1, 3),
        ([2.5, 1.9, 2.1], 1, 1),
        ([2.5, math.nan, 2.1], 1, 1),
        ([3, 3], 1, 2),
        ([2.5, 1.9], 1, None),
        ([-2.5, -2.5], 1, None),
        ([0, -2.5, -2.5], -1, 2),
        ([], 1, None),
    ],
)
def test_a_run_beyond_the_threshold_is_unbroken_and_reaches_the_last_bar(values, side, bars_ago):
    since = beyond_since_ms(frame(values), 60_000, 2.0, side)
    end = START_MS + 60_000 * (len(values) + 1)
    assert since == (None if bars_ago is None else end - 60_000 * bars_ago)


def test_the_run_is_said_in_time_and_a_single_bar_as_what_it_is():
    # z of closed bars as wanted, everything else as studied.
    run = replace(REVERTING, z=REVERTING.z.where(np.arange(N) < N - 5, 2.5).where(np.arange(N) != N - 6, 0.0))
    assert "above +2 for 4 min" in said(run, 2.6).state
    once = replace(REVERTING, z=REVERTING.z.where(np.arange(N) < N - 1, 2.5).where(np.arange(N) != N - 2, 0.0))
    assert "above +2 since the last close" in said(once, 2.6).state
    never = replace(REVERTING, z=REVERTING.z.where(np.arange(N) < N - 1, 0.0))
    assert "above +2 in the forming bar only" in said(never, 2.6).state
    assert "below −2 in the forming bar only" in said(never, -2.6).state
    assert "inside ±2" in said(run, 1.2).state


def test_a_share_names_the_time_that_it_rests_on():
    assert " % of the last 6 h" in said(REVERTING, 2.5).state
    short = study_of(reverting_legs(N, seed=1), n=60)
    assert "not known yet, 20 of 30 bars with a z" in said(short, 2.5).state


@pytest.mark.parametrize(
    ("y", "x", "names"),
    [
        ("spot:ETHUSDT", "spot:BTCUSDT", ("ETH", "BTC")),
        ("usdm:BTCUSDT", "spot:BTCUSDT", ("BTC perp", "BTC spot")),
        ("usdm:ETHUSDT", "usdm:BTCUSDT", ("ETH", "BTC")),
        ("spot:BTCUSDC", "spot:BTCUSDT", ("BTCUSDC", "BTCUSDT")),
        ("spot:WEIRD", "spot:USDT", ("WEIRD", "USDT")),
        ("upload:MY_BTC", "upload:ETHUSDT", ("MY_BTC", "ETHUSDT")),
    ],
)
def test_legs_are_called_as_people_call_them(y, x, names):
    assert leg_names(PairParams(y=y, x=x).pair) == names


def test_the_money_of_an_upload_is_nobodys():
    names = ("upload:MY_BTC", "upload:ETHUSDT", "spot:ETHUSDT", "spot:ETHBTC")
    assert [money_sign(Instrument.parse(name)) for name in names] == ["", "", "$", "BTC"]


def test_money_is_in_dollars_only_where_it_is_dollars():
    study = study_of(reverting_legs(N, seed=1), replace(PARAMS, y="usdm:ETHBTC", x="usdm:BNBBTC"))
    assert "$" not in said(study, 3, lots=(None, None)).legs
    assert " BTC)" in said(study, 3, lots=(None, None)).legs

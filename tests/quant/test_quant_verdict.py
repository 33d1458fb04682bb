"""The verdict: its words, its schedule, how slowly it changes, and that it needs no memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_samples import START_MS, bars_of, closed_until, prices_of, random_walks, reverting_legs

from statarb.market import TIMEFRAMES
from statarb.quant import align_legs, engle_granger, half_life_found, resample_bars, verdict
from statarb.quant.power import found_text
from statarb.quant.verdict import standing

MINUTE = TIMEFRAMES["1m"]
WINDOW = 240
STEP_MS = WINDOW // 24 * 60_000


def legs_of(y, x):
    until = closed_until(len(y))
    return align_legs(resample_bars(bars_of(y), MINUTE, until), resample_bars(bars_of(x), MINUTE, until), MINUTE)


def verdict_of(y, x, n=None, window=WINDOW):
    n = len(y) if n is None else n
    return verdict(legs_of(y[:n], x[:n]), "log", window, closed_until(n))


def prices(legs):
    return prices_of(legs[0], 3000), prices_of(legs[1], 60_000)


REVERTING = prices(reverting_legs(600, seed=1, half_life=2))
UNRELATED = prices(random_walks(600, seed=11))
R, N, H = "mean-reverting", "no evidence", "no hedge"


@pytest.mark.parametrize(
    ("words", "word", "flips", "settled"),
    [
        ([N], N, 0, False),
        ([R, N], R, 0, False),
        ([R, N, R], R, 0, False),
        ([N, N, N], N, 0, True),
        ([N, N, N, R, R], N, 0, True),
        ([N, N, N, R, R, N], N, 0, True),
        ([N, N, N, R, R, R], R, 1, True),
        ([R, N, N, N], N, 0, True),
        ([N, N, N, R, R, R, N, N, N], N, 2, True),
        ([N, N, N, H, R, H, R], N, 0, True),
    ],
)
def test_the_word_changes_only_after_three_equal_results(words, word, flips, settled):
    state = standing(words)
    assert (state.word, state.flips, state.settled) == (word, flips, settled)


@given(st.lists(st.sampled_from([R, N, H]), min_size=3, max_size=40), st.integers(0, 37))
def test_where_the_data_begin_does_not_matter_once_three_were_equal(words, cut):
    later = words[min(cut, len(words) - 3) :]
    if standing(later).settled:
        assert standing(words).word == standing(later).word


def test_a_reverting_pair_reads_mean_reverting_in_this_window():
    result = verdict_of(*REVERTING)
    assert result.headline == "mean-reverting in this window"
    assert result.word == R


def test_an_unrelated_pair_reads_no_evidence_with_what_would_have_been_missed():
    y, x = UNRELATED
    result = verdict_of(y, x)
    assert result.word in (N, H)
    found = f"{half_life_found(WINDOW):.2g}"
    by_seed = [verdict_of(*prices(random_walks(600, seed))) for seed in range(12, 24)]
    headlines = {v.headline for v in by_seed if v.word == N}
    assert headlines == {f"no evidence (a half-life above {found} min would have been missed)"}


@pytest.mark.parametrize(
    ("n", "bar_s", "text"),
    [(1440, 60, "34 min"), (100, 60, "0.6 min = 0.6 bars"), (100, 3600, "36 min = 0.6 bars"), (1440, 3600, "34 h")],
)
def test_a_half_life_that_is_hardly_a_bar_is_said_in_bars_too(n, bar_s, text):
    assert found_text(n, bar_s) == text


def test_a_window_too_short_to_find_anything_asks_for_a_longer_one():
    short = verdict_of(*UNRELATED, window=100)
    assert short.reasons[-1].endswith("whose half-life is 0.6 min = 0.6 bars or less. That is next to nothing: "
                                      "choose a longer test window.")  # fmt: skip
    assert verdict_of(*UNRELATED).reasons[-1].endswith("or less.")


def test_a_negative_beta_reads_no_hedge():
    y, x = REVERTING
    assert verdict_of(9e6 / y, x).headline == "no hedge (beta <= 0)"


def test_one_asset_twice_reads_same_asset():
    x = REVERTING[1]
    assert verdict_of(2 * x, x).headline == "same asset"


def test_too_few_bars_read_how_many_are_there():
    result = verdict_of(*REVERTING, n=143)
    assert result.headline == "not enough data (143 of 240)"
    assert (result.tests, result.since_ms, result.flips) == ((), None, 0)


def test_a_pair_that_hardly_trades_has_no_verdict():
    y, x = REVERTING[0].copy(), REVERTING[1]
    y[np.arange(600) % 5 > 0] = np.nan
    y[0] = REVERTING[0][0]
    assert verdict_of(y, x).headline == "not enough data (96 of 240)"


def test_no_word_claims_cointegration():
    for y, x in (REVERTING, UNRELATED):
        result = verdict_of(y, x)
        assert "cointegrat" not in " ".join((result.headline, *result.reasons)).lower()


def test_tests_lie_on_the_clock_and_use_the_window_before_them():
    y, x = UNRELATED
    result = verdict_of(y, x)
    assert len(result.tests) > 3
    for test in result.tests:
        assert test.as_of_ms % STEP_MS == 0
        end = (test.as_of_ms - START_MS) // 60_000
        window = slice(end - WINDOW, end)
        assert test.result == engle_granger(np.log(y[window]), np.log(x[window]))
    assert result.as_of_ms == result.tests[-1].as_of_ms


def test_between_two_scheduled_tests_nothing_moves():
    y, x = UNRELATED
    first = next(n for n in range(400, 420) if closed_until(n) % STEP_MS == 0)
    shown = {verdict_of(y, x, n).headline for n in range(first, first + 10)}
    times = {verdict_of(y, x, n).as_of_ms for n in range(first, first + 10)}
    assert len(shown) == len(times) == 1
    assert verdict_of(y, x, first + 10).as_of_ms == times.pop() + STEP_MS


def test_the_first_test_is_made_when_the_window_first_fills_and_stays_until_the_schedule():
    y, x = (np.where(np.arange(600) < 3, np.nan, leg) for leg in REVERTING)
    full = WINDOW + 3
    first = next(n for n in range(full, full + 10) if closed_until(n) % STEP_MS == 0)
    before = [verdict_of(y, x, n) for n in range(full, first)]
    assert {v.as_of_ms for v in before} == {closed_until(full)}
    assert before[0].reasons[1].startswith("One test is made: until three results in a row")
    assert verdict_of(y, x, first).as_of_ms == closed_until(first)


def test_a_session_that_starts_later_says_the_same():
    y, x = UNRELATED
    whole = verdict_of(y, x)
    until = closed_until(600)
    late = [resample_bars(bars_of(leg).iloc[170:], MINUTE, until) for leg in (y, x)]
    part = verdict(align_legs(*late, MINUTE), "log", WINDOW, until)
    assert part.word == whole.word
    assert part.tests == whole.tests[-len(part.tests) :]


def test_a_change_of_an_old_bar_is_seen_although_tests_are_remembered():
    y, x = UNRELATED
    before = verdict_of(y, x).tests[-1].result
    revised = y.copy()
    revised[500] *= 1.01
    assert verdict_of(revised, x).tests[-1].result != before


def test_the_age_is_at_least_where_the_data_do_not_reach_back_to_the_beginning():
    result = verdict_of(*REVERTING)
    hours = (result.tests[-1].as_of_ms - result.tests[2].as_of_ms) / 3_600_000
    assert result.is_older
    assert result.age_text(result.as_of_ms) == f"for at least {int(hours)} h"
    nearly_ms = result.tests[2].as_of_ms + 6 * 3_600_000 - 1
    assert result.age_text(nearly_ms) == "for at least 5 h", "never more than is known"
    said = f"It has stood {result.age_text(closed_until(600))}, with no flip in the last {len(result.tests)} tests."
    assert result.reasons[1] == said


def test_the_age_is_plain_where_the_change_was_seen():
    broken = REVERTING[0].copy()
    broken[420:] *= np.exp(np.linspace(0, 0.5, 180))
    result = verdict_of(broken, REVERTING[1])
    assert result.flips
    assert not result.is_older
    assert result.age_text(result.since_ms + 90 * 60_000) == "for 90 min"


def test_without_a_test_there_is_no_age():
    assert verdict_of(*REVERTING, n=143).age_text(closed_until(143)) == ""


def test_three_in_a_row_call_unrelated_pairs_reverting_less_often_than_every_test():
    ever = {"shown": 0, "tested": 0}
    for seed in range(40):
        result = verdict_of(*prices(random_walks(479, 1000 + seed)))
        ever["tested"] += any(test.word == R for test in result.tests)
        words = [test.word for test in result.tests]
        ever["shown"] += any(standing(words[: i + 1]) == R for i in range(2, len(words)))
    assert ever["shown"] <= ever["tested"]
    assert ever["tested"] > 0


@pytest.mark.parametrize(("n", "low", "high"), [(100, 0.3, 2), (240, 3, 6), (1440, 28, 40), (20_000, 480, 520)])
def test_a_longer_window_finds_slower_reversion(n, low, high):
    assert low <= half_life_found(n) <= high


def test_the_power_sentence_is_true():
    """At the half-life of the sentence about four of five pairs are found; at three times that, few."""
    half_life = half_life_found(480)
    found = sum(engle_granger(*reverting_legs(480, seed, 1.0, half_life)).rejects for seed in range(150)) / 150
    slow = sum(engle_granger(*reverting_legs(480, seed, 1.0, 3 * half_life)).rejects for seed in range(150)) / 150
    assert 0.68 <= found <= 0.92
    assert slow < 0.5

"""The verdict on one window: does the spread revert? Decided by one test, made on a schedule, slow to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from statarb.clock import utc_text
from statarb.quant.cointegration import LEVEL, CointegrationResult, engle_granger
from statarb.quant.hedge import hedge_ratio
from statarb.quant.legs import Legs
from statarb.quant.power import HARDLY_BARS, found_text, half_life_found
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough
from statarb.quant.spread import on_scale

Word = Literal["mean-reverting", "no evidence", "same asset", "no hedge", "not enough data"]

TESTS_A_WINDOW = 24
"""Tests a test window: hourly over a day. Testing every bar finds a reversion in any pair on any day."""

EQUAL_TESTS = 3
"""Equal results in a row that it takes to change the verdict."""


@dataclass(frozen=True)
class WindowTest:
    """One scheduled test, of the window that ends at `as_of_ms`."""

    as_of_ms: int
    word: Word
    beta: float
    result: CointegrationResult | NotEnough


@dataclass(frozen=True)
class Verdict:
    """The standing word about this window, with its reasons.

    `as_of_ms` is the newest test's time, `since_ms` when the word began to stand (None before any test), `flips` how
    often the standing word changed within the data, `tests` the tests made, oldest first. Where `is_older` the word may
    have stood before `since_ms`: the data do not reach back to its beginning.
    """

    headline: str
    word: Word
    reasons: tuple[str, ...]
    as_of_ms: int
    since_ms: int | None
    flips: int
    tests: tuple[WindowTest, ...]
    is_older: bool = False

    def age_text(self, at_ms: int) -> str:
        """How long the word has stood by then: `for 90 min`, or `for at least 7 h`; '' before any test."""
        if self.since_ms is None:
            return ""
        return _stood(at_ms - self.since_ms, self.is_older)

    @property
    def flips_text(self) -> str:
        """`no flip`, `1 flip`, `3 flips`."""
        return _flips(self.flips)


@dataclass(frozen=True)
class Standing:
    """Which word stands, since which test, how often it changed; `settled` once it came three times in a row."""

    word: Word
    since: int
    flips: int
    settled: bool


def standing(words: Sequence[Word]) -> Standing:
    """The word that stands after these results, oldest first: the last one that came three times in a row.

    Before any did, the first result stands. Where a word came three times in a row the outcome no longer depends
    on where the data begin, so no state has to be kept between sessions.
    """
    state = Standing(words[0], 0, 0, False)
    for i in range(EQUAL_TESTS - 1, len(words)):
        if len(set(words[i - EQUAL_TESTS + 1 : i + 1])) == 1 and not (state.settled and words[i] == state.word):
            state = Standing(words[i], i, state.flips + state.settled, True)
    return state


def verdict(legs: Legs, price_scale: str, test_window: int, as_of_ms: int, known: Sequence[WindowTest] = ()) -> Verdict:
    """The verdict on the pair, from its closed bars alone.

    The Engle-Granger test of the `test_window` bars before each time that is a multiple of test_window // 24 bars;
    the standing word changes after three equal results.

    Parameters
    ----------
    legs : Legs
        Aligned closed bars.
    price_scale : {'log', 'price'}
        Scale of the regression.
    test_window : int
        Bars of each test.
    as_of_ms : int
        Close time of the last closed bar.
    known : sequence of WindowTest
        Tests of an earlier verdict on the same bars; they are not made again.

    Returns
    -------
    Verdict
        Its word is 'not enough data' while the newest scheduled window is not full.
    """
    tests = scheduled_tests(legs, price_scale, test_window, as_of_ms, known)
    if isinstance(tests, NotEnough):
        reason = f"The tests need {tests.need} bars in which both legs traded; {tests.have} are there."
        headline = f"not enough data ({tests.have} of {tests.need})"
        return Verdict(headline, "not enough data", (reason,), as_of_ms, None, 0, ())
    state = standing([test.word for test in tests])
    newest = tests[-1]
    found = found_text(test_window, legs.bar_ms / 1000)
    since_ms, is_older = tests[state.since].as_of_ms, state.since < EQUAL_TESTS
    reasons = (
        _test_reason(newest, test_window),
        _standing_reason(state, newest.word, len(tests), _stood(as_of_ms - since_ms, is_older)),
        _power_reason(test_window, found),
    )
    headline = _headline(state.word, found)
    return Verdict(headline, state.word, reasons, newest.as_of_ms, since_ms, state.flips, tests, is_older)


def scheduled_tests(
    legs: Legs, price_scale: str, test_window: int, as_of_ms: int, known: Sequence[WindowTest] = ()
) -> tuple[WindowTest, ...] | NotEnough:
    """The newest scheduled tests, oldest first; NotEnough while the newest has no full window.

    Before any scheduled time has a full window, one test is made when the window first fills.
    """
    now = legs.newest(test_window, as_of_ms)
    if isinstance(now, NotEnough):
        return now
    step_ms = max(1, test_window // TESTS_A_WINDOW) * legs.bar_ms
    times = [(as_of_ms // step_ms - i) * step_ms for i in reversed(range(TESTS_A_WINDOW))]
    windows = {t: rows for t in times if isinstance(rows := legs.newest(test_window, t), slice)}
    if not windows:
        first = int(np.argmax(legs.spans_at_most(test_window)))
        windows = {int(legs.open_ms[first]) + legs.bar_ms: slice(first - test_window + 1, first + 1)}
    made = {test.as_of_ms: test for test in known}
    if not windows.keys() <= made.keys():
        y, x = (on_scale(leg, price_scale) for leg in (legs.y, legs.x))
        for t, rows in windows.items():
            made[t] = made.get(t) or WindowTest(t, *_decide(y[rows].tobytes(), x[rows].tobytes()))
    return tuple(made[t] for t in windows)


@lru_cache(maxsize=1024)
def _decide(y: bytes, x: bytes) -> tuple[Word, float, CointegrationResult | NotEnough]:
    # Remembered by content: a bar that is not on the schedule then costs no test, and a late trade gets a new one.
    legs = np.frombuffer(y), np.frombuffer(x)
    return _word(*legs)


def word_of_window(y: Floats, x: Floats) -> Word:
    """What one test of one window reads, before the rule of three in a row."""
    return _word(y, x)[0]


def _word(y: Floats, x: Floats) -> tuple[Word, float, CointegrationResult | NotEnough]:
    hedge, result = hedge_ratio(y, x), engle_granger(y, x)
    if isinstance(hedge, NotEnough):
        return "no hedge", float("nan"), result
    if hedge.r2 > SAME_ASSET_R2:
        return "same asset", hedge.beta, result
    if hedge.beta <= 0:
        return "no hedge", hedge.beta, result
    reverts = isinstance(result, CointegrationResult) and result.rejects
    return "mean-reverting" if reverts else "no evidence", hedge.beta, result


def _headline(word: Word, found: str) -> str:
    return {
        "mean-reverting": "mean-reverting in this window",
        "no evidence": f"no evidence (a half-life above {found} would have been missed)",
        "same asset": "same asset",
        "no hedge": "no hedge (beta <= 0)",
        "not enough data": "not enough data",
    }[word]


def p_text(pvalue: float) -> str:
    """`= 0.213`, or `< 0.001`."""
    return "< 0.001" if pvalue < 0.001 else f"= {pvalue:.3f}"


def age_text(seconds: float) -> str:
    """`90 min`, `7 h`."""
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _test_reason(test: WindowTest, test_window: int) -> str:
    when = f"{utc_text(test.as_of_ms)[:16]} UTC"
    result = test.result
    if isinstance(result, NotEnough):
        return f"Test at {when} over {test_window:,} bars: {result.text}."
    both = ", ".join(
        f"t {leg.statistic:.2f} {leg.direction} ({leg.lags} lags)" for leg in (result.y_on_x, result.x_on_y)
    )
    numbers = f"{both}; beta {test.beta:.4g}.".replace("-", "\u2212")
    return (
        f"Engle-Granger at {when} over {test_window:,} bars: doubled p {p_text(result.pvalue)} "
        f"(limit {LEVEL:g}); {numbers}"
    )


def _power_reason(test_window: int, found: str) -> str:
    text = f"A window of {test_window:,} bars finds four of five pairs whose half-life is {found} or less."
    if half_life_found(test_window) >= HARDLY_BARS:
        return text
    return f"{text} That is next to nothing: choose a longer test window."


def _stood(age_ms: int, is_older: bool) -> str:
    seconds = age_ms / 1000
    if is_older:  # rounded down, or it would say more than is known
        seconds -= seconds % (60 if seconds < 7200 else 3600)
    return f"for {'at least ' if is_older else ''}{age_text(seconds)}"


def _flips(flips: int) -> str:
    return {0: "no flip", 1: "1 flip"}.get(flips, f"{flips} flips")


def _standing_reason(state: Standing, newest: Word, n_tests: int, stood: str) -> str:
    if not state.settled:
        made = "One test is made" if n_tests == 1 else f"{n_tests} tests are made"
        return f"{made}: until three results in a row are equal, the first one stands."
    text = f"It has stood {stood}, with {_flips(state.flips)} in the last {n_tests} tests."
    if newest != state.word:
        text += f" The newest test reads “{newest}”; three in a row would change the verdict."
    return text

"""The cache of closed bars: whatever is asked in whatever order, it answers what the store would."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as some

from statarb.market import Instrument
from statarb.store import BarCache, StoredInstrument

MINUTE = 60_000


class Store:
    """Bars whose close is the version and the minute, with every third minute missing."""

    def __init__(self) -> None:
        self.version = 0

    def bars(self, instrument, base, since_ms, until_ms):
        minutes = [m for m in range(-(-since_ms // MINUTE), -(-until_ms // MINUTE)) if m % 3]
        index = pd.DatetimeIndex(pd.to_datetime([m * MINUTE for m in minutes], unit="ms", utc=True), name="ts")
        return pd.DataFrame({"close": [1000.0 * self.version + m for m in minutes]}, index=index.as_unit("ms"))


def stored(version):
    return StoredInstrument(1, Instrument("spot", "BTCUSDT"), "TRADING", None, None, False, 0, version, 0.0)


@given(
    some.lists(
        some.tuples(some.integers(0, 60), some.integers(0, 60), some.booleans()).map(
            lambda drawn: (min(drawn[:2]), max(drawn[:2]), drawn[2])
        ),
        max_size=12,
    )
)
def test_any_sequence_of_questions_is_answered_as_the_store_would(questions):
    store = Store()
    cache = BarCache(store)
    for since, until, revised in questions:
        store.version += revised
        answer = cache.bars(stored(store.version), "1m", since * MINUTE, until * MINUTE)
        expected = store.bars("", "1m", since * MINUTE, until * MINUTE)
        pd.testing.assert_frame_equal(answer, expected, check_dtype=False)


def test_a_day_of_seconds_does_not_pile_up():
    """A page that follows the newest hour for a day holds at most two hours, and each second still answers right."""
    store, cache = Store(), BarCache(Store())
    for minute in range(60, 1500):
        answer = cache.bars(stored(0), "1m", (minute - 60) * MINUTE, minute * MINUTE)
        assert len(answer) == len(store.bars("", "1m", (minute - 60) * MINUTE, minute * MINUTE))
        (held,) = cache._held.values()
        assert len(held.frame) <= 120

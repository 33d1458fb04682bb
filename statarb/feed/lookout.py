"""Looks out for a symbol that fell silent while its connection goes on, and asks the exchange before judging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.feed.stream import TradeStream
from statarb.market import Instrument

EVERY_S = 0.5
ARRIVAL_S = 1.0


class Lookout(Repeating):
    """One thread over all streams of a venue.

    Parameters
    ----------
    streams : sequence of TradeStream
        Those there are at each look.
    newest_id : callable
        Asks the exchange for the newest trade id of a symbol.
    stored_ids : callable
        The newest stored id of each instrument, by its text.
    """

    def __init__(
        self,
        streams: Sequence[TradeStream],
        newest_id: Callable[[str], int],
        stored_ids: Callable[[], Mapping[str, int]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__("lookout", EVERY_S, clock)
        self._streams = streams
        self._newest_id = newest_id
        self._stored_ids = stored_ids

    def step(self) -> None:
        """Look into each silence that is longer than its symbol's rhythm.

        Raises
        ------
        FeedError
            The exchange did not answer; the next step asks again.
        """
        now_s = self._clock.monotonic_s()
        for stream in tuple(self._streams):
            rhythms = stream.rhythms
            for instrument in stream.instruments:
                rhythm = rhythms.get(instrument.symbol)
                if rhythm is not None and now_s > rhythm.deadline_s:
                    if self._is_missed(instrument):
                        stream.renew(f"{instrument.symbol} trades, but its trades no longer come")
                        break
                    rhythm.be_patient()

    def _is_missed(self, instrument: Instrument) -> bool:
        """Whether the exchange has made trades that we did not store within the time they take to arrive."""
        newest_id = self._newest_id(instrument.symbol)
        name = str(instrument)
        if newest_id <= self._stored_ids().get(name, newest_id):
            return False
        self._clock.wait(self._stop, ARRIVAL_S)
        return newest_id > self._stored_ids().get(name, newest_id)

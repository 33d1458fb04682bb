"""Quotes and funding from the exchange in a box, over real HTTP, through the writer and back by the reader."""

from __future__ import annotations

import pytest
from exchange.boxrig import served

from statarb.clock import SYSTEM_CLOCK
from statarb.exchange.synthetic import SyntheticMarket
from statarb.feed.binance_spot import BinanceSpot
from statarb.feed.binance_usdm import BinanceUsdm
from statarb.feed.costs import FUNDING_EVERY_S, Costs
from statarb.feed.rest import RestClient
from statarb.feed.venues import venue
from statarb.market import Funding, Instrument, Quote
from statarb.store import Inbox, InboxSink, Reader, Writer
from statarb.store.inbox import Costs as CostsItem

BTC, PERP = Instrument("spot", "BTCUSDT"), Instrument("usdm", "BTCUSDT")


class Rig:
    """Both markets in a box, a writer, and the costs of each market."""

    def __init__(self, path, door) -> None:
        self.inbox = Inbox()
        self.writer = Writer(path, "simulated", self.inbox)
        self.costs = []
        for market in ("spot", "usdm"):
            rest = RestClient(venue(market, f"ws://127.0.0.1:{door.port}", f"http://127.0.0.1:{door.port}"))
            sink = InboxSink(self.inbox, market)
            sink.listing(rest.rules(["BTCUSDT"]))
            self.costs.append(Costs(lambda: ["BTCUSDT"], rest, sink))

    def step(self) -> None:
        for one in self.costs:
            one.step()
        self.writer.step(0)


@pytest.fixture
def rig(tmp_path):
    spot, perp = (SyntheticMarket([name], 3, 20.0, SYSTEM_CLOCK) for name in ("BTCUSDT", "usdm:BTCUSDT"))
    with served(spot, futures=perp) as door:
        rig = Rig(tmp_path / "t.db", door)
        yield rig
        rig.writer.close()


def test_quotes_of_both_markets_and_funding_of_the_perpetual_are_stored(rig, tmp_path):
    rig.step()
    reader = Reader(tmp_path / "t.db")
    quotes = reader.quotes()
    assert set(quotes) == {"spot:BTCUSDT", "usdm:BTCUSDT"}
    for quote in quotes.values():
        assert 0 < quote.bid < quote.ask
        assert 0 < quote.spread_bps < 1
        assert abs(SYSTEM_CLOCK.now_ms() - quote.ts_ms) < 60_000
    assert quotes["usdm:BTCUSDT"].bid == pytest.approx(quotes["spot:BTCUSDT"].bid, rel=0.01)
    (name,) = funding = reader.funding()
    assert name == "usdm:BTCUSDT"
    assert 0 < funding[name].rate < 0.001
    assert funding[name].interval_hours == 8
    assert funding[name].next_ms > SYSTEM_CLOCK.now_ms()


def test_funding_is_asked_for_once_a_minute(rig):
    asked = []
    costs = rig.costs[1]
    costs._rest.funding = lambda symbols: asked.append(symbols) or []
    costs.step()
    costs.step()
    assert len(asked) == 1
    costs._funding_at_s -= FUNDING_EVERY_S
    costs.step()
    assert len(asked) == 2


def test_the_newest_replaces_the_older_and_unknown_instruments_are_left_out(rig, tmp_path):
    rig.step()
    older = Reader(tmp_path / "t.db").quotes()["spot:BTCUSDT"]
    rows = [Quote(one, older.ts_ms + 1, 10**8, 2 * 10**8, 3 * 10**8, 10**8) for one in (BTC, Instrument("spot", "X"))]
    rig.inbox.put(CostsItem(quotes=rows, funding=[Funding(PERP, 5, 10**8, 2 * 10**8, -10_000, 9, 4)]))
    rig.writer.step(0)
    reader = Reader(tmp_path / "t.db")
    assert set(reader.quotes()) == {"spot:BTCUSDT", "usdm:BTCUSDT"}
    assert (reader.quotes()["spot:BTCUSDT"].bid, reader.quotes()["spot:BTCUSDT"].ask) == (1.0, 3.0)
    found = reader.funding()["usdm:BTCUSDT"]
    assert (found.mark, found.index, found.rate, found.interval_hours) == (1.0, 2.0, -0.0001, 4)


def test_a_side_that_nobody_quotes_is_no_quote():
    row = {"symbol": "BTCUSDT", "bidPrice": "0.00", "bidQty": "0", "askPrice": "5.10", "askQty": "1"}
    assert BinanceUsdm().quotes("usdm", ["BTCUSDT"]).read([row]) == []
    whole = row | {"bidPrice": "5.00", "bidQty": "2"}
    (quote,) = BinanceSpot().quotes("spot", ["BTCUSDT"]).read([whole, whole | {"symbol": "OTHER"}])
    assert quote == Quote(BTC, 0, 500_000_000, 200_000_000, 510_000_000, 100_000_000)


def test_negative_and_missing_rates_are_read():
    row = {
        "symbol": "BTCUSDT", "markPrice": "11793.63104562", "indexPrice": "11781.80495970",
        "lastFundingRate": "-0.00038246", "nextFundingTime": 1597392000000, "time": 1597370495002,
    }  # fmt: skip
    question = BinanceUsdm().funding("usdm", ["BTCUSDT"])
    (found,) = question.read([row, row | {"symbol": "ETHUSDT"}])
    assert found == Funding(PERP, 1597370495002, 1_179_363_104_562, 1_178_180_495_970, -38_246, 1597392000000, 8)
    assert question.read([row | {"lastFundingRate": ""}])[0].rate_e8 == 0

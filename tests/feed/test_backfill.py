"""Every gap is closed by id over REST, or says why it cannot be; whatever REST answers."""

import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from feed.streams import LeapingClock

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import BlockedError, FeedError
from statarb.feed import rest as resting
from statarb.feed.backfill import ASK_AGAIN_MS, Backfill
from statarb.feed.rest import RestClient, WeightBudget
from statarb.feed.venues import venue
from statarb.market import Instrument, InstrumentRules, Trade, from_e8
from statarb.store import FeedReport, Inbox, InboxSink, Listing, TradeBatch, Writer

BTC = Instrument("spot", "BTCUSDT")
T0_MS = 1_700_000_000_000


def trade(trade_id: int, price_e8: int = 6_000_000_000_000) -> Trade:
    ts_ms = T0_MS + trade_id * 100
    return Trade("BTCUSDT", trade_id, ts_ms, price_e8 + trade_id, 1_000_000, bool(trade_id % 2), ts_ms, 0)


class Exchange:
    """historicalTrades, klines and time over real HTTP; `fault` may answer a request instead."""

    def __init__(self, ids) -> None:
        self.ids = sorted(ids)
        self.price_e8 = 6_000_000_000_000
        self.asked: list[tuple[float, str]] = []
        self.fault = lambda handler, count: False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urlsplit(self.path)
                name = parts.path.rsplit("/", 1)[1]
                owner.asked.append((time.monotonic(), name))
                count = sum(asked == name for _, asked in owner.asked)
                if name == "historicalTrades" and owner.fault(self, count):
                    return
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                self.answer(json.dumps(owner.reply(name, query)).encode())

            def answer(self, body, status=200, kind="application/json", length=None, **headers):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reply(self, name, query):
        if name == "time":
            return {"serverTime": T0_MS + 10_000_000}
        if name == "klines":
            return []
        first = int(query["fromId"])
        rows = [trade(i, self.price_e8) for i in self.ids if i >= first][: int(query["limit"])]
        return [
            {"id": t.trade_id, "price": from_e8(t.price_e8), "qty": from_e8(t.qty_e8), "time": t.ts_ms,
             "isBuyerMaker": t.is_buyer_maker} for t in rows
        ]  # fmt: skip

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, name="historicalTrades"):
        return sum(asked == name for _, asked in self.asked)


class Rig:
    """A real writer and a real REST client around the backfill, whose steps the test calls."""

    def __init__(self, tmp_path, exchange, fillable_ids=1_000_000, clock=SYSTEM_CLOCK, **place) -> None:
        self.path = tmp_path / "t.db"
        self.inbox = Inbox()
        self.writer = Writer(self.path, "simulated", self.inbox, fillable_ids=fillable_ids)
        self.inbox.put(Listing([InstrumentRules(BTC)]))
        self.inbox.put(FeedReport("spot-1", "live", [BTC], {}))
        self.writer.start()
        self.rest = RestClient(
            venue(place.get("name", "spot"), exchange.url.replace("http", "ws"), exchange.url), clock
        )
        self.backfill = Backfill(self.writer.missing, self.rest, InboxSink(self.inbox, "spot"))

    def live(self, *ids, session="spot-1/1"):
        self.inbox.put_trades(TradeBatch("spot", session, [trade(i) for i in ids]))
        # The writer's books follow its commit, and they are what the backfill asks.
        self.settle(lambda: self.writer.newest_ids().get(str(BTC)) == max(ids))

    def settle(self, condition, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.gaps(), self.writer.error)
            time.sleep(0.02)

    def run(self):
        """Ask until there is nothing to ask for now."""
        while self.backfill.ask():
            pass

    def query(self, sql):
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def gaps(self):
        return self.query("SELECT lo, hi, state, tries FROM gaps ORDER BY lo")

    def stop(self):
        self.writer.stop()
        assert self.writer.error is None
        stored = "SELECT symbol_id, count(*), max(trade_id) - min(trade_id) + 1 FROM trades GROUP BY symbol_id"
        missing = dict(self.query("SELECT symbol_id, sum(hi-lo+1) FROM gaps WHERE state<>'filled' GROUP BY symbol_id"))
        for symbol_id, count, span in self.query(stored):
            assert count + missing.get(symbol_id, 0) == span


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr("statarb.feed.backfill.LAG_RETRY_S", 0.05)
    made = []

    def make(ids, **options):
        exchange = Exchange(ids)
        rig = Rig(tmp_path, exchange, **options)
        made.extend([rig, exchange])
        return rig, exchange

    yield make
    for one in made:
        one.stop()


def test_a_gap_closes_newest_first_with_every_trade_exact(make):
    rig, exchange = make(range(5000))
    rig.live(*range(100))
    rig.live(*range(3600, 3700), session="spot-1/2")
    assert rig.gaps() == [(100, 3599, "open", 0)]
    assert rig.backfill.ask()
    assert rig.gaps() == [(100, 2599, "open", 0), (2600, 3599, "filled", 0)]
    rig.run()
    assert rig.gaps() == [(100, 3599, "filled", 0)]
    rows = rig.query("SELECT trade_id, ts_ms, price, qty, maker FROM trades ORDER BY trade_id")
    assert rows == [(*trade(i)[1:5], i % 2) for i in range(3700)]
    assert exchange.count() == 4


def test_the_newest_of_several_gaps_is_closed_first(make):
    rig, _ = make(range(500))
    rig.live(1)
    rig.live(10)
    rig.live(20)
    rig.backfill.ask()
    assert rig.gaps() == [(2, 9, "open", 0), (11, 19, "filled", 0)]


def test_ids_the_exchange_skips_become_unfillable_with_proof_after_three_answers_over_ten_minutes(make, monkeypatch):
    rig, exchange = make(set(range(500)) - set(range(40, 45)))
    rig.live(*range(30))
    rig.live(*range(60, 70))
    now_ms = SYSTEM_CLOCK.now_ms()
    monkeypatch.setattr(type(SYSTEM_CLOCK), "now_ms", lambda self: now_ms)
    rig.run()
    assert rig.gaps() == [(30, 39, "filled", 0), (40, 44, "open", 1), (45, 59, "filled", 0)]
    asked = exchange.count()
    rig.run()
    assert exchange.count() == asked  # not again at once
    for tries in (2, 3):
        now_ms += ASK_AGAIN_MS
        rig.run()
        assert rig.gaps()[1][3] == tries
    assert rig.gaps()[1][2] == "unfillable"
    ((proof,),) = rig.query("SELECT proof FROM gaps WHERE state='unfillable'")
    assert [one["next_id"] for one in json.loads(proof)] == [45, 45, 45]
    assert len({one["asked_at_ms"] for one in json.loads(proof)}) == 3
    now_ms += ASK_AGAIN_MS
    assert not rig.backfill.ask()


def test_an_exchange_whose_history_lags_is_asked_again_and_nothing_is_given_up(make):
    rig, exchange = make(range(50))
    rig.live(*range(30))
    rig.live(*range(60, 70))
    rig.run()
    assert rig.gaps() == [(30, 49, "filled", 0), (50, 59, "open", 0)]
    exchange.ids = list(range(500))
    time.sleep(0.1)
    rig.run()
    assert rig.gaps() == [(30, 59, "filled", 0)]


def test_what_lies_beyond_the_bound_is_deferred_and_never_asked_for(make):
    rig, exchange = make(range(500), fillable_ids=20)
    rig.live(1)
    rig.live(100)
    assert rig.gaps() == [(2, 79, "deferred", 0), (80, 99, "open", 0)]
    rig.run()
    assert rig.gaps() == [(2, 79, "deferred", 0), (80, 99, "filled", 0)]
    assert exchange.count() == 1


def test_a_host_without_history_defers_in_words(make):
    rig, exchange = make(range(500), name="spot-data")
    rig.live(1)
    rig.live(100)
    rig.run()
    assert rig.gaps() == [(2, 99, "deferred", 0)]
    ((proof,),) = rig.query("SELECT proof FROM gaps")
    assert "lists no historicalTrades" in proof
    assert exchange.count() == 0


def test_a_row_that_disagrees_with_the_stored_one_is_kept_as_a_conflict(make):
    rig, _ = make(range(500))
    rig.live(1, 2, 3)
    rig.inbox.put_trades(TradeBatch("spot", "spot-2/1", [trade(2, 7_000_000_000_000), trade(3)]))
    rig.settle(lambda: rig.query("SELECT count(*) FROM conflicts") == [(1,)])
    assert rig.query("SELECT price FROM trades WHERE trade_id=2") == [(trade(2).price_e8,)]
    ((payload,),) = rig.query("SELECT payload FROM conflicts")
    assert json.loads(payload)["price_e8"] == 7_000_000_000_002


FAULTS = {
    "500": lambda handler: handler.answer(b"{}", 500),
    "502 html": lambda handler: handler.answer(b"<html>bad gateway</html>", 502, "text/html"),
    "200 html": lambda handler: handler.answer(b"<html>hello</html>", 200, "text/html"),
    "200 with an error code": lambda handler: handler.answer(b'{"code":-1121,"msg":"Invalid symbol."}'),
    "truncated": lambda handler: (handler.answer(b"[{\"id\":30", length=500), handler.connection.shutdown(2)),
    "cut": lambda handler: handler.connection.shutdown(2),
    "no list": lambda handler: handler.answer(b"7"),
    "rows out of order": lambda handler: handler.answer(json.dumps([
        {"id": i, "price": "1.0", "qty": "1.0", "time": T0_MS, "isBuyerMaker": True} for i in (31, 30)]).encode()),
    "ids not asked for": lambda handler: handler.answer(json.dumps([
        {"id": 5, "price": "1.0", "qty": "1.0", "time": T0_MS, "isBuyerMaker": True}]).encode()),
    "a price of nothing": lambda handler: handler.answer(json.dumps([
        {"id": 30, "price": "0.0", "qty": "1.0", "time": T0_MS, "isBuyerMaker": True}]).encode()),
    "seconds instead of ms": lambda handler: handler.answer(json.dumps([
        {"id": 30, "price": "1.0", "qty": "1.0", "time": 1_700_000_000, "isBuyerMaker": True}]).encode()),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_broken_answer_leaves_the_gap_open_and_the_next_one_closes_it(make, fault):
    rig, exchange = make(range(500))
    rig.live(*range(30))
    rig.live(*range(60, 70))
    exchange.fault = lambda handler, count: count == 1 and (fault(handler) or True)
    with pytest.raises(FeedError):
        rig.backfill.ask()
    assert rig.gaps() == [(30, 59, "open", 0)]
    rig.run()
    assert rig.gaps() == [(30, 59, "filled", 0)]
    assert rig.query("SELECT count(*) FROM trades") == [(70,)]


@pytest.mark.parametrize("status", [429, 418])
def test_nothing_is_sent_before_the_exchange_s_own_time_is_over(make, status):
    clock = LeapingClock()
    rig, exchange = make(range(500), clock=clock)
    rig.live(1)
    rig.live(60)
    exchange.fault = lambda handler, count: count == 1 and (handler.answer(b"{}", status, Retry_After="600") or True)
    with pytest.raises(BlockedError, match=str(status)) as caught:
        rig.backfill.ask()
    assert caught.value.retry_after_s == 600
    before = len(exchange.asked)
    for clock.ahead_s in (0.0, 300.0, 500.0):
        with pytest.raises(BlockedError, match="silence"):
            rig.rest.time_ms()
    assert len(exchange.asked) == before
    clock.ahead_s = 600.0
    rig.run()
    assert rig.gaps() == [(2, 59, "filled", 0)]


def test_the_thread_goes_on_for_ever_through_faults(make, monkeypatch):
    monkeypatch.setattr("statarb.feed.backfill.LONGEST_PAUSE_S", 0.1)
    rig, exchange = make(range(3000))
    exchange.fault = lambda handler, count: count % 3 and (handler.answer(b"oops", 500) or True)
    rig.backfill.start()
    rig.live(*range(30))
    rig.live(*range(2500, 2510))
    rig.settle(lambda: rig.gaps() == [(30, 2499, "filled", 0)])
    rig.backfill.stop()


def test_a_crash_in_the_middle_of_a_backfill_resumes_from_the_gap_table(make, tmp_path):
    rig, exchange = make(range(5000))
    rig.live(*range(30))
    rig.live(*range(3500, 3510))
    rig.backfill.ask()
    rig.writer.stop()
    again = Rig(tmp_path, exchange)
    again.settle(lambda: again.writer.missing())
    assert again.gaps()[0] == (30, 2499, "open", 0)
    again.run()
    assert again.gaps() == [(30, 3499, "filled", 0)]
    again.stop()


def test_the_weight_budget_spends_half_of_what_the_venue_allows():
    now = [0.0]
    budget = WeightBudget(lambda: now[0], weight_a_minute=6000)
    spent = 0.0
    while now[0] < 600:
        now[0] += budget.reserve(25)
        spent += 25
    assert spent <= 3000 * 10 + 50 * resting.BURST_S + 25


def test_a_reset_of_ids_begins_a_new_epoch_and_the_old_record_stays(make):
    rig, _ = make(range(500))
    rig.live(*range(1000, 1010))
    late = [trade(i)._replace(ts_ms=T0_MS + 900_000 + i) for i in range(5, 9)]
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/2", late))
    rig.settle(lambda: rig.query("SELECT count(*) FROM symbols") == [(2,)])
    assert rig.query("SELECT symbol_id, min(trade_id), max(trade_id) FROM trades GROUP BY 1") == [
        (1, 1000, 1009),
        (2, 5, 8),
    ]
    assert rig.gaps() == []


def test_a_jump_no_market_makes_begins_a_new_epoch_but_a_long_outage_does_not(make):
    rig, _ = make(range(500))
    rig.live(1)
    week = trade(1)._replace(trade_id=5_000_000, ts_ms=T0_MS + 7 * 86_400_000)
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/2", [week]))
    rig.settle(lambda: rig.query("SELECT count(*) FROM trades") == [(2,)])
    assert rig.query("SELECT count(*) FROM symbols") == [(1,)]
    assert [gap[:3] for gap in rig.gaps()] == [(2, 3_999_999, "deferred"), (4_000_000, 4_999_999, "open")]
    odd = week._replace(trade_id=10**12, ts_ms=week.ts_ms + 1000)
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/2", [odd]))
    rig.settle(lambda: rig.query("SELECT count(*) FROM symbols") == [(2,)])

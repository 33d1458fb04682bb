"""Hours in minutes: long outages, many kills. `make soak` runs these; `make test` does not."""

import os
import random
import time
from statistics import median

import pytest
from processes import exchange, ingest, wait_until
from proxy import Proxy
from test_journey import assert_every_id_is_accounted_for, ledger_trades, query, stored_trades, within_record

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

SYMBOLS = ["--symbols", "BTCUSDT,ETHUSDT"]
OUTAGE_S = float(os.environ.get("SOAK_OUTAGE_S", "600"))
KILLS = int(os.environ.get("SOAK_KILLS", "200"))
RESTARTS = int(os.environ.get("SOAK_RESTARTS", "100"))
SLOW_S = 5.0
"""A start that takes longer shows its log."""


def test_a_long_outage_at_300_trades_a_second_closes_in_time_while_live_trades_flow(tmp_path):
    """Ten minutes without the stream; closed within 5 s + n / 2000 s of the link's return, bars by klines before."""
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    with exchange(*SYMBOLS, "--rate", "150", "--ledger", str(ledger)) as (market, at):
        rest = at[at.index("--rest-url") + 1]
        with (
            Proxy(int(rest.rsplit(":", 1)[1])) as proxy,
            ingest(db, *SYMBOLS, "--history", "0", "--ws-url", proxy.url, "--rest-url", rest) as feed,
        ):
            feed.wait_for("feed is live")
            time.sleep(5)
            proxy.cut()
            first_minute_s = (int(time.time()) // 60 + 1) * 60
            time.sleep(OUTAGE_S)
            proxy.mend()
            mended_s = time.monotonic()
            wait_until(lambda: len(query(db, "SELECT DISTINCT symbol_id FROM gaps")) == 2, 30)
            ((missing,),) = query(db, "SELECT sum(hi-lo+1) FROM gaps")
            lags, bars_after_s = [], None
            while query(db, "SELECT 1 FROM gaps WHERE state='open'"):
                ((bars,),) = query(db, f"SELECT count(*) FROM bars_1m WHERE sec={first_minute_s}")
                if bars == 2 and bars_after_s is None:
                    bars_after_s = time.monotonic() - mended_s
                ((newest_ms,),) = query(
                    db, "SELECT min(last) FROM (SELECT max(ts_ms) AS last FROM trades GROUP BY symbol_id)"
                )
                lags.append(time.time() * 1000 - newest_ms)
                time.sleep(0.25)
            took_s = time.monotonic() - mended_s
            assert feed.stop() == 0
        market.stop()
    print(f"\n{missing:,} trades missed in {OUTAGE_S:.0f} s, closed {took_s:.1f} s after the return;")
    print(f"bars of its first minute after {bars_after_s} s; ", end="")
    print(f"newest stored trade meanwhile: median {median(lags):.0f} ms old, worst {max(lags):.0f} ms")
    stored = stored_trades(db)
    assert within_record(ledger_trades(ledger), stored) == stored
    assert_every_id_is_accounted_for(db)
    assert took_s <= 5 + missing / 2000
    assert bars_after_s is not None, "the oldest trades come last, their bars at once"


def test_kills_and_restarts_at_random_moments_lose_and_double_nothing(tmp_path):
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    random.seed(7)
    kinds = ["kill"] * KILLS + ["stop"] * RESTARTS
    random.shuffle(kinds)
    first_trade_s = []
    with exchange(*SYMBOLS, "--rate", "100", "--ledger", str(ledger)) as (market, at):
        for kind in kinds:
            before = query(db, "SELECT count(*) FROM trades")[0][0] if db.exists() else 0
            began_s = time.monotonic()
            with ingest(db, *SYMBOLS, "--history", "0", *at) as feed:
                wait_until(lambda: db.exists() and _count(db) > before, 30)  # noqa: B023
                first_trade_s.append(time.monotonic() - began_s)
                if first_trade_s[-1] > SLOW_S:
                    print(f"\n{first_trade_s[-1]:.1f} s to the first trade:\n{feed.output}")
                time.sleep(random.uniform(0, 1.5))
                committed = _count(db)
                if kind == "kill":
                    feed.kill()
                else:
                    assert feed.stop() == 0
            assert _count(db) >= committed
        with ingest(db, *SYMBOLS, "--history", "0", *at) as feed:
            feed.wait_for("feed is live")
            wait_until(lambda: not query(db, "SELECT 1 FROM gaps WHERE state='open'"), 300)
            assert feed.stop() == 0
        market.stop()
    stored = stored_trades(db)
    print(f"\n{KILLS} kills, {RESTARTS} restarts, {len(stored):,} trades; start to first stored live trade: ", end="")
    took_s = sorted(first_trade_s)
    print(f"median {median(took_s):.1f} s, 99 % {took_s[int(0.99 * len(took_s))]:.1f} s, worst {took_s[-1]:.1f} s")
    assert within_record(ledger_trades(ledger), stored) == stored
    assert_every_id_is_accounted_for(db)


def _count(db) -> int:
    try:
        return query(db, "SELECT count(*) FROM trades")[0][0]
    except Exception:
        return 0

"""The command `python -m statarb.exchange`, as a user runs it."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import requests
import websocket
from processes import Process, exchange, running
from support import PROJECT, shared_file

from statarb.market import from_e8, to_e8


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """The command, when it ends by itself."""
    command = [sys.executable, "-m", "statarb.exchange", *args]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


def connected(options: list[str], path: str) -> websocket.WebSocket:
    return websocket.create_connection(options[1] + path, timeout=60, http_no_proxy=["127.0.0.1"])


def ledger_rows(path) -> list[tuple]:
    with path.open(newline="") as file:
        reader = csv.reader(file)
        assert next(reader) == ["symbol", "id", "price", "qty", "time", "is_buyer_maker"]
        return [tuple(row) for row in reader]


def told_row(data: dict) -> tuple:
    return (data["s"], str(data["t"]), data["p"], data["q"], str(data["T"]), str(data["m"]).lower())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_ledger_has_every_trade_received_and_every_one_in_between(tmp_path, how):
    path = tmp_path / "ledger.csv"
    args = ("--symbols", "BTCUSDT,ETHUSDT", "--seed", "8", "--rate", "300", "--ledger", str(path))
    with exchange(*args) as (process, options):
        assert process.lines == [f"ready {options[3]}"]
        # Each symbol is waited for on its own: the market has quiet spells, when one trades and the other does not.
        streams = [connected(options, f"/ws/{symbol}@trade") for symbol in ("ethusdt", "btcusdt")]
        received = [told_row(json.loads(ws.recv())) for ws in streams for _ in range(400)]
        assert process.stop(how) == 0
        for ws in streams:
            ws.shutdown()
        assert process.lines == [f"ready {options[3]}"]
    rows = ledger_rows(path)
    assert set(received) <= set(rows)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        ids = [int(row[1]) for row in rows if row[0] == symbol]
        assert len(ids) > 100
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(from_e8(to_e8(row[2])) == row[2] and from_e8(to_e8(row[3])) == row[3] for row in rows)


def test_a_restart_with_the_same_seed_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "ledger.csv"
    args = ("--symbols", "SOLUSDT", "--seed", "21", "--rate", "200")
    with exchange(*args, "--ledger", str(path)) as (process, options):
        ws = connected(options, "/ws/solusdt@trade")
        for _ in range(100):
            ws.recv()
        process.stop()
        ws.shutdown()
    rows = ledger_rows(path)
    with exchange(*args) as (_, options), requests.Session() as session:
        session.trust_env = False
        url = f"{options[3]}/api/v3/historicalTrades?symbol=SOLUSDT&fromId={rows[0][1]}&limit={min(len(rows), 1000)}"
        again = session.get(url, timeout=60).json()
    told = [
        ("SOLUSDT", str(row["id"]), row["price"], row["qty"], str(row["time"]), str(row["isBuyerMaker"]).lower())
        for row in again
    ]
    assert told == rows[:1000]


def test_the_ledger_of_a_replay_is_the_recording(tmp_path):
    recording, path = shared_file("recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz"), tmp_path / "ledger.csv"
    with exchange("--replay", str(recording), "--speed", "max", "--ledger", str(path)) as (process, options):
        ws = connected(options, "/stream?streams=btcusdt@trade/ethusdt@trade")
        received = [told_row(json.loads(ws.recv_data()[1])["data"]) for _ in range(34_419)]
        ws.shutdown()
        assert process.stop() == 0
    rows = ledger_rows(path)
    assert len(rows) == 34_419
    assert sorted(rows) == sorted(received)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--port", "70000"], "'70000' is not a port"),
        (["--port", "http"], "'http' is not a port"),
        (["--rate", "0"], "'0' is not a number above 0"),
        (["--rate", "nan"], "'nan' is not a number above 0"),
        (["--rate", "1e9"], "'1e9' is not a rate"),
        (["--seed", "-1"], "'-1' is not a whole number"),
        (["--symbols", ","], "names no spot or usdm symbols"),
        (["--symbols", "mars:BTCUSDT"], "names no spot or usdm symbols"),
        (["--symbols", "BTC USDT"], "is not an instrument"),
        (["--speed", "20"], "--speed needs --replay"),
        (["--rebase"], "--rebase needs --replay"),
        (["--replay", "x", "--seed", "1"], "--seed belongs to the synthetic market"),
        (["--replay", "x", "--speed", "fast"], "'fast' is not a number above 0"),
        (["--replay", "no-such-file"], "The recording no-such-file cannot be read: No such file or directory."),
        (["--replay", "README.md"], "Line 1 of README.md cannot be replayed"),
        (["--ledger", "no/such/folder/ledger.csv"], "ledger.csv cannot be written"),
    ],
)
def test_bad_options_get_one_sentence_and_exit_code_2(args, words):
    result = run(*args)
    assert result.returncode == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_taken_port_gets_one_sentence_and_exit_code_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--port", str(taken.getsockname()[1]))
    assert result.returncode == 2
    assert "Choose another with --port, or --port 0 for a free one." in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_ledger_on_a_full_disk_ends_it_with_one_sentence():
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with running("-m", "statarb.exchange", "--rate", "2000", "--ledger", "/dev/full") as process:
        assert process.child.wait(90) == 2
        process.stop()
        assert "The ledger /dev/full cannot be written: No space left on device." in process.lines[-1]
        assert not any("Traceback" in text for text in process.lines)


def test_it_listens_on_the_loopback_only():
    with exchange("--symbols", "BTCUSDT") as (process, options):
        assert isinstance(process, Process)
        port = int(options[3].rsplit(":", 1)[1])
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):  # noqa: PT011
            pass

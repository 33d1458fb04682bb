"""Requests of the page reach ingest through the desk file, and nothing else does."""

import sqlite3
import stat
import sys

import pytest

from statarb.errors import ForeignDatabaseError
from statarb.market import Instrument
from statarb.store.desk_file import DeskFile, Wanted

BTC, ETH, SOL = (Instrument("spot", name) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))


def test_requests_come_back_in_order_and_only_once(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    assert desk.requests() == []
    desk.ask("add", SOL)
    desk.ask("remove", BTC)
    first, second = desk.requests()
    assert (first.action, first.instrument, second.action, second.instrument) == ("add", SOL, "remove", BTC)
    assert desk.requests(first.request_id) == [second]
    assert desk.requests(second.request_id) == []


def test_what_is_wanted_is_the_start_and_what_was_asked_for_since(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    for action, instrument in (("add", SOL), ("add", BTC), ("remove", ETH), ("remove", SOL), ("add", SOL)):
        desk.ask(action, instrument)
    assert desk.wanted((BTC, ETH)) == Wanted((str(BTC), str(SOL)), 5)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_file_is_for_the_owner_alone(tmp_path):
    DeskFile(tmp_path / "desk.db").ask("add", SOL)
    assert stat.S_IMODE((tmp_path / "desk.db").stat().st_mode) == 0o600


def test_another_programs_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "desk.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs(x)")
    connection.close()
    before = path.read_bytes()
    for call in (lambda: DeskFile(path).ask("add", SOL), lambda: DeskFile(path).requests()):
        with pytest.raises(ForeignDatabaseError, match="not a desk file"):
            call()
    assert path.read_bytes() == before

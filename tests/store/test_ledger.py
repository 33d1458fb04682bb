"""The ledger knows exactly which ids are stored."""

from hypothesis import given
from hypothesis import strategies as st

from statarb.store.ledger import Hole, Ledger, place, runs


def _run(lo: int, hi: int):
    return runs(list(range(lo, hi + 1)), [1000 + 10 * i for i in range(lo, hi + 1)])


def test_consecutive_ids_open_no_hole():
    placed = place(None, _run(5, 9), "start", 1)
    placed = place(placed.ledger, _run(10, 12), "stream", 2)
    assert placed.new == [(10, 12)]
    assert placed.ledger == Ledger(5, 12, 1050, 1120)


def test_a_jump_opens_a_hole_with_its_reason_and_the_time_it_spans():
    placed = place(place(None, _run(5, 9), "start", 1).ledger, _run(15, 15), "reconnect", 7)
    assert placed.opened == [Hole(10, 14, 1090, 1150, "reconnect", 7)]
    assert placed.ledger.missing == 5


def test_a_late_trade_splits_its_hole_and_says_which_part_is_filled():
    ledger = place(place(None, _run(1, 1), "start", 1).ledger, _run(10, 10), "stream", 2).ledger
    placed = place(ledger, _run(5, 6), "stream", 3)
    assert [(h.lo, h.hi) for h in placed.ledger.holes] == [(2, 4), (7, 9)]
    assert [(h.lo, h.hi) for h in placed.gone] == [(2, 9)]
    assert [(h.lo, h.hi) for h in placed.filled] == [(5, 6)]


def test_ids_before_the_first_extend_the_record_backwards():
    placed = place(place(None, _run(100, 110), "start", 1).ledger, _run(90, 95), "stream", 2)
    assert placed.ledger.first == 90
    assert [(h.lo, h.hi) for h in placed.opened] == [(96, 99)]


@given(st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=12), min_size=1, max_size=25))
def test_whatever_arrives_the_ledger_is_the_set_of_ids(batches):
    """Second route: a plain set of ids, and the gap rows that the placements' deletes and inserts leave behind."""
    ledger, stored, rows = None, set(), {}
    for batch in batches:
        ids = sorted(set(batch))
        placed = place(ledger, runs(ids, [1000 + i for i in ids]), "stream", 1)
        new = {i for lo, hi in placed.new for i in range(lo, hi + 1)}
        assert new == set(ids) - stored
        stored |= new
        ledger = placed.ledger
        for hole in placed.gone:
            del rows[hole.lo]
        for hole in placed.opened:
            assert hole.lo not in rows
            rows[hole.lo] = hole.hi
        missing = set(range(min(stored), max(stored) + 1)) - stored
        assert {i for hole in ledger.holes for i in range(hole.lo, hole.hi + 1)} == missing
        assert rows == {hole.lo: hole.hi for hole in ledger.holes}
        assert ledger.missing == len(missing)
        assert all(hole.from_ms <= hole.until_ms for hole in ledger.holes)
        assert (ledger.first, ledger.last) == (min(stored), max(stored))

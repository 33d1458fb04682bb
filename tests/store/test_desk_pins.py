"""Pins are kept in the desk file: open ones first, each with its own number for ever."""

import sqlite3
from dataclasses import replace

from statarb.params import PairParams
from statarb.pins import Fill, Pin, PinExit
from statarb.store import DeskFile

PIN = Pin(
    params=PairParams(),
    entered_at_ms=1_000_000,
    alpha=0.0,
    beta=0.8,
    mean=0.0,
    sd=0.001,
    moments_at_ms=960_000,
    moments_bars=240,
    y_units=-3.0,
    x_units=0.12,
    y=Fill(3000.0, 1.0),
    x=Fill(60_000.0, 1.0),
)
ENDED = PinExit(3_000_000, Fill(1.0), Fill(1.0), 0.0)


def test_a_desk_without_a_file_has_no_pins(tmp_path):
    assert DeskFile(tmp_path / "desk.db").pins() == []


def test_a_pin_comes_back_as_it_was_saved_and_a_change_replaces_it(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    pin = desk.save_pin(PIN)
    assert desk.pins() == [pin]
    changed = desk.save_pin(replace(pin, y=Fill(3001.5), note="filled"))
    assert desk.pins() == [changed]
    assert changed.pin_id == pin.pin_id


def test_open_pins_come_first_then_the_newest(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    old, closed, new = (
        desk.save_pin(replace(PIN, entered_at_ms=at_ms, exit=ended))
        for at_ms, ended in ((1_000_000, None), (2_500_000, ENDED), (2_000_000, None))
    )
    assert desk.pins() == [new, old, closed]


def test_a_deleted_pins_number_is_never_given_again(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    first = desk.save_pin(PIN)
    desk.delete_pin(first.pin_id)
    assert desk.pins() == []
    assert desk.save_pin(PIN).pin_id > first.pin_id


def test_a_damaged_row_leaves_the_others_on_the_page(tmp_path):
    desk = DeskFile(tmp_path / "desk.db")
    good, bad = desk.save_pin(PIN), desk.save_pin(PIN)
    connection = sqlite3.connect(tmp_path / "desk.db")
    connection.execute("UPDATE pins SET body='{' WHERE pin_id=?", (bad.pin_id,))
    connection.commit()
    connection.close()
    assert desk.pins() == [good]

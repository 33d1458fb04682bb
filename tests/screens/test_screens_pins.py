"""Pins on the page: what was pinned is what is judged, at live prices and after costs, until it is closed."""

import json
from dataclasses import replace

import pytest
from desk_database import DeskDatabase
from pages import metrics, toasts, words
from streamlit.testing.v1 import AppTest

from statarb.clock import SYSTEM_CLOCK
from statarb.params import PairParams
from statarb.pins import Fill, PinExit
from statarb.quant import FrozenMoments, pin_result, pin_state
from statarb.screens.desk import Desk
from statarb.screens.pin_words import money_text
from statarb.screens.wording import number_text
from statarb.settings import desk_path
from statarb.store import DeskFile


def _pins_page():
    from statarb.screens.pins_page import show_pins_page
    from statarb.screens.resources import shared_desk

    show_pins_page(shared_desk())


def _button(knobs):
    from statarb.params import PairParams
    from statarb.screens.pin_button import show_pin_button
    from statarb.screens.resources import shared_desk

    desk = shared_desk()
    show_pin_button(desk, desk.refresh(PairParams(**knobs)))


@pytest.fixture
def market(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    monkeypatch.setenv("STATARB_DB", str(path))
    database = DeskDatabase(path, minutes=300)
    database.fresh_trades()
    yield database
    database.close()


@pytest.fixture
def file(market):
    return DeskFile(desk_path(market.path))


@pytest.fixture
def pin(market, file):
    """A trade entered now, as the button enters it."""
    at = AppTest.from_function(_button, default_timeout=60, args=({},)).run()
    at.button(key="pin").click().run()
    assert not at.exception
    assert "Pinned" in toasts(at)
    (pin,) = file.pins()
    return pin


def page():
    at = AppTest.from_function(_pins_page, default_timeout=60).run()
    assert not at.exception
    return at


def press(at, label):
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception


def test_the_button_pins_what_the_headline_sizes(market, pin):
    view = Desk(market.path).refresh(PairParams())
    moments = view.study.moments
    assert (pin.alpha, pin.beta, pin.mean, pin.sd) == (moments.alpha, moments.beta, moments.mean, moments.sd)
    assert (pin.y_units, pin.x_units) == (view.live.legs.y_units, view.live.legs.x_units)
    assert (pin.y.price, pin.x.price) == (view.y_last.price, view.x_last.price)
    assert pin.side * view.live.z < 0, "against the sign of z"


def test_nothing_is_pinned_while_prices_are_not_live(market, file):
    market.heartbeat(now_ms=1)
    at = AppTest.from_function(_button, default_timeout=60, args=({},)).run()
    assert at.button(key="pin").disabled
    assert "these are not" in at.button(key="pin").help
    assert file.pins() == []


def test_nothing_is_pinned_before_there_is_a_hedge(market):
    at = AppTest.from_function(_button, default_timeout=60, args=({"window": 1000},)).run()
    assert at.button(key="pin").disabled
    assert "301 of 1000 bars" in at.button(key="pin").help or "300 of 1000 bars" in at.button(key="pin").help


def test_without_a_pin_the_page_says_how_one_comes_about(market):
    assert "press **I am in** on Live View" in words(page())


def test_a_pin_shows_its_result_after_all_costs(market, file, pin):
    now_ms = SYSTEM_CLOCK.now_ms()
    market.fresh_trades(now_ms)
    market.trade(2, now_ms + 1, now_ms, round(pin.y.price * 1.01 * 1e8))
    at, view = page(), Desk(market.path).refresh(pin.params)
    assert isinstance(view.study.moments, FrozenMoments)
    state = pin_state(pin, view.y_last.price, view.x_last.price, view.costs, view.now_ms, view.study.moments.beta)
    shown = metrics(at)
    assert abs(state.gross) == pytest.approx(0.01 * pin.notional, rel=1e-6)
    assert shown["Net P&L"] == money_text(state.net, "$")
    assert shown["Gross"] == money_text(state.gross, "$")
    assert shown["z, own moments"] == f"{state.z:+.2f}".replace("-", "−")
    assert "**1 open**" in words(at)
    assert "Entry at last trades" in words(at)
    assert f"Last: ETHUSDT {view.y_last.price:,.2f}, BTCUSDT {view.x_last.price:,.2f}." in words(at)


def test_old_prices_are_called_old(market, pin):
    market.heartbeat(now_ms=1)
    at = page()
    assert "Net P&L, not live" in metrics(at)
    assert "BY OLD PRICES" in words(at)


def test_fills_take_the_place_of_the_assumed_prices(market, file, pin):
    at = page()
    field = {one.label: one for one in at.number_input}
    field["ETHUSDT, price"].set_value(3000.125)
    field["ETHUSDT, units"].set_value(-pin.y_units)
    press(at, "Save the fills")
    (changed,) = file.pins()
    assert changed.y == Fill(3000.125)
    assert changed.x == pin.x  # nobody said what it was filled at
    assert "Entry at last trades" in words(page())
    at = page()
    {one.label: one for one in at.number_input}["BTCUSDT, price"].set_value(pin.x.price)
    press(at, "Save the fills")
    (changed,) = file.pins()
    assert changed.y == Fill(3000.125)
    assert changed.x == Fill(pin.x.price)
    assert changed.side == -pin.side
    assert changed.sd == pin.sd
    assert "Entry at last trades" not in words(page())


def test_a_leg_of_no_units_is_refused_in_words_and_changes_nothing(file, pin):
    at = page()
    {one.label: one for one in at.number_input}["BTCUSDT, units"].set_value(0.0)
    press(at, "Save the fills")
    assert "A leg of no units is no leg" in toasts(at)
    assert file.pins() == [pin]


def test_a_price_of_nothing_is_refused_in_words_and_changes_nothing(file, pin):
    at = page()
    {one.label: one for one in at.number_input}["ETHUSDT, price"].set_value(0.0)
    press(at, "Save the fills")
    assert "0 is not a price" in toasts(at)
    assert file.pins() == [pin]


def test_a_note_is_kept_and_shown_as_it_was_typed(file, pin):
    at = page()
    at.text_area[0].set_value("<script>alert(1)</script> **why**")
    press(at, "Save the note")
    (noted,) = file.pins()
    assert noted.note == "<script>alert(1)</script> **why**"
    assert r"\<script\>" in "".join(str(one.value) for one in at.markdown)


def test_a_closed_trade_keeps_its_result(market, file, pin):
    at = page()
    out = {one.label: one for one in at.number_input if "price out" in one.label}
    out["ETHUSDT, price out"].set_value(2900.5)
    press(at, "Close the trade")
    (closed,) = file.pins()
    assert closed.exit.y == Fill(2900.5)
    assert closed.exit.x.slippage_bps > 0, "the last trade is no fill"
    before = pin_result(closed)
    market.add_minute(shift=0.05)
    market.fresh_trades()
    at = page()
    assert "**1 closed**" in words(at)
    assert at.dataframe[0].value["Net"].iloc[0] == pytest.approx(before.net)
    assert pin_result(file.pins()[0]) == before


def test_a_pin_is_deleted_after_a_second_click(file, pin):
    at = page()
    press(at, "Delete the pin")
    assert file.pins() == []
    assert "Nothing is pinned" in words(page())


def test_a_pin_of_an_instrument_that_is_not_stored_says_so_and_can_still_be_deleted(file, pin):
    file.save_pin(replace(pin, params=replace(pin.params, y="spot:GONEUSDT"), pin_id=None))
    at = page()
    assert "GONEUSDT is not stored here" in words(at)
    assert len([button for button in at.button if button.label == "Delete the pin"]) == 2


def test_two_pins_add_up(file, pin):
    file.save_pin(replace(pin, pin_id=None, entered_at_ms=pin.entered_at_ms + 5))
    at = page()
    nets = [
        json.loads(metric.value.replace("−", "-").replace("$", "").replace("+", ""))
        for metric in at.metric
        if metric.label == "Net P&L"
    ]
    assert f"**2 open**, net {money_text(sum(nets), '$')}" in words(at)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"stop_z": 0.6, "entry_z": 0.5, "exit_z": 0.1}, "beyond the stop of 0.6"),
        ({"exit_z": 5.0}, "at its target"),
        ({}, ""),
    ],
)
def test_a_pin_that_would_leave_at_once_says_so_when_it_is_made(market, knobs, said):
    for _ in range(3):
        market.add_minute(shift=0.0008)
    market.fresh_trades()
    z = Desk(market.path).refresh(PairParams(**knobs)).live.z
    at = AppTest.from_function(_button, default_timeout=60, args=(knobs,)).run()
    at.button(key="pin").click().run()
    told = toasts(at)
    assert 0.6 < abs(z) < 3.5
    assert (f"z is {number_text(z, 2, signed=True)} already, " in told) == bool(said)
    assert said in told


def test_closed_pins_whose_carry_nobody_knows_are_listed(market, file, pin):
    file.save_pin(replace(pin, exit=PinExit(pin.entered_at_ms + 60_000, Fill(3000.0), Fill(60_000.0), None)))
    at = page()
    assert "**1 closed**" in words(at)
    assert at.dataframe[0].value["Carry"].isna().all()

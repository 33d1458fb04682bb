"""A rule judged by ingest's own alerts in front of an open browser: one alert an episode, told in every place once."""

import pytest
from alert_rig import Rig
from browsing import dashboard, open_chart
from desk_database import aligned_now_ms

from statarb.alerts import Condition

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OFF = 0.03
"""A shift of ETHUSDT, in log units, far beyond what the window has seen."""


@pytest.fixture
def rig(tmp_path, monkeypatch):
    """Twenty minutes behind the clock, so that its minutes may pass at once and its alerts are still of today."""
    monkeypatch.setattr("statarb.store.desk_file.SYSTEM_CLOCK", type("Past", (), {"now_ms": lambda self: 0})())
    rig = Rig(tmp_path / "t.db", aligned_now_ms() - 20 * 60_000)
    yield rig
    rig.close()


def test_two_episodes_of_a_rule_without_cooldown_are_two_alerts(page, rig):
    rule = rig.rule(Condition("abs_z", "above", 6.0))
    rig.step()
    cards = page.locator(".statarb-card")
    with dashboard(rig.path) as address:
        open_chart(page, address)
        page.wait_for_selector(".statarb-bell[aria-label='No alert waits']")
        rig.minute(OFF)
        page.wait_for_selector(".statarb-bell[aria-label^='1 alert waits']")
        cards.filter(has_text="Mine · ETHUSDT on BTCUSDT · z +").wait_for()
        rig.minute(OFF)  # it lasts
        rig.minute(0.0)  # and is over
        cards.filter(has_text=", over").wait_for()
        assert cards.count() == 1
        assert page.title().startswith("(1) ")
        rig.minute(OFF)
        page.wait_for_selector(".statarb-bell[aria-label^='2 alerts wait']")
        page.wait_for_function("document.title.startsWith('(2) ')")
        assert cards.count() == 2
        assert cards.filter(has_text=", over").count() == 1
        page.get_by_role("link", name="Alerts").first.click()
        page.wait_for_selector(".stDataFrame")
        page.get_by_role("button", name="Acknowledge all").click()
        page.wait_for_selector(".statarb-bell[aria-label='No alert waits']")
        page.goto("about:blank")  # before its server is gone
    told = [event for event in rig.events() if event.origin == f"rule:{rule.rule_id}"]
    assert [(event.state, event.ended_at_ms is None) for event in told] == [("fired", False), ("fired", True)]
    assert len(rig.desk.marks()) == 2

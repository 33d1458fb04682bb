"""Request weights: counted by the minute, refused with 429, banned with 418."""

from __future__ import annotations

from boxrig import TurnedClock

from statarb.exchange.weight import WeightMeter


def test_weight_is_refused_above_the_limit_until_the_minute_is_over():
    clock = TurnedClock()
    clock.turn(130_000)
    meter = WeightMeter(100, clock)
    assert [meter.charge(25) for _ in range(4)] == [None] * 4
    refusal = meter.charge(1)
    assert refusal.status == 429
    assert refusal.retry_after_s == 50
    assert "current limit is 100 request weight per 1 MINUTE" in refusal.text
    clock.turn(50_000)
    assert meter.charge(25) is None
    assert meter.used == 25


def test_a_client_that_does_not_stop_is_banned_for_two_minutes():
    clock = TurnedClock()
    meter = WeightMeter(10, clock)
    statuses = [refusal.status if (refusal := meter.charge(5)) else 200 for _ in range(14)]
    assert statuses == [200] * 2 + [429] * 10 + [418] * 2
    clock.turn(60_000)
    banned = meter.charge(1)
    assert banned.status == 418
    assert 60 <= banned.retry_after_s <= 61
    assert str(clock.now_ms() + banned.retry_after_s * 1000) in banned.text
    clock.turn(61_000)
    assert meter.charge(1) is None

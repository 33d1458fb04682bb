"""The page for a long time: its memory stays flat over thousands of refreshes, and after a crowd has left."""

import os

import pytest

from bench import memory

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(7200)]

REFRESHES = int(os.environ.get("SOAK_REFRESHES", memory.REFRESHES))
VIEWERS = int(os.environ.get("SOAK_VIEWERS", memory.VIEWERS))
FLAT = 1.05


def test_memory_is_flat_over_refreshes_and_after_fifty_viewers_have_left():
    found = memory.run(REFRESHES, VIEWERS)
    print(*(f"\n{one.name} {one.value:.3f}: {one.baseline}; {one.how}" for one in found))
    assert all(one.value < FLAT for one in found)

"""Fixtures of the whole suite."""

from __future__ import annotations

import os

import hypothesis
import pytest
from support import find_chromium
from xdist.scheduler import LoadScopeScheduling

# No deadline: a busy machine is no failing property. In CI the same examples each time, so a failure is a change.
hypothesis.settings.register_profile("desk", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("desk")


class OneBrowser(LoadScopeScheduling):
    """With two workers (`make test`) one drives the browser, and the other takes file after file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "browser" if "test_browser" in path else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneBrowser:
    return OneBrowser(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests come first: together they take the longest."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that the tests drive; without one they skip, except in CI, where a skip fails."""
    path = find_chromium()
    if path is None:
        reason = "no Chromium found; install it (apt-get install chromium) or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path

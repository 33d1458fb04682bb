"""Fixtures of the whole suite."""

from __future__ import annotations

import os

import hypothesis
import pytest
from support import find_chromium

# No deadline: a busy machine is no failing property. In CI the same examples each time, so a failure is a change.
hypothesis.settings.register_profile("desk", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("desk")


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With two workers (`make test`) one drives the browser, first of all, and the other takes file after file."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    for item in items:
        group = "browser" if item.get_closest_marker("browser") else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


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

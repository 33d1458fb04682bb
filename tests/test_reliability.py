"""Every fault that docs/reliability.md lists is made by a test that exists."""

import re

import pytest
from support import PROJECT

TEXT = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
LISTED = re.findall(r"`(tests/\S+\.py)::(\w+)`", TEXT)


def test_the_table_is_there():
    assert len(LISTED) > 30
    assert len(set(LISTED)) == len(LISTED)


@pytest.mark.parametrize(("path", "name"), LISTED)
def test_the_test_of_a_fault_exists(path, name):
    assert f"def {name}(" in (PROJECT / path).read_text(encoding="utf-8")

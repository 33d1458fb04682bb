"""The doors are short and list what they import, and the first line of every module is its sentence on the map."""

from __future__ import annotations

import ast

import pytest
from support import BENCH, DOORS, PRODUCT, PROJECT, path_id

PACKAGES = sorted((PROJECT / "statarb").glob("*/__init__.py"))


@pytest.mark.parametrize("path", [*PRODUCT, *BENCH], ids=path_id)
def test_a_file_opens_with_one_sentence(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""'), "the first line of a module is its docstring"
    assert first.removesuffix('"""').rstrip().endswith((".", "?")), f"not a whole sentence: {first}"
    assert len(first) <= 120


@pytest.mark.parametrize("door", DOORS)
def test_a_door_stays_short(door):
    assert len((PROJECT / f"{door}.py").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", [PROJECT / "analytics.py", *PACKAGES], ids=path_id)
def test_a_front_door_lists_exactly_what_it_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("statarb.")
        for alias in node.names
    ]
    listed = next(
        (ast.literal_eval(node.value) for node in tree.body if ast.unparse(node).startswith("__all__ = ")), []
    )
    assert sorted(listed) == sorted(names)
    assert len(set(listed)) == len(listed)

"""Who may import whom, one library one home, and one clock: the rules of docs/architecture.md, held by the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import DOORS, PRODUCT, PROJECT, path_id

VOCABULARY = {"market", "params", "settings", "clock", "errors", "alerts", "pins"}
SIBLINGS: dict[str, set[str]] = {
    "feed": set(),
    "store": set(),
    "quant": set(),
    "charts": {"quant"},
    "jobs": {"store", "quant"},
    "screens": {"store", "quant", "charts"},
    "exchange": {"feed.protocol"},
}
HOMES = {
    "websocket": {"feed"},
    "requests": {"feed"},
    "sqlite3": {"store"},
    "pyarrow": {"store"},
    "statsmodels": {"quant"},
    "arch": {"quant"},
    "scipy": {"quant"},
    "plotly": {"charts"},
    "streamlit": {"screens", "app"},
    "websockets": {"exchange"},
    "h11": {"exchange"},
    "apprise": {"jobs"},
    "time": {"clock", "start"},
}
NOW = {"now", "utcnow", "today"}


def place(path: Path) -> str:
    """The room a file is in: a package of statarb, a word of the vocabulary, or a door."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return parts[1] if parts[0] == "statarb" else parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all imports, those inside functions and TYPE_CHECKING blocks too; relative ones as `.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "."
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "statarb" else [module]


def may_import(room: str, name: str) -> bool:
    """Whether a file in `room` may import `name`."""
    top, _, inner = name.partition(".")
    if name == ".":
        return False  # an absolute name says which room it comes from
    if top in {*DOORS, "start"}:
        return room == "app"
    if top != "statarb":
        known = top in sys.stdlib_module_names or room not in VOCABULARY | {"start"}
        return known and room in HOMES.get(top, {room})
    other = inner.partition(".")[0]
    if other in {*VOCABULARY, "__version__"}:
        return True
    if room in VOCABULARY | {"start"}:
        return False
    if room in DOORS:
        return other != "exchange"
    return other == room or bool({other, inner} & SIBLINGS[room])


def asks_the_time(tree: ast.AST) -> list[int]:
    """Lines that ask a datetime, date or Timestamp what time it is now."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in NOW
        and ast.unparse(call.func.value).split(".")[-1] in {"datetime", "date", "Timestamp"}
    ]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PRODUCT, ids=path_id)
def test_a_file_imports_only_what_its_room_may(path):
    wrong = [name for name in imported(parsed(path)) if not may_import(place(path), name)]
    assert not wrong, f"{place(path)} may not import {wrong}"


@pytest.mark.parametrize(
    ("room", "name", "allowed"),
    [
        ("store", "statarb.quant", False),
        ("store", "statarb.market", True),
        ("store", "sqlite3", True),
        ("feed", "sqlite3", False),
        ("quant", "statarb.charts", False),
        ("charts", "statarb.quant.study", True),
        ("charts", "plotly.graph_objects", True),
        ("screens", "plotly.graph_objects", False),
        ("screens", "statarb.feed", False),
        ("screens", "statarb.exchange", False),
        ("app", "statarb.exchange.market", False),
        ("app", "streamlit", True),
        ("ingest", "streamlit", False),
        ("exchange", "statarb.feed.protocol", True),
        ("exchange", "statarb.feed.rest", False),
        ("exchange", "statarb.store", False),
        ("market", "statarb.store", False),
        ("market", "numpy", False),
        ("start", "statarb.settings", True),
        ("start", "statarb.store", False),
        ("start", "requests", False),
        ("quant", "time", False),
        ("quant", ".", False),
        ("ingest", "statarb.feed", True),
        ("store", "ingest", False),
        ("app", "analytics", True),
    ],
)
def test_the_rules_are_the_designs(room, name, allowed):
    assert may_import(room, name) is allowed


def test_imports_are_found_wherever_they_hide():
    source = """
import numpy as np
from statarb import quant
if TYPE_CHECKING:
    from statarb.charts import figure
def later():
    import statsmodels.api
"""
    assert list(imported(ast.parse(source))) == ["numpy", "statarb.quant", "statarb.charts", "statsmodels.api"]


@pytest.mark.parametrize("path", [path for path in PRODUCT if place(path) != "clock"], ids=path_id)
def test_only_the_clock_asks_what_time_it_is(path):
    assert asks_the_time(parsed(path)) == []


def test_asking_the_time_is_noticed():
    source = "datetime.now(UTC); datetime.datetime.utcnow(); pd.Timestamp.now(); clock.now(); date.today()"
    assert len(asks_the_time(ast.parse(source))) == 4

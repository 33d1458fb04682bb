"""Streamlit's configuration: local, silent, and readable in both themes."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from streamlit import config as streamlit_config
from support import PROJECT

CONFIG = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance of `#rrggbb`."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("text", ["textColor", "primaryColor", "linkColor"])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_has_a_contrast_of_at_least_4_5(theme, text, ground):
    colours = CONFIG["theme"][theme]
    dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_page_stays_on_this_machine_and_reports_nothing():
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["enableXsrfProtection"] is True
    assert "http" not in (PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8")


def test_streamlit_knows_every_key():
    known = set(streamlit_config.get_config_options())
    keys = {f"{section}.{key}" for section, values in CONFIG.items() for key in values if section != "theme"}
    assert keys <= known
    assert {f"theme.{mode}.{key}" for mode in ("light", "dark") for key in CONFIG["theme"][mode]} <= known


def test_the_page_is_loaded_without_a_word_on_the_terminal():
    loaded = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout + loaded.stderr == ""

"""The README tells the truth about commands, options, settings and files; every dependency is pinned and explained."""

from __future__ import annotations

import functools
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support import BENCH, PRODUCT, PROJECT

from statarb.params import KNOB
from statarb.settings import SETTINGS

README = (PROJECT / "README.md").read_text(encoding="utf-8")
DOCS = {path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in PROJECT.glob("docs/*.md")}
PAGES = {"README.md": README, **DOCS}
CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"(?:^|\s)(?:\S*/|\S*\\)?(?:python3?|py) (-m )?(\S+)(.*)")


def code(text: str) -> list[str]:
    """Every line of code on a page, fenced or inline, without comments."""
    pieces = (block or inline for block, inline in CODE.findall(text))
    return [line.split("  #")[0].strip() for piece in pieces for line in piece.splitlines() if line.strip()]


COMMANDS = sorted({line for text in PAGES.values() for line in code(text)})
PYTHON_COMMANDS = [line for line in COMMANDS if PYTHON.search(line)]


@functools.cache
def help_of(*command: str) -> str:
    shown = subprocess.run(
        [sys.executable, *command, "--help"], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_the_readme_is_read():
    assert "make demo" in COMMANDS
    assert len(PYTHON_COMMANDS) >= 8


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_a_make_verb_exists(line):
    targets = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert line.split()[1] in targets


@pytest.mark.parametrize("line", PYTHON_COMMANDS)
def test_a_python_command_exists_and_takes_its_options(line):
    match = PYTHON.search(line)
    assert match
    module, target, rest = match.groups()
    if module and target == "streamlit":
        assert (PROJECT / rest.split()[1]).is_file()
        return
    shown = help_of("-m", target) if module else help_of(target)
    unknown = [flag for flag in re.findall(r"--[a-z][a-z-]+", rest) if flag not in shown]
    assert not unknown, f"{target} does not take {unknown}"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readmes_table(setting):
    rows = [line for line in README.splitlines() if line.startswith(f"| `{setting.flag}` | `{setting.env}` |")]
    assert len(rows) == 1
    default = rows[0].split("|")[3].replace("`", "").replace(" ", "")
    assert default
    assert setting.default is None or setting.default.endswith(default)
    assert not setting.choices or all(f"`{choice}`" in rows[0] for choice in setting.choices)


def test_no_page_names_a_setting_or_an_option_that_is_not_there():
    variables = {setting.env for setting in SETTINGS}
    for page, text in PAGES.items():
        assert set(re.findall(r"STATARB_[A-Z_]+", text)) <= variables, page
    sources = "".join(path.read_text(encoding="utf-8") for path in [*PRODUCT, *BENCH])
    known = {"--help", *(setting.flag for setting in SETTINGS), *("--" + name.replace("_", "-") for name in KNOB)}
    known |= set(re.findall(r'"(--[a-z][a-z-]+)"', sources))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", " ".join(COMMANDS))) <= known


def test_no_source_file_reads_a_setting_that_is_not_in_the_table():
    used = {name for path in PRODUCT for name in re.findall(r"STATARB_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert used <= {setting.env for setting in SETTINGS}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGES[page])
    missing = [link for link in links if not ((PROJECT / page).parent / link).exists()]
    assert not missing


def requirements() -> list[str]:
    files = (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt")
    lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("line", [line for line in requirements() if line != "-r requirements.txt"])
def test_a_requirement_is_pinned_and_has_its_reason_and_licence(line):
    match = re.fullmatch(r"([A-Za-z0-9._-]+)==[0-9][A-Za-z0-9.]*", line)
    assert match, f"not pinned: {line}"
    assert re.search(rf"^\| {match[1]} \| .{{10,}} \| \S.+ \|$", DOCS["docs/decisions.md"], re.MULTILINE)


def test_the_changelog_has_a_sentence_for_the_next_release():
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## Unreleased\n\n- .+", changelog, re.MULTILINE)


def test_the_readmes_python_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    times = pd.date_range("2026-01-01", periods=600, freq="1min", tz="UTC", name="time")
    shares = np.random.default_rng(0).normal(0, 1e-3, (2, 600))
    btc = 60_000 * np.exp(shares[0].cumsum())
    pd.DataFrame({"eth": btc / 20 * np.exp(shares[1]), "btc": btc}, index=times).to_csv(tmp_path / "closes.csv")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "beta=1.0" in said
    assert "y on x" in said
    assert "2026-01-01 09:59:00" in said

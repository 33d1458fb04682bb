"""The Data page in a browser: downloads that open in pandas with the values on screen, and uploads good and bad."""

import io
import json
import re
import sqlite3
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from statarb.market import from_e8
from statarb.params import PairParams
from statarb.screens.desk import Desk
from statarb.settings import uploads_path
from statarb.store.uploads import delete_upload, read_uploads

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST = ["open_utc", "close_utc", "y_close", "x_close", "spread", "zscore"]
KLINES = Path(__file__).resolve().parents[3] / "shared" / "klines"


def downloaded(page, name) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_the_downloads_are_what_the_page_shows(page, url, db):
    page.goto(f"{url}/export")
    page.get_by_text("rows from").wait_for()
    page.wait_for_timeout(2_500)  # a page that has just opened runs a few times more, and gives its buttons new files
    name, text = downloaded(page, "Download CSV")
    assert re.fullmatch(r"simulated-ETHUSDT-BTCUSDT-1m-\d{8}T\d{6}Z\.csv", name)
    table = pd.read_csv(io.BytesIO(text), parse_dates=["open_utc"])
    assert list(table.columns)[:6] == FIRST
    study = Desk(db).refresh(PairParams()).study
    shared = study.prices.index.intersection(table["open_utc"])
    assert len(shared) >= len(table) - 1 > 1000
    shared = shared[PairParams().window + 2 :]  # a bar that closes meanwhile moves where the first z can be
    ours, theirs = (frame.loc[shared].to_numpy() for frame in (study.z, table.set_index("open_utc")["zscore"]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)  # a study carried on is made by other sums
    _, data = downloaded(page, "Download Parquet")
    typed = pd.read_parquet(io.BytesIO(data)).set_index("open_utc")["zscore"]
    both = typed.index.intersection(shared)
    np.testing.assert_allclose(typed.loc[both], study.z.loc[both], rtol=1e-9, atol=1e-9)
    _, data = downloaded(page, "Download zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        facts = json.loads(archive.read(archive.namelist()[1]))
    assert facts["source"] == "simulated"
    assert facts["parameters"]["y"] == "spot:ETHUSDT"


def test_trades_come_out_exact_and_the_address_keeps_tab_and_content(page, url, db):
    page.goto(f"{url}/export?export=Trades")
    page.wait_for_selector("text=trades. Source")
    page.get_by_role("radio", name="1 h", exact=True).click()
    page.wait_for_timeout(2_500)
    name, text = downloaded(page, "Download CSV")
    assert name.endswith("Z.csv")
    table = pd.read_csv(io.BytesIO(text), dtype=str)
    stored = dict(
        sqlite3.connect(db).execute(
            "SELECT trade_id, price FROM trades JOIN symbols USING(symbol_id) WHERE name='ETHUSDT'"
        )
    )
    rows = table[table["instrument"] == "spot:ETHUSDT"]
    assert len(rows) > 10
    for row in rows.itertuples():
        assert Decimal(row.price) == Decimal(from_e8(stored[int(row.trade_id)]))
    page.get_by_role("tab", name="Feature table").click()
    page.wait_for_selector("text=360 minutes")
    page.reload()
    page.wait_for_selector("text=360 minutes")


@pytest.fixture
def no_uploads(db):
    yield uploads_path(db)
    for upload in read_uploads(uploads_path(db)):
        delete_upload(uploads_path(db), upload.instrument)


def test_files_with_outages_are_uploaded_reported_and_analysed_by_every_page(page, url, no_uploads):
    files = [KLINES / f"{name}-1h-with-outages.csv" for name in ("btc", "eth")]
    if not all(file.exists() for file in files):
        pytest.skip(f"{files[0]} is not here")
    page.goto(f"{url}/export?data_tab=Upload")
    page.wait_for_selector("input[type=file]", state="attached")
    page.set_input_files(
        "input[type=file]", {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"<script>,1\n2,3\n"}
    )
    page.wait_for_selector("text=No column is chosen")
    for file in files:
        page.set_input_files("input[type=file]", str(file))
        page.wait_for_selector("text=4,307 bars of 1h")
        page.wait_for_selector("text=14 bars missing in between")
        box = page.get_by_label("Save as")
        box.fill(file.name[:3])
        box.press("Enter")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_selector(f"text=upload:{file.name[:3].upper()}: 4,307 bars saved")
    page.get_by_role("button", name="Analyse at 1h").click()
    page.wait_for_selector("h1:has-text('upload:ETH on upload:BTC')")
    page.wait_for_function("location.search.includes('data=uploads')")
    assert (
        page.get_by_role("spinbutton", name="Window, bars", exact=True).input_value() == "215"
    )  # a twentieth of some 4,300 hours
    assert "window=" not in page.url
    for name in ("Live View", "Pair analytics", "Data quality", "Data"):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_selector("h1:has-text('upload:ETH on upload:BTC')")
        page.wait_for_selector(".stMarkdownBadge:has-text('UPLOADED')")
        assert page.locator("[data-testid=stException]").count() == 0
    page.reload()
    page.wait_for_selector("h1:has-text('upload:ETH on upload:BTC')")
    page.get_by_role("radio", name="market").click()
    page.wait_for_selector("h1:has-text('ETHUSDT on BTCUSDT')")


def test_a_reload_keeps_what_is_to_be_exported(page, url):
    page.goto(f"{url}/export")
    page.get_by_role("combobox", name=re.compile("Content")).click()
    page.get_by_role("option", name="Bars").click()
    page.get_by_role("radio", name="Custom", exact=True).click()
    page.wait_for_selector("text=To, UTC")
    page.get_by_role("radio", name="7 d", exact=True).click()
    page.get_by_role("button", name="Remove BTCUSDT").first.click()
    page.wait_for_function("location.search.includes('span_bars=7') && location.search.includes('export_instruments')")
    told = page.locator("text=Source: simulated").first
    page.reload()
    told.wait_for()
    assert page.get_by_role("radio", name="7 d", exact=True).get_attribute("aria-checked") == "true"
    removable = [page.get_by_role("button", name=f"Remove {leg}").count() for leg in ("ETHUSDT", "BTCUSDT")]
    assert removable == [1, 0]

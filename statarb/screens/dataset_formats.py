"""How the columns of a download look where they stand on screen: prices to the tick, shares in percent."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from statarb.screens.dataset_columns import ANALYTICS, FEATURES
from statarb.screens.views import DeskView
from statarb.screens.wording import price_digits

SHARES = ("y_volatility", "x_volatility", "coverage")


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    """The shares of a feature table times 100, for the eye."""
    return table.assign(**{name: table[name] * 100 for name in SHARES})


def column_formats(view: DeskView) -> dict[str, Any]:
    """Formats by column, with what each means as its tooltip."""
    digits = 6 if view.params.price_scale == "log" else 4
    decimals = {
        "spread": digits, "mean": digits, "sd": digits, "zscore": 3, "z": 3, "alpha": 5, "beta": 5, "correlation": 3,
        "y_volume": 0, "x_volume": 0,
    }  # fmt: skip
    for leg, name in (("y_close", view.params.y), ("x_close", view.params.x)):
        last = view.study.prices[leg[0]]
        decimals[leg] = price_digits(float(last.iloc[-1]) if len(last) else 0.0, view.instruments[name].tick)
    meaning = {**ANALYTICS, **FEATURES}
    formats = {name: f"%.{places}f" for name, places in decimals.items()} | dict.fromkeys(SHARES, "%.1f %%")
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(format=form, help=meaning[name]) for name, form in formats.items()
    }
    for name in ("open_utc", "close_utc"):
        columns[name] = st.column_config.DatetimeColumn(
            format="YYYY-MM-DD HH:mm:ss", timezone="UTC", help=meaning[name]
        )
    columns["verdict"] = st.column_config.TextColumn(help=meaning["verdict"])
    return columns

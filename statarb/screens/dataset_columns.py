"""What the columns of each download mean; part of its facts, and shown beside it."""

from __future__ import annotations

from statarb.params import KNOBS

_BAR = {
    "open_utc": "opening time of the bar, UTC",
    "close_utc": "closing time of the bar, UTC: what the row says is known from here on",
}
_JUDGED = "judged by the moments frozen before the bar"

ANALYTICS = {
    **_BAR,
    "y_close": "last price of y in the bar",
    "x_close": "last price of x in the bar",
    "spread": f"y - alpha - beta x, {_JUDGED}; in log units on log prices, else in units of y",
    "zscore": f"(spread - mean) / sd, {_JUDGED}",
    "alpha": "intercept frozen before the bar",
    "beta": "hedge ratio frozen before the bar",
    "mean": "mean of the spread frozen before the bar; 0 by least squares, whose alpha takes it out",
    "sd": "standard deviation of the spread frozen before the bar",
    "correlation": "of the last corr_window returns, this bar's included",
    "y_volume": "quote volume of y in the bar",
    "x_volume": "quote volume of x in the bar",
    "provisional": "trades of the bar are still missing",
}
FEATURES = {
    "open_utc": "opening time of the minute, UTC",
    "close_utc": "closing time of the minute, UTC: the row is known from here on",
    "y_close": "last price of y in the minute; empty where it did not trade",
    "x_close": "last price of x in the minute; empty where it did not trade",
    "spread": f"of the newest closed bar of the timeframe, {_JUDGED}",
    "z": f"of the newest closed bar of the timeframe, {_JUDGED}",
    "beta": "hedge ratio that judged it",
    "correlation": "of the last corr_window returns of the timeframe",
    "y_volatility": "of the last corr_window minute returns of y, for a year of 365 days, as a share",
    "x_volatility": "of the last corr_window minute returns of x, for a year of 365 days, as a share",
    "y_volume": "quote volume of y in the minute",
    "x_volume": "quote volume of x in the minute",
    "verdict": "the word that stood at the minute's close, of the tests made by then",
    "coverage": "share of the window's bars in which both legs traded and no trade is missing",
}
BARS = {
    **_BAR,
    "instrument": "venue:SYMBOL",
    "open": "first price",
    "high": "highest price",
    "low": "lowest price",
    "close": "last price",
    "volume": "base volume",
    "quote_volume": "quote volume",
    "taker_buy_volume": "base volume that takers bought",
    "trade_count": "trades",
    "provisional": "trades of the bar are still missing",
    "seeded": "from an exchange kline, or a file, in part or whole",
    "vwap": "quote volume / volume",
    "signed_volume": "base volume bought less sold by takers",
}
TRADES = {
    "ts_utc": "time of the trade by the exchange's clock, UTC",
    "instrument": "venue:SYMBOL",
    "trade_id": "the exchange's id",
    "price": "exact decimal",
    "qty": "exact decimal, base units",
    "is_buyer_maker": "the aggressor sold",
    "id_epoch": "counts how often the exchange began to number anew",
}
ALERTS = {
    "event_id": "number of the alert",
    "origin": "rule:N or pin:N:kind",
    "name": "of the rule or pin",
    "state": "fired, held (beyond the daily cap), digest or suppressed",
    "at_utc": "close of the bar, or moment of the live prices",
    "made_at_utc": "when it was judged",
    "ended_at_utc": "when the conditions ceased to hold; empty while they last",
    "y": "explained leg, venue:SYMBOL",
    "x": "explaining leg, venue:SYMBOL",
    "timeframe": "length of the bars",
    "basis": "closed bars or live prices",
    "reason": "the rule in words, or why it could not judge",
    "text": "the whole message",
    "link": "query of the page's address that shows the pair",
    "z": "z-score then",
    "edge_bps": "distance to the mean, in basis points of the y notional",
    "round_trip_bps": "cost of opening and closing both legs",
    "net_bps": "edge less round trip",
    "verdict": "the word that stood then",
    "verdict_since_utc": "since when it stood",
    "y_price": "price of y that it was judged by",
    "x_price": "price of x that it was judged by",
    "y_units": "units of y if faded, bought above zero",
    "x_units": "units of x if faded, bought above zero",
    "y_notional": "y_units times y_price",
    "x_notional": "x_units times x_price",
    "coverage": "share of the window's bars that are final",
    "acknowledged_at_utc": "when somebody acknowledged it",
    "note": "what was written at it",
}
OUTCOMES = {
    "event_id": "the alert",
    "horizon_bars": "bars for which its legs are held, filled at the first close after it",
    "gross_bps": "what the legs frozen at the alert earned, in basis points of the y notional",
    "net_bps": "that less the round trip",
    "random_gross_bps": "the same for random entry times before the alert, mean",
    "random_net_bps": "that less the round trip",
    "n_random": "random entries",
}
_FILL = {
    "price": "price",
    "slippage_bps": "slippage that is assumed beside that price, 0 for a price paid, in basis points",
}
PINS = {
    "pin_id": "number of the pin",
    "entered_at_utc": "when it was entered",
    "alpha": "intercept frozen then",
    "beta": "hedge ratio frozen then",
    "mean": "mean of the spread frozen then",
    "sd": "standard deviation of the spread frozen then",
    "moments_at_utc": "close of the bar that these four are of",
    "moments_bars": "bars that they are made of",
    "y_units": "units of y, bought above zero",
    "x_units": "units of x, bought above zero",
    **{f"{leg}_{name}": f"{text}, {leg} leg at entry" for leg in "yx" for name, text in _FILL.items()},
    "note": "what was written at it",
    "exit_at_utc": "when it was closed; empty while it is open",
    **{f"exit_{leg}_{name}": f"{text}, {leg} leg at exit" for leg in "yx" for name, text in _FILL.items()},
    "exit_carry": "funding and borrow paid until the exit, in money; empty where it is not known",
    **{f"params_{knob.name}": knob.help for knob in KNOBS},
    "params_y": "explained leg, venue:SYMBOL",
    "params_x": "explaining leg, venue:SYMBOL",
}

COLUMNS = {
    "analytics": ANALYTICS,
    "features": FEATURES,
    "bars": BARS,
    "trades": TRADES,
    "alerts": ALERTS,
    "outcomes": OUTCOMES,
    "pins": PINS,
}

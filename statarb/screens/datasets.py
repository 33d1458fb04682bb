"""What can be downloaded: each content of the database as frames, piece by piece, with the facts that belong to it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from statarb import __version__
from statarb.clock import SYSTEM_CLOCK, utc_text
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.pins import Pin
from statarb.quant import PairStudy, feature_table, resample_bars, study_pair
from statarb.quant.verdict import TESTS_A_WINDOW
from statarb.screens.dataset_columns import COLUMNS
from statarb.settings import desk_path
from statarb.store import AlertEvent, DeskFile, Reader, StoredOutcome, frame_of
from statarb.store.archive import count_trades, trade_pieces
from statarb.store.transfer import csv_bytes, exact_decimals, parquet_bytes, zip_bytes

What = Literal["analytics", "features", "bars", "trades", "alerts", "outcomes", "pins"]
Form = Literal["csv", "parquet", "zip"]

MAX_ROWS = 2_000_000
"""Of one file: about 120 MB of CSV, which is held in memory while it is sent."""
MAX_STUDY_BARS = 300_000
"""Of one study: its series are held at once."""
MAX_TESTED_BARS = 300_000
"""Bars in all scheduled tests behind the verdicts of one feature table: some twenty seconds of work."""
_DEADLINE_S = 60.0
_FOREVER_MS = 2**62
_NO_FILL = {"price": math.nan, "slippage_bps": math.nan}
_NO_EXIT = {"at_ms": None, "y": _NO_FILL, "x": _NO_FILL, "carry": math.nan}
"""Of an open pin, so that a file of pins has the same columns whether one is closed or none."""
_BARS_A_PIECE = 100_000
_OF_A_PAIR = ("analytics", "features")
OF_INSTRUMENTS = ("bars", "trades")
JOURNALS = ("alerts", "outcomes", "pins")
"""What the desk wrote itself: a span of it goes by the time of the alert, or of the entry."""

Frames = Iterable[pd.DataFrame]


@dataclass(frozen=True)
class Order:
    """What is to be in a file: its content, of which analysis and instruments, in [since_ms, until_ms)."""

    what: What
    params: PairParams
    since_ms: int
    until_ms: int
    instruments: tuple[str, ...] = ()

    @property
    def milliseconds(self) -> bool:
        return self.what == "trades" or self.what in JOURNALS

    @property
    def bars(self) -> int:
        """Bars of the timeframe in the span, for each instrument."""
        return max(0, self.until_ms - self.since_ms) // timeframe(self.params.timeframe).ms

    def stem(self, source: str) -> str:
        """The file's name without its ending, `ETHUSDT-BTCUSDT-1m-20260131T120000Z`, safe in any system.

        A source that is no venue comes first; the analysis goes without its name, and a journal is of all pairs.
        """
        names = () if self.what in JOURNALS else self.instruments or (self.params.y, self.params.x)
        labels = [name.removeprefix("spot:") for name in names]
        parts = [source] if source in ("simulated", "import", "upload") else []
        parts += labels if len(labels) <= 3 else [f"{len(labels)}-instruments"]
        parts += [] if self.milliseconds else [self.params.timeframe]
        parts += [] if self.what == "analytics" else [self.what]
        stamp = utc_text(self.until_ms).replace("-", "").replace(" ", "T").replace(":", "") + "Z"
        return "".join(c if c.isalnum() or c in "-_." else "_" for c in "-".join([*parts, stamp]))


def build(db: Path, archive: Path | None, order: Order, form: Form, shown: pd.DataFrame | None = None) -> bytes:
    """The file that was ordered, made now; it opens the database by itself, so that no page waits for it.

    Parameters
    ----------
    archive : Path or None
        The folder of archived trades.
    shown : DataFrame, optional
        Rows that are on screen, in place of those read anew.

    Raises
    ------
    StatarbError
        The database or the archive cannot be read, or what was ordered is not there.
    """
    with contextlib.closing(Reader(db, _DEADLINE_S)) as reader:
        frames: Frames = [shown] if shown is not None else _frames(reader, db, archive, order)
        source = reader.source()
        if form == "csv":
            return csv_bytes(frames, milliseconds=order.milliseconds)
        made_at_ms = SYSTEM_CLOCK.now_ms()
        facts = facts_of(reader, db, order, source, made_at_ms)
        if form == "parquet":
            return parquet_bytes(frames, facts)
        return zip_bytes(order.stem(source), frames, facts, made_at_ms, milliseconds=order.milliseconds)


def expected_rows(reader: Reader, db: Path, archive: Path | None, order: Order) -> int:
    """About how many rows a file will have, at little cost; never fewer than there are."""
    match order.what:
        case "trades":
            spans = (count_trades(reader, archive, name, order.since_ms, order.until_ms) for name in order.instruments)
            return sum(spans)
        case "bars":
            return order.bars * len(order.instruments)
        case "features":
            return max(0, order.until_ms - order.since_ms) // 60_000
        case "analytics":
            return order.bars
        case "outcomes":
            return len(_outcomes(reader, order))
    return len(_written(reader, db, order))


def first_written_ms(reader: Reader, db: Path, what: What) -> int | None:
    """When a journal begins; None of an empty one."""
    return min(
        (_written_ms(one) for one in _written(reader, db, Order(what, PairParams(), 0, _FOREVER_MS))), default=None
    )


def excess(order: Order, rows: int) -> str:
    """Why a file would be too much at once; empty when it is not."""
    if rows > MAX_ROWS:
        return f"That is more than the {MAX_ROWS:,} rows of one file: choose a shorter span."
    if order.what in _OF_A_PAIR and order.bars > MAX_STUDY_BARS:
        return f"Those are more than the {MAX_STUDY_BARS:,} bars of one study: choose a shorter span."
    tests = order.bars // max(1, order.params.test_window // TESTS_A_WINDOW)
    if order.what == "features" and tests * order.params.test_window > MAX_TESTED_BARS:
        tested = f"{tests:,} tests of {order.params.test_window:,} bars"
        return f"Its verdicts rest on {tested}, too many at once: choose a shorter span or longer bars."
    return ""


def facts_of(reader: Reader, db: Path, order: Order, source: str, made_at_ms: int) -> dict[str, Any]:
    """What the cells of a file do not say."""
    names, base = order.instruments or (order.params.y, order.params.x), timeframe(order.params.timeframe).base
    if order.what in JOURNALS:
        pairs = [_pair_of(one) for one in _written(reader, db, order)]
        names, base = tuple(dict.fromkeys(leg for pair in pairs for leg in pair)), "1m"
    if order.what == "trades":
        base = "1s"
    spans = {name: reader.coverage(name, base, order.since_ms, order.until_ms) for name in names}
    facts: dict[str, Any] = {
        "content": order.what,
        "program": f"statarb {__version__}",
        "made_at_utc": utc_text(made_at_ms),
        "source": source or "unknown",
        "time_zone": "UTC",
        "instruments": list(names),
        "from_utc": utc_text(order.since_ms),
        "until_utc": utc_text(order.until_ms),
        "coverage": {name: round(one.share, 6) if one.seconds else None for name, one in spans.items()},
    }
    if order.what in _OF_A_PAIR:
        facts["parameters"] = asdict(order.params)
    if order.what == "bars":
        facts["parameters"] = {"timeframe": order.params.timeframe}
    return facts | {"columns": COLUMNS[order.what]}


def _frames(reader: Reader, db: Path, archive: Path | None, order: Order) -> Frames:
    make: dict[str, Callable[[], Frames]] = {
        "analytics": lambda: [analytics_of(reader, order)],
        "features": lambda: [features_of(reader, order)],
        "bars": lambda: _never_none(_bars(reader, order)),
        "trades": lambda: _never_none(_trades(reader, archive, order)),
        "alerts": lambda: [_alerts(_events(reader, order), DeskFile(desk_path(db)))],
        "outcomes": lambda: [_with_times(frame_of(_outcomes(reader, order), StoredOutcome))],
        "pins": lambda: [_pin_table(_pins(db, order))],
    }
    return make[order.what]()


def analytics_frame(study: PairStudy) -> pd.DataFrame:
    """One row a closed bar in which both legs traded, oldest first; the columns of `COLUMNS['analytics']`.

    spread and zscore are those seen at the bar's close, missing while warming up.
    """
    prices, moments, correlation = study.prices, study.moments_seen, study.correlation
    columns = {
        "y_close": prices["y"],
        "x_close": prices["x"],
        "spread": study.spread,
        "zscore": study.z,
        **{name: moments[name] + 0.0 for name in ("alpha", "beta", "mean", "sd")},  # -0.0 becomes 0.0
        "correlation": correlation if isinstance(correlation, pd.Series) else study.z * float("nan"),
        "y_volume": prices["y_volume"],
        "x_volume": prices["x_volume"],
        "provisional": prices["provisional"],
    }
    frame = pd.DataFrame({name: series.reindex(prices.index) for name, series in columns.items()}, index=prices.index)
    return _with_bar_times(frame, study.params.bar_s * 1000)


def _with_bar_times(frame: pd.DataFrame, bar_ms: int) -> pd.DataFrame:
    """When each bar opens, which was the index, and when it closes, as the first columns."""
    timed = frame.rename_axis("open_utc").reset_index()
    timed.insert(1, "close_utc", timed["open_utc"] + pd.Timedelta(milliseconds=bar_ms))
    return timed


def analytics_of(reader: Reader, order: Order) -> pd.DataFrame:
    """The analysis of a span, with bars enough before it for full windows."""
    frame = analytics_frame(study_pair(*_pair_bars(reader, order), order.params, order.until_ms))
    return frame[frame["open_utc"] >= pd.Timestamp(order.since_ms, unit="ms", tz="UTC")].reset_index(drop=True)


def features_of(reader: Reader, order: Order) -> pd.DataFrame:
    """The feature table of a span."""
    late_s = reader.late_s(order.params.y), reader.late_s(order.params.x)
    table = feature_table(*_pair_bars(reader, order), order.params, order.until_ms, order.since_ms, late_s)
    return _with_bar_times(table, 60_000)


def _pair_bars(reader: Reader, order: Order) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame, params = timeframe(order.params.timeframe), order.params
    since_ms = max(0, order.since_ms - params.lookback_bars * frame.ms)
    y, x = (reader.bars(leg, frame.base, since_ms, order.until_ms) for leg in (params.y, params.x))
    return y, x


def _bars(reader: Reader, order: Order) -> Iterator[pd.DataFrame]:
    frame = timeframe(order.params.timeframe)
    first_ms, end_ms = -(-order.since_ms // frame.ms) * frame.ms, order.until_ms // frame.ms * frame.ms
    step_ms = max(1, _BARS_A_PIECE // max(1, frame.seconds)) * frame.ms
    for name in order.instruments:
        for since_ms in range(first_ms, end_ms, step_ms):
            until_ms = min(since_ms + step_ms, end_ms)
            bars = resample_bars(reader.bars(name, frame.base, since_ms, until_ms), frame, until_ms)
            traded = _with_bar_times(bars[~bars["empty"]].drop(columns=["empty"]), frame.ms)
            traded.insert(2, "instrument", name)
            yield traded


def _trades(reader: Reader, archive: Path | None, order: Order) -> Iterator[pd.DataFrame]:
    for name in order.instruments:
        for piece in trade_pieces(reader, archive, name, order.since_ms, order.until_ms):
            yield pd.DataFrame(
                {
                    "ts_utc": piece.index.array,
                    "instrument": pd.Series([name] * len(piece), dtype="str").array,
                    "trade_id": piece["trade_id"].to_numpy(),
                    "price": exact_decimals(piece["price_e8"].to_numpy()).array,
                    "qty": exact_decimals(piece["qty_e8"].to_numpy()).array,
                    "is_buyer_maker": piece["is_buyer_maker"].to_numpy(),
                    "id_epoch": piece["id_epoch"].to_numpy(),
                }
            )


def _never_none(pieces: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Those that hold rows; one without, for its header, when none does."""
    empty, some = None, False
    for piece in pieces:
        if len(piece):
            some = True
            yield piece
        else:
            empty = piece
    if not some:
        yield pd.DataFrame() if empty is None else empty


def _written(reader: Reader, db: Path, order: Order) -> Sequence[AlertEvent | Pin]:
    """What a journal's rows of the span are of: pins, or alerts."""
    return _pins(db, order) if order.what == "pins" else _events(reader, order)


def _written_ms(one: AlertEvent | Pin) -> int:
    return one.entered_at_ms if isinstance(one, Pin) else one.at_ms


def _pair_of(one: AlertEvent | Pin) -> tuple[str, str]:
    return (one.params.y, one.params.x) if isinstance(one, Pin) else (one.y, one.x)


def _pins(db: Path, order: Order) -> list[Pin]:
    return [pin for pin in DeskFile(desk_path(db)).pins() if order.since_ms <= pin.entered_at_ms < order.until_ms]


def _events(reader: Reader, order: Order) -> list[AlertEvent]:
    events = reader.alert_events(limit=MAX_ROWS)
    return [event for event in events if order.since_ms <= event.at_ms < order.until_ms]


def _outcomes(reader: Reader, order: Order) -> list[StoredOutcome]:
    told = {event.event_id for event in _events(reader, order)}
    return [outcome for outcome in reader.outcomes() if outcome.event_id in told]


def _alerts(events: Sequence[AlertEvent], desk: DeskFile) -> pd.DataFrame:
    frame = frame_of(events, AlertEvent)
    marks = desk.marks()
    found = [marks.get((event.event_id or 0, event.at_ms)) for event in events]
    frame["acknowledged_at_ms"] = [mark.acknowledged_at_ms if mark else None for mark in found]
    frame["note"] = [mark.note if mark else None for mark in found]
    return _with_times(frame)


def _pin_table(pins: Sequence[Pin]) -> pd.DataFrame:
    rows = [asdict(pin) for pin in pins]
    return _with_times(pd.json_normalize([{**row, "exit": row["exit"] or _NO_EXIT} for row in rows], sep="_"))


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Epochs in milliseconds as times: a column `at_ms` becomes `at_utc`."""
    for name in [name for name in frame.columns if name.endswith("_ms")]:
        times = pd.to_datetime(pd.to_numeric(frame[name], errors="coerce"), unit="ms", utc=True)
        frame[name] = times.dt.as_unit("ms")
    return frame.rename(columns=lambda name: name.removesuffix("_ms") + "_utc" if name.endswith("_ms") else name)

"""Which column of a table is what: by the names in its header, or by what its numbers do."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise, permutations

import numpy as np

from statarb.store.ohlcv import PRICES
from statarb.store.text_table import TextTable, numbers
from statarb.store.timestamps import NO_TIME, read_times

_NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        "opentime", "opentimems", "opentimes", "unix", "unixtimestamp", "unixtime", "epoch", "timestamp", "timestampms",
        "ts", "tsutc", "times", "timems", "datetime", "gmttime", "localtime", "starttime", "periodstart", "date",
        "time", "day", "t", "zeitstempel", "datumzeit", "datumuhrzeit", "datum", "zeit", "uhrzeit", "horodatage",
        "dateheure", "heure", "marcadetiempo", "fechahora", "fecha", "hora",
    ),
    "open": ("open", "openprice", "o", "first", "eroffnung", "eroeffnung", "eroffnungskurs", "ouverture", "apertura"),
    "high": ("high", "highprice", "h", "max", "hoch", "hochst", "hochstkurs", "haut", "plushaut", "maximo"),
    "low": ("low", "lowprice", "l", "min", "tief", "tiefst", "tiefstkurs", "bas", "plusbas", "minimo"),
    "close": ("close", "closeprice", "c", "last", "lastprice", "price", "closelast", "adjclose", "settle", "schluss",
              "schlusskurs", "cloture", "dernier", "cierre", "ultimo", "kurs", "precio", "prix"),
    "quote_volume": ("quotevolume", "quoteassetvolume", "volumequote", "turnover", "amount", "volumeusdt", "volumeusd",
                     "volumeusdc", "volumeeur"),
    "taker_buy_volume": ("takerbuyvolume", "takerbuybaseassetvolume", "takerbuybasevolume", "takerbuybase"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase", "tickvol", "tickvolume", "volumen"),
    "trades": ("trades", "numberoftrades", "tradecount", "count", "numtrades", "n"),
}  # fmt: skip
_EXCHANGE_KLINES: dict[str, int] = {
    "time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5, "quote_volume": 7, "trades": 8,
    "taker_buy_volume": 9,
}  # fmt: skip
_KLINE_COLUMNS = 12
_DAY_AND_CLOCK = (("date", "time"), ("datum", "zeit"), ("datum", "uhrzeit"), ("date", "heure"), ("fecha", "hora"))
_SAMPLE_ROWS = 500
_TIME_CELLS = 20
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")


def guess_columns(table: TextTable) -> dict[str, int]:
    """The place of each column that can be told; what cannot is left out."""
    return _by_names(table) if table.header else _by_numbers(table)


def _by_names(table: TextTable) -> dict[str, int]:
    plain = [_plain(name) for name in table.header or ()]
    found: dict[str, int] = {}
    for role, names in _NAMES.items():
        place = next(
            (plain.index(name) for name in names if name in plain and plain.index(name) not in found.values()), None
        )
        if place is not None:
            found[role] = place
    volumes = [i for i, name in enumerate(plain) if name.startswith("volume") and i not in found.values()]
    if "volume" not in found and volumes:
        found["volume"] = volumes[0]
    for day, clock in _DAY_AND_CLOCK:
        if day in plain and clock in plain and _is_clock(table, plain.index(clock)):
            found |= {"time": plain.index(day), "clock": plain.index(clock)}
            break
    return found


def _plain(name: str) -> str:
    """Letters and digits alone, small and without accents: `Eröffnung` and `EROFFNUNG` are one name."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", name.casefold()))


def _is_clock(table: TextTable, index: int) -> bool:
    return all(_CLOCK.fullmatch(row[index].strip()) for row in table.rows[:20])


def _by_numbers(table: TextTable) -> dict[str, int]:
    """Four columns of one magnitude are the prices: one is never below the others, one never above, and of the other
    two the close is the one that the next row's open goes on from."""
    sample = TextTable(None, table.rows[:_SAMPLE_ROWS], [], [], 0, table.separator, table.decimal_comma)
    columns = [numbers(sample.column(i), table.decimal_comma) for i in range(table.width)]
    times = [i for i in range(table.width) if _is_time(sample, i)]
    if table.width == _KLINE_COLUMNS and times[:1] == [0] and 6 in times:
        return dict(_EXCHANGE_KLINES)
    if not times:
        return {}
    found: dict[str, int] = {"time": times[0]}
    if times[0] + 1 < table.width and _is_clock(sample, times[0] + 1):
        found["clock"] = times[0] + 1
    rest = [
        i for i in range(table.width) if i not in (*times, found.get("clock")) and np.isfinite(columns[i]).mean() > 0.5
    ]
    if len(rest) < len(PRICES):
        return found | ({"close": rest[0]} if rest else {})
    prices = np.column_stack([columns[i] for i in rest[:4]])
    prices = prices[np.isfinite(prices).all(axis=1)]
    high, low = (
        int(np.argmax((prices == edge(prices, axis=1, keepdims=True)).mean(axis=0))) for edge in (np.max, np.min)
    )
    body = [i for i in range(4) if i not in (high, low)]
    if len(body) != 2:  # all prices are alike
        high, low, body = 1, 2, [0, 3]
    open_, close = min(permutations(body), key=lambda order: _jumps(prices[:, order[0]], prices[:, order[1]]))
    found |= {"open": rest[open_], "high": rest[high], "low": rest[low], "close": rest[close]}
    for role, place in zip(("volume", "trades"), rest[4:], strict=False):
        found[role] = place
    if "trades" in found and not np.all(columns[found["trades"]] % 1 == 0):
        del found["trades"]
    return found


def _jumps(opens: np.ndarray, closes: np.ndarray) -> float:
    """How far each open is from the close before it, in all."""
    return float(np.abs(opens[1:] - closes[:-1]).sum())


def _is_time(table: TextTable, index: int) -> bool:
    times = read_times(table.column(index)[:_TIME_CELLS], "UTC").epochs_ms
    known = times[times != NO_TIME].tolist()
    rises = sum(a < b for a, b in pairwise(known))
    return len(known) > 0.8 * min(_TIME_CELLS, len(table.rows)) and rises >= 0.8 * (len(known) - 1)

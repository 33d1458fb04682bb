"""The list of every trade the market made, as CSV, for a test to compare a database with."""

from __future__ import annotations

from pathlib import Path

from statarb.errors import ConfigError
from statarb.exchange.trades import Trades

HEADER = "symbol,id,price,qty,time,is_buyer_maker\n"


class Ledger:
    """Written as trades are made, before their frames go out: it never lacks one that was received.

    Raises
    ------
    ConfigError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
            self._file.write(HEADER)
        except OSError as error:
            raise self._failure(error) from error

    def add(self, trades: Trades) -> None:
        symbol = trades.rules.instrument
        columns = zip(
            trades.ids.tolist(),
            trades.prices(),
            trades.quantities(),
            trades.ts_ms.tolist(),
            trades.sides(),
            strict=True,
        )
        try:
            self._file.write("".join([f"{symbol},{i},{p},{q},{t},{m}\n" for i, p, q, t, m in columns]))
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> ConfigError:
        return ConfigError(f"The ledger {self._path} cannot be written: {error.strerror}.", "Choose another file.")

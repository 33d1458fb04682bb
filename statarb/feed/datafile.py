"""Files of trades and bars that can be imported: what each one is, and what is in it piece by piece."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NamedTuple

from statarb.errors import ConfigError, FeedError
from statarb.feed.archives import Market, bar_of, is_header, market_of, read_name, trade_of
from statarb.feed.lines import LINES_VENUE, line_trade, recorded_print, recorded_stream
from statarb.market import TIMEFRAMES, Bar, IdKind, Instrument, Print, Trade

PIECE_ROWS = 5_000
_GZIP = b"\x1f\x8b"
_RECORDED = re.compile(rb"\d{16,20} \{")
_LONGEST_LINE = 1 << 20
_LONGEST_BAR_MS = max(frame.ms for frame in TIMEFRAMES.values())
_FIRST_HINT = "Nothing of it is stored; correct the file and import it again."
_AGAIN_HINT = "What came before it is stored; correct the file and import it again."


class Piece(NamedTuple):
    """Consecutive rows of one instrument: trades, or bars of the length `base`; `done` is the share read so far."""

    instrument: Instrument
    rows: Sequence[Print] | Sequence[Bar]
    base: Literal["1s", "1m"] | None
    done: float


class DataFile(ABC):
    """A file that can be imported.

    `id_kind` says whose ids its trades have (None: there are none in it), `since_ms` when it begins (0: not known
    before it is read), `instrument` what is in it if that is one and known before; `is_archive` whether it is the
    exchange's own record.
    """

    id_kind: IdKind | None = "trade"
    since_ms = 0
    instrument: Instrument | None = None
    is_archive = False

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """What is in it, in order.

        Raises
        ------
        FeedError
            A row that is none, with its number, or a file that is damaged further on.
        """

    def until_ms(self, last_ms: int) -> int:
        """Up to when it is complete, given its last trade's time: all bars close, as at the end of a replay."""
        return (last_ms // _LONGEST_BAR_MS + 1) * _LONGEST_BAR_MS


class ArchiveFile(DataFile):
    """A zip of the exchange's archive: trades, aggregate trades or klines of one instrument.

    Raises
    ------
    ConfigError
        Its name says that it is something else, or it is no zip of one CSV file.
    FeedError
        It is not the file that its CHECKSUM describes, or its first row cannot be read.
    """

    is_archive = True

    def __init__(self, path: Path, default_market: str) -> None:
        super().__init__(path)
        self._name = read_name(path.name)
        self.is_verified = _verify_checksum(path)
        market = _market_of_path(path) or self._market_of_rows() or default_market
        self.id_kind = self._name.id_kind
        self.since_ms = self._name.since_ms
        self.instrument = Instrument(market, self._name.symbol)

    def until_ms(self, last_ms: int) -> int:
        return self._name.until_ms

    @contextlib.contextmanager
    def _rows(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The raw file, whose position is the progress, and the CSV in it."""
        try:
            with self.path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
                names = archive.namelist()
                if len(names) != 1:
                    raise ConfigError(f"{self.path.name} holds {len(names)} files, not one CSV.", "Download it again.")
                with archive.open(names[0]) as rows:
                    yield raw, rows
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise FeedError(f"{self.path.name} is not a zip file, or a damaged one.", "Download it again.") from error

    def _market_of_rows(self) -> Market | None:
        with self._rows() as (_, rows):
            cells = _cells(rows.readline(_LONGEST_LINE))
            has_header = is_header(cells)
            try:
                return market_of(self._name, _cells(rows.readline(_LONGEST_LINE)) if has_header else cells, has_header)
            except ValueError as error:
                raise _bad_line(self.path, 1, error) from None

    def pieces(self) -> Iterator[Piece]:
        assert self.instrument is not None
        size = max(1, self.path.stat().st_size)
        name, base = self._name, self._name.base
        trades: list[Trade] = []
        bars: list[Bar] = []
        with self._rows() as (raw, rows):
            for number, line in enumerate(_lines(self.path, rows), 1):
                cells = _cells(line)
                if number == 1 and is_header(cells):
                    continue
                try:
                    if base is None:
                        trades.append(trade_of(name, cells))
                    elif (bar := bar_of(name, cells)).trade_count:
                        bars.append(bar)
                except (ValueError, LookupError) as error:
                    raise _bad_line(self.path, number, error) from None
                if len(trades) + len(bars) >= PIECE_ROWS:
                    yield Piece(self.instrument, trades or bars, base, raw.tell() / size)
                    trades, bars = [], []
        if trades or bars:
            yield Piece(self.instrument, trades or bars, base, 1.0)


@dataclass
class _Batch:
    """Trades of several instruments while they are collected."""

    venue: str
    trades: dict[str, list[Print]] = field(default_factory=dict)
    count: int = 0

    def add(self, trade: Print) -> None:
        self.trades.setdefault(trade.symbol, []).append(trade)
        self.count += 1

    def drain(self, done: float) -> Iterator[Piece]:
        for symbol, trades in self.trades.items():
            yield Piece(Instrument(self.venue, symbol), trades, None, done)
        self.trades, self.count = {}, 0


class RecordingFile(DataFile):
    """Frames of a trade stream, `<receive ns> <combined frame>` a line, plain or gzipped."""

    def __init__(self, path: Path, default_market: str, first_line: bytes) -> None:
        super().__init__(path)
        self._stream = recorded_stream(first_line)
        self._market = self._stream[0] or default_market
        self.id_kind = self._stream[1]

    def pieces(self) -> Iterator[Piece]:
        batch = _Batch(self._market)
        for number, line, done in _numbered(self.path):
            try:
                trade = recorded_print(line)
                if trade is not None and recorded_stream(line) != self._stream:
                    raise ValueError("it is of another stream than the first")
            except ValueError as error:
                raise _bad_line(self.path, number, error) from None
            if trade is not None:
                batch.add(trade)
            if batch.count >= PIECE_ROWS:
                yield from batch.drain(done)
        yield from batch.drain(1.0)


class LineFile(DataFile):
    """NDJSON of `{"symbol","ts","price","size"}`: read through once when it is opened, to check and to count it.

    Attributes
    ----------
    sha256 : str
        Of the file's text.
    counts : mapping of str to int
        How many lines each symbol has.
    first_ids : mapping of str to int
        The id of each symbol's first line; to be set before the trades are read.
    """

    id_kind: IdKind | None = "line"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        digest = hashlib.sha256()
        counts: Counter[str] = Counter()
        for number, line, _ in _numbered(path):
            digest.update(line + b"\n")
            trade = self._trade(number, line, 0)
            self.since_ms = min(self.since_ms or trade.ts_ms, trade.ts_ms)
            counts[trade.symbol] += 1
        self.sha256 = digest.hexdigest()
        self.counts: Mapping[str, int] = counts
        self.first_ids: Mapping[str, int] = {}

    def _trade(self, number: int, line: bytes, trade_id: int) -> Trade:
        try:
            return line_trade(line, trade_id)
        except ValueError as error:
            raise FeedError(f"Line {number} of {self.path.name} cannot be read: {error}.", _FIRST_HINT) from None

    def pieces(self) -> Iterator[Piece]:
        next_ids = dict(self.first_ids)
        batch = _Batch(LINES_VENUE)
        for number, line, done in _numbered(self.path):
            trade = self._trade(number, line, 0)
            batch.add(trade._replace(trade_id=next_ids[trade.symbol]))
            next_ids[trade.symbol] += 1
            if batch.count >= PIECE_ROWS:
                yield from batch.drain(done)
        yield from batch.drain(1.0)


def open_data_file(path: Path, default_market: str) -> DataFile:
    """What a file is, by its name and its first line.

    Parameters
    ----------
    path : Path
        An archive zip, a recording or NDJSON, the latter two plain or gzipped.
    default_market : str
        Whose instruments are in it where the file itself does not tell: 'spot', 'usdm' ...

    Raises
    ------
    ConfigError
        There is no such file, or it is of no kind that is known.
    FeedError
        It is of a known kind, but damaged.
    """
    try:
        if path.suffix.lower() == ".zip":
            return ArchiveFile(path, default_market)
        first_line = next((line for _, line, _ in _numbered(path)), b"")
        if _RECORDED.match(first_line):
            return RecordingFile(path, default_market, first_line)
        if first_line.startswith(b"{"):
            return LineFile(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}).", "Check the path.") from error
    raise ConfigError(
        f"{path.name} is neither an archive zip, nor a recording, nor NDJSON.",
        'NDJSON has one {"symbol", "ts", "price", "size"} a line.',
    )


def _verify_checksum(path: Path) -> bool:
    """Whether a CHECKSUM file lies beside it, and then the file is what it describes."""
    beside = path.with_name(path.name + ".CHECKSUM")
    if not beside.exists():
        return False
    expected = beside.read_text(encoding="utf-8", errors="replace").split()[:1]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if [found] != [text.lower() for text in expected]:
        raise FeedError(f"{path.name} does not have the checksum in {beside.name}.", "Download both again.")
    return True


def _market_of_path(path: Path) -> Market | None:
    """The archive's own folders, `data/futures/um/daily/...`, name the market."""
    folders = path.resolve().parts[:-1]
    if "cm" in folders and "futures" in folders:
        raise ConfigError(f"{path.name} holds COIN-M futures, which are counted in contracts.", "Import spot or USD-M.")
    return "usdm" if "um" in folders and "futures" in folders else None


def _numbered(path: Path) -> Iterator[tuple[int, bytes, float]]:
    """The lines of a plain or gzipped file that are not blank, with their numbers and the share of the file read."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP
        raw.seek(0)
        with contextlib.closing(gzip.GzipFile(fileobj=raw) if is_gzip else raw) as rows:
            for number, line in enumerate(_lines(path, rows), 1):
                if line:
                    yield number, line, raw.tell() / size


def _lines(path: Path, rows: io.BufferedIOBase | IO[bytes]) -> Iterator[bytes]:
    """Lines without their ends; a line that is too long, or compressed data that break off, raise FeedError."""
    number = 0
    try:
        while line := rows.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise _bad_line(path, number, ValueError("it is too long"))
            yield line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FeedError(f"{path.name} breaks off or is damaged after line {number}.", _AGAIN_HINT) from error


def _cells(line: bytes) -> list[str]:
    return line.decode("ascii", "replace").strip().split(",")


def _bad_line(path: Path, number: int, error: Exception) -> FeedError:
    return FeedError(f"Line {number} of {path.name} cannot be read: {error}.", _AGAIN_HINT)

"""SQLite: one writer, many readers, nothing lost and nothing doubled."""

from statarb.store.connect import IngestLock, create_database
from statarb.store.imports import read_holdings, reserve_lines
from statarb.store.inbox import ExchangeTime, FeedReport, Inbox, InboxSink, Listing, Reject, Seed, TradeBatch
from statarb.store.reader import FeedState, LastTrade, Reader, StoredInstrument
from statarb.store.writer import Writer

__all__ = [
    "ExchangeTime",
    "FeedReport",
    "FeedState",
    "Inbox",
    "InboxSink",
    "IngestLock",
    "LastTrade",
    "Listing",
    "Reader",
    "Reject",
    "Seed",
    "StoredInstrument",
    "TradeBatch",
    "Writer",
    "create_database",
    "read_holdings",
    "reserve_lines",
]

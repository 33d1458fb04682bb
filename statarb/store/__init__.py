"""SQLite: one writer, many readers, nothing lost and nothing doubled."""

from statarb.store.alert_log import AlertEnd, AlertEvent, AlertHealth, AlertItem, Delivery, StoredOutcome, frame_of
from statarb.store.archive import read_trades
from statarb.store.archiver import Archiver
from statarb.store.backup import back_up
from statarb.store.bar_cache import BarCache
from statarb.store.check import check_archive, check_database
from statarb.store.connect import IngestLock, create_database
from statarb.store.costs import StoredFunding, StoredQuote
from statarb.store.coverage import Coverage
from statarb.store.desk_file import DeskFile, Wanted
from statarb.store.imports import read_holdings, reserve_lines
from statarb.store.inbox import ExchangeTime, FeedReport, Inbox, InboxSink, Listing, Reject, Seed, TradeBatch
from statarb.store.quality import Disk, conflicts, disk, hour_rate, rejects
from statarb.store.reader import FeedState, LastTrade, Reader, StoredInstrument, shortest_timeframe
from statarb.store.retention import Retention
from statarb.store.writer import Writer

__all__ = [
    "AlertEnd",
    "AlertEvent",
    "AlertHealth",
    "AlertItem",
    "Archiver",
    "BarCache",
    "Coverage",
    "Delivery",
    "DeskFile",
    "Disk",
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
    "Retention",
    "Seed",
    "StoredFunding",
    "StoredInstrument",
    "StoredOutcome",
    "StoredQuote",
    "TradeBatch",
    "Wanted",
    "Writer",
    "back_up",
    "check_archive",
    "check_database",
    "conflicts",
    "create_database",
    "disk",
    "frame_of",
    "hour_rate",
    "read_holdings",
    "read_trades",
    "rejects",
    "reserve_lines",
    "shortest_timeframe",
]

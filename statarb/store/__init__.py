"""SQLite: one writer, many readers, nothing lost and nothing doubled."""

from statarb.store.connect import IngestLock, create_database
from statarb.store.reader import FeedState, LastTrade, Reader, StoredInstrument

__all__ = ["FeedState", "IngestLock", "LastTrade", "Reader", "StoredInstrument", "create_database"]

"""An exchange as a stream of trades: sockets, protocol, reconnects, klines."""

from statarb.feed.backoff import ConnectBudget
from statarb.feed.feeds import Feeds, follow
from statarb.feed.importer import Importer, add_import_option, line_files, plan_import, source_for
from statarb.feed.stream import TradeStream
from statarb.feed.venues import Venue, venue

__all__ = [
    "ConnectBudget",
    "Feeds",
    "Importer",
    "TradeStream",
    "Venue",
    "add_import_option",
    "follow",
    "line_files",
    "plan_import",
    "source_for",
    "venue",
]

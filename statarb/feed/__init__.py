"""An exchange as a stream of trades: sockets, protocol, reconnects, klines."""

from statarb.feed.backoff import ConnectBudget
from statarb.feed.stream import TradeStream
from statarb.feed.venue_feed import VenueFeed
from statarb.feed.venues import Venue, venue

__all__ = ["ConnectBudget", "TradeStream", "Venue", "VenueFeed", "venue"]

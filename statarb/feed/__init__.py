"""An exchange as a stream of trades: sockets, protocol, reconnects, klines."""

from statarb.feed.backoff import ConnectBudget
from statarb.feed.rest import RestClient
from statarb.feed.stream import TradeStream
from statarb.feed.timekeeper import Timekeeper
from statarb.feed.venues import Venue, venue
from statarb.feed.warmstart import WarmStart

__all__ = ["ConnectBudget", "RestClient", "Timekeeper", "TradeStream", "Venue", "WarmStart", "venue"]

"""statarb: a live pairs-analytics desk for Binance trades."""

__version__ = "0.1.0"

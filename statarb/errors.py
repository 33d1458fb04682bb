"""Errors a user meets: each says what happened and what to do next.

StatarbError
├── ConfigError       an option, symbol or parameter that cannot be used
├── FeedError         the exchange cannot be reached or answers nonsense
│   ├── BlockedError      refused for this location or by rate limits
│   └── UnreachableError  no route, no name, refused connection, deadline passed
├── StoreError        the database is missing, locked, foreign, newer or damaged
│   ├── MissingDatabaseError
│   ├── LockedDatabaseError
│   ├── ForeignDatabaseError
│   └── DamagedDatabaseError
└── DataError         input a statistic cannot work with
"""

from __future__ import annotations


class StatarbError(Exception):
    """What happened, in one sentence, and a hint with the next thing to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigError(StatarbError):
    """An option, symbol or parameter that cannot be used."""


class FeedError(StatarbError):
    """The exchange cannot be reached or answers nonsense."""


class BlockedError(FeedError):
    """The exchange refuses this location or this rate of requests; `retry_after_s` is how long it said to wait."""

    def __init__(self, message: str, hint: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class UnreachableError(FeedError):
    """No answer: no route, unknown name, refused connection or a deadline passed."""


class StoreError(StatarbError):
    """The database cannot be used."""


class MissingDatabaseError(StoreError):
    """There is no database at this path yet."""


class LockedDatabaseError(StoreError):
    """Another process holds the database."""


class ForeignDatabaseError(StoreError):
    """Not ours, newer than this program, or filled from another source."""


class DamagedDatabaseError(StoreError):
    """SQLite cannot read the file."""


class DataError(StatarbError):
    """Input a statistic cannot work with."""

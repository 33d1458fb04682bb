"""The health badge: one word on whether the numbers are live, and the reason beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from statarb.market import Instrument
from statarb.screens.wording import duration_text
from statarb.store import FeedState, LastTrade

State = Literal["LIVE", "CATCHING UP", "STALE", "DISCONNECTED", "IMPORTED"]

HEARTBEAT_LIMIT_S = 5.0
"""Ingest writes a heartbeat every second; five missed ones mean that it is not there."""
QUEUE_LIMIT = 10_000
LAG_LIMIT_MS = 3_000
_STALE_FLOOR_S, _STALE_CEILING_S, _STALE_DEFAULT_S = 5.0, 60.0, 10.0
_TRADING = "TRADING"
_GAPS_TO_STALE = 10
"""A leg is stale after so many of its mean gaps between trades: by chance alone once in e^10 gaps."""


@dataclass(frozen=True)
class Health:
    """The state in one word, as a badge says it, and why in a sentence; `simulated` is said beside any state."""

    state: State
    text: str
    detail: str
    simulated: bool

    @property
    def has_live_prices(self) -> bool:
        """Whether the newest stored prices are the market's newest, or nearly so."""
        return self.state in ("LIVE", "CATCHING UP")


def feed_health(
    source: str,
    feeds: Mapping[str, FeedState],
    legs: Mapping[str, LastTrade | None],
    now_ms: int,
    statuses: Mapping[str, str] | None = None,
    command: str = "python ingest.py",
    *,
    is_running: bool = True,
) -> Health:
    """Whether the legs' prices are live, from heartbeats, their age and the age of each leg's last trade.

    Parameters
    ----------
    source : str
        What the database holds; 'simulated' is said in any state.
    feeds : mapping
        Heartbeats by name; 'ingest' is ingest's own.
    legs : mapping
        The newest stored trade of each leg, None where there is none.
    now_ms : int
        Local time.
    statuses : mapping, optional
        What the exchange says of each leg; a leg that is not TRADING is silent for a reason.
    command : str
        What starts ingest on this database.
    is_running : bool
        False where ingest is known to be gone, so that its last heartbeat says nothing any more.
    """
    if source == "upload":
        return Health("IMPORTED", "UPLOADED", "These bars are of uploaded files; nothing here is live.", False)
    if source == "import":
        return Health("IMPORTED", "IMPORTED", "These trades were read from files; nothing here is live.", False)
    state, text, detail = _judge(feeds, legs, now_ms, statuses or {}, command, is_running)
    return Health(state, text, detail, source == "simulated")


def _judge(
    feeds: Mapping[str, FeedState],
    legs: Mapping[str, LastTrade | None],
    now_ms: int,
    statuses: Mapping[str, str],
    command: str,
    is_running: bool,
) -> tuple[State, str, str]:
    ingest = feeds.get("ingest")
    if ingest is None:
        return "DISCONNECTED", "DISCONNECTED", f"Ingest has not run on this database yet: start `{command}`."
    age_s = max(0.0, (now_ms - ingest.updated_at_ms) / 1000)
    if ingest.state == "stopped" or not is_running or age_s > HEARTBEAT_LIMIT_S:
        return (
            "DISCONNECTED",
            f"DISCONNECTED {duration_text(age_s)}",
            f"Ingest stopped {duration_text(age_s)} ago: start `{command}`. The numbers are from then.",
        )
    if ingest.state == "connecting":
        return "DISCONNECTED", "DISCONNECTED", "Ingest is running and connecting to the exchange; it keeps trying."
    stats = ingest.stats
    quiet_s, leg = _longest_silence(stats, legs, now_ms)
    limit_s = stale_limit_s(stats, leg)
    if ingest.state == "stale" or quiet_s > limit_s:
        name = Instrument.parse(leg).label
        since = f"No trade of {name} yet" if legs[leg] is None else f"The last trade of {name} is {_age(quiet_s)} old"
        text = "STALE" if legs[leg] is None else f"STALE {_age(quiet_s)}"
        status = statuses.get(leg, _TRADING)
        if status != _TRADING:
            return "STALE", text, f"{since}; the exchange says {status} of it: there may be none until it trades again."
        return "STALE", text, f"{since}; the connection may be silent. Ingest reconnects by itself."
    if backlog := _backlog(stats):
        return "CATCHING UP", "CATCHING UP", backlog
    return "LIVE", "LIVE", _live_detail(stats)


def stale_limit_s(stats: Mapping[str, Any], leg: str) -> float:
    """Seconds without a trade after which a leg counts as stale: ten of its mean gaps, 5 s at least, 60 s at most."""
    rate = _number(_of(stats.get("instruments"), leg).get("trades_per_s"))
    if not rate:
        return _STALE_DEFAULT_S
    return min(_STALE_CEILING_S, max(_STALE_FLOOR_S, _GAPS_TO_STALE / rate))


def _longest_silence(stats: Mapping[str, Any], legs: Mapping[str, LastTrade | None], now_ms: int) -> tuple[float, str]:
    """Age of the last trade by the exchange's clock, of the leg that is furthest beyond its own limit."""
    exchange_ms = now_ms + (_number(stats.get("clock_offset_ms")) or 0)
    ages = {leg: max(0.0, (exchange_ms - trade.ts_ms) / 1000) if trade else float("inf") for leg, trade in legs.items()}
    worst = max(ages, key=lambda leg: ages[leg] / stale_limit_s(stats, leg))
    return ages[worst], worst


def _backlog(stats: Mapping[str, Any]) -> str:
    if missing := _number(stats.get("missing_ids")):
        return f"{missing:,.0f} missed trades are being fetched; live trades come in meanwhile."
    if stats.get("seeding"):
        return "History is being loaded; live trades come in meanwhile."
    if (_number(stats.get("queue_depth")) or 0) > QUEUE_LIMIT:
        return f"{stats['queue_depth']:,} trades wait to be stored."
    lag_ms = _number(stats.get("lag_p50_ms")) or 0
    if lag_ms > LAG_LIMIT_MS:
        return f"Trades are stored {lag_ms / 1000:.0f} s after the exchange sent them."
    return ""


def _live_detail(stats: Mapping[str, Any]) -> str:
    parts = []
    if (rate := _number(stats.get("trades_per_s"))) is not None:
        parts.append(f"{rate:,.0f} trades/s")
    if (lag_ms := _number(stats.get("lag_p50_ms"))) is not None:
        parts.append(f"stored {lag_ms:,.0f} ms after the exchange sent them")
    if gaps := _number(stats.get("open_gaps")):
        parts.append(f"{gaps:,.0f} open gaps")
    return ", ".join(parts) or "Trades are coming in."


def _age(seconds: float) -> str:
    return duration_text(seconds)


def _of(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _number(value: Any) -> float | None:
    """The heartbeat is JSON from the database: what is not a number counts as not said."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

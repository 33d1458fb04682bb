"""What differs from market to market: how it streams trades and what its REST is asked; one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from statarb.feed.protocol import Notice
from statarb.market import Bar, Funding, IdKind, InstrumentRules, Print, Quote, Trade

Answer = TypeVar("Answer")
Interval = Literal["1s", "1m"]


class Question(NamedTuple, Generic[Answer]):
    """One GET: where, with what, at which request weight, and how the decoded JSON is read.

    `read` raises LookupError, TypeError or ValueError when the answer is not what was asked for.
    """

    path: str
    weight: int
    params: Mapping[str, Any]
    read: Callable[[Any], Answer]

    @property
    def name(self) -> str:
        """The last word of the path: what people call it."""
        return self.path.rpartition("/")[2]


class Refusal(NamedTuple):
    """The exchange understood and said no."""

    text: str
    is_unknown_symbol: bool


class Dialect(Protocol):
    """How one market speaks; pure, without sockets, clock or state.

    Attributes
    ----------
    id_kind : IdKind
        What the ids of its trades count.
    weight_a_minute : int
        The request weight that REST allows an address.
    intervals : tuple of Interval
        The klines it has, of those we store.
    reach_ms : int or None
        How far back trades can be asked for by id; None: to the first.
    """

    id_kind: IdKind
    weight_a_minute: int
    intervals: tuple[Interval, ...]
    reach_ms: int | None

    def stream_path(self, symbols: Sequence[str]) -> str:
        """The path of one stream of every trade of these symbols."""
        ...

    def parse_frame(self, payload: bytes, recv_ms: int) -> Print | Notice:
        """One text frame -> what it says; BadFrame when it is no message of this market."""
        ...

    def time(self) -> Question[int]:
        """The exchange's clock."""
        ...

    def rules(self, market: str, symbols: Sequence[str]) -> Question[dict[str, InstrumentRules]]:
        """What the market says of these symbols; those that it does not list are missing."""
        ...

    def newest_id(self, symbol: str) -> Question[int]:
        """The id of the newest trade that it lists."""
        ...

    def trades_from(self, symbol: str, from_id: int, limit: int) -> Question[list[Trade]]:
        """At most `limit` trades from that id on, by id."""
        ...

    def klines(self, symbol: str, interval: Interval, end_ms: int, limit: int) -> Question[list[Bar]]:
        """At most `limit` bars that open at or before `end_ms`, oldest first; without those nothing traded in."""
        ...

    def quotes(self, market: str, symbols: Sequence[str]) -> Question[list[Quote]]:
        """Best bid and ask of those symbols that have both; their `ts_ms` is left 0."""
        ...

    def funding(self, market: str, symbols: Sequence[str]) -> Question[list[Funding]] | None:
        """What perpetuals pay, in periods of eight hours unless said otherwise; None where there is no funding."""
        ...

    def funding_hours(self) -> Question[dict[str, int]] | None:
        """The periods of those symbols that do not pay every eight hours."""
        ...

    def refusal(self, answer: Any) -> Refusal | None:
        """The exchange's own word of refusal in an answer; None when it is none."""
        ...

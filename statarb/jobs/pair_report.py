"""The report on one pair from the stored bars: the command behind analytics.py."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from statarb import __version__, clock, errors, market, params, settings
from statarb.quant import PairStudy, study_pair, text_report, to_dict
from statarb.quant.costs import market_costs
from statarb.store import Coverage, Reader

_KNOBS = (
    *("timeframe", "price_scale", "hedge", "window", "test_window", "corr_window", "entry_z"),
    *("fee_preset", "fee_bps", "slippage_bps", "borrow_pct_year", "notional"),
)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; a knob that is not given keeps the default of its timeframe."""
    parser = argparse.ArgumentParser(prog="analytics.py", description="Report on one pair from the stored bars.")
    parser.add_argument("y", help="the leg that is explained, such as ETHUSDT or spot:ETHUSDT")
    parser.add_argument("x", help="the leg that explains it, such as BTCUSDT")
    for knob in (params.KNOB[name] for name in _KNOBS):
        flag, metavar = "--" + knob.name.replace("_", "-"), "|".join(knob.choices) or knob.unit.upper()
        parser.add_argument(flag, metavar=metavar, help=f"{knob.help} Default for 1m bars: {knob.default}.")
    parser.add_argument("--db", type=settings.database_path, help="the database file [STATARB_DB]")
    parser.add_argument("--json", action="store_true", help="JSON under the names of the result's fields, not text")
    parser.add_argument("--version", action="version", version=f"statarb {__version__}")
    return parser.parse_args(argv)


def read_study(reader: Reader, pair_params: params.PairParams) -> PairStudy:
    """Study a pair on the closed bars of an open database."""
    stored, legs = reader.instruments(), (pair_params.y, pair_params.x)
    for leg in (market.Instrument.parse(text) for text in legs):
        if str(leg) not in stored:
            known = ", ".join(row.instrument.label for row in stored.values()) or "no instrument yet"
            message = f"{leg.label} is not in the database; it holds {known}."
            raise errors.ConfigError(message, f"Start ingest with --symbols {leg.symbol} to follow it.")
    frame = market.timeframe(pair_params.timeframe)
    until_ms = min(stored[leg].closed_until_ms or 0 for leg in legs) // frame.ms * frame.ms
    if not until_ms:
        raise errors.DataError(f"No bar of {pair_params.pair} is closed yet.", "Let ingest run for a bar.")
    since_ms = max(0, until_ms - pair_params.lookback_bars * frame.ms)
    y_bars, x_bars = (reader.bars(leg, frame.base, since_ms, until_ms) for leg in legs)
    return study_pair(y_bars, x_bars, pair_params, until_ms, *(stored[leg].tick for leg in legs))


def read_coverage(reader: Reader, study: PairStudy) -> dict[str, Coverage]:
    """How much of what the study's numbers look back to is recorded, by leg."""
    frame = market.timeframe(study.params.timeframe)
    from_ms = max(0, study.as_of_ms - study.params.span_bars * frame.ms)
    legs = (study.params.y, study.params.x)
    return {leg: reader.coverage(leg, frame.base, from_ms, study.as_of_ms) for leg in legs}


def coverage_lines(coverage: Mapping[str, Coverage]) -> list[str]:
    """A sentence for each leg of which trades are missing."""
    return [
        f"Note         Of the seconds of {market.Instrument.parse(leg).label} that these numbers look back to, "
        f"{one.seconds - one.covered:,} of {one.seconds:,} are not covered by the record."
        for leg, one in coverage.items()
        if one.covered < one.seconds
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; 0, or 1 or 2 with one sentence."""
    options = parse_options(argv)
    given = {name: getattr(options, name) for name in _KNOBS if getattr(options, name) is not None}
    try:
        knobs = {"timeframe": "1m", "y": options.y, "x": options.x, **given}
        pair_params = params.PairParams.for_timeframe(**knobs)
        reader = Reader(options.db or settings.database_from_environment())
        try:
            study, source = read_study(reader, pair_params), reader.source()
            coverage = read_coverage(reader, study)
            spent = market_costs(study.params, reader.quotes(), reader.funding(), clock.SYSTEM_CLOCK.now_ms())
        finally:
            reader.close()
        shares = {"coverage": {leg: one.share for leg, one in coverage.items()}}
        report = (
            json.dumps({"source": source, **shares, **to_dict(study, spent)}, indent=2)
            if options.json
            else "\n".join([text_report(study, source, spent), *coverage_lines(coverage)])
        )
    except errors.StatarbError as error:
        print(f"analytics: {error}", file=sys.stderr)
        return 2 if isinstance(error, errors.ConfigError) else 1
    try:
        print(report, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

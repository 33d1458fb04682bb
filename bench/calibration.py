"""Level, power and coverage of what the desk displays, by simulation: the report in docs/methods.md."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from statarb.quant.cointegration import CointegrationResult, engle_granger  # isort: skip  (first: sets BLAS threads)

import numpy as np

from bench.alert_score import score_table
from bench.simulation import (
    Legs,
    Maker,
    garch_walks,
    noisy_walks,
    placebo_pairs,
    random_walks,
    reverting_pair,
    reverting_spread,
)
from statarb.quant.backtest import Backtest, backtest
from statarb.quant.half_life import HalfLife, half_life
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.hedge_check import ols_estimate
from statarb.quant.hedge_errors import dols_hedge, hac_hedge, long_run_hedge
from statarb.quant.hedge_methods import HedgeEstimate
from statarb.quant.position import Rule
from statarb.quant.sample import Floats, NotEnough
from statarb.quant.verdict import EQUAL_TESTS, TESTS_A_WINDOW, Word, standing, word_of_window

PROJECT = Path(__file__).resolve().parent.parent

LEVEL_BARS = (100, 300, 1000, 1440)
POWER_BARS = (100, 150, 240, 480, 1000, 1440, 3600, 10000)
POWER_SHARES = (0.004, 0.008, 0.012, 0.016, 0.02, 0.024, 0.028, 0.034, 0.04)
"""Half-lives that are tried, as shares of the window."""

POWER_GRID = ((100, 240, 1440), (5, 15, 60))
"""Windows and half-lives of the table of power."""

WANTED_POWER = 0.8
TEST_WINDOW = 1440
HALF_LIVES, COVERAGE_BARS = (5, 20, 60), (300, 1440, 3600)
WALKS: dict[str, Maker] = {
    "independent, Gaussian": random_walks,
    "GARCH(1,1) with t(5) shocks": garch_walks,
    "with bid-ask noise of one step": noisy_walks,
}
PLACEBO, PLACEBO_WINDOW = "placebo: hours of BTC against other hours of ETH", 100
VERDICTS: tuple[tuple[str, Maker, int], ...] = (
    ("independent, Gaussian", random_walks, TEST_WINDOW),
    ("GARCH(1,1) with t(5) shocks", garch_walks, TEST_WINDOW),
    ("independent, Gaussian", random_walks, PLACEBO_WINDOW),
    ("GARCH(1,1) with t(5) shocks", garch_walks, PLACEBO_WINDOW),
)
"""The windows of real hours are short, so that walks of that length stand beside them."""

BETA_BARS, BETA_HALF_LIVES = (240, 1440), (5, 20)
INTERVALS: dict[str, Callable[[Floats, Floats], HedgeEstimate | NotEnough]] = {
    "classic": ols_estimate,
    "Newey and West's (`hac_hedge`)": hac_hedge,
    "long-run (`long_run_hedge`)": long_run_hedge,
    "dynamic (`dols_hedge`)": dols_hedge,
}


def share_text(hits: int, runs: int) -> str:
    """`5.4 ± 1.1 %`, with the 95 % interval of a share."""
    share = hits / runs
    return f"{share:.1%} ± {1.96 * math.sqrt(share * (1 - share) / runs):.1%}".replace("%", " %").replace(" % ±", " ±")


def rejections(pairs: Iterable[Legs]) -> tuple[int, int]:
    """How many of the pairs have a doubled p below 5 %, and how many were tested."""
    results = [engle_granger(*pair) for pair in pairs]
    return sum(isinstance(r, CointegrationResult) and r.rejects for r in results), len(results)


def simulated(make: Maker, n: int, runs: int, seed: int) -> Iterator[Legs]:
    rng = np.random.default_rng([seed, n])
    return (make(rng, n) for _ in range(runs))


def level_table(runs: int, seed: int, hours: Path) -> Iterator[str]:
    yield f"Share rejected at 5 % by the doubled Engle-Granger p; {runs:,} pairs a cell, with 95 % interval."
    yield ""
    yield "| walks | " + " | ".join(f"n = {n:,}" for n in LEVEL_BARS) + " |"
    yield "|---" * (len(LEVEL_BARS) + 1) + "|"
    for name, make in WALKS.items():
        cells = [share_text(*rejections(simulated(make, n, runs, seed))) for n in LEVEL_BARS]
        yield f"| {name} | " + " | ".join(cells) + " |"
    cells = [
        f"{share_text(*rejections(pairs))} ({len(pairs):,} pairs)" for n in (100, 300) if (pairs := placebo(hours, n))
    ]
    if cells:
        yield f"| {PLACEBO} | {' | '.join(cells)} | | |"


def placebo(hours: Path, n: int) -> list[Legs]:
    """Real and unrelated windows of n hours; none where the files are not there."""
    y_file, x_file = (hours / f"{coin}-1h-with-outages.csv" for coin in ("btc", "eth"))
    return placebo_pairs(y_file, x_file, n) if y_file.exists() and x_file.exists() else []


def verdict_table(pairs: int, runs: int, seed: int, hours: Path) -> Iterator[str]:
    """The verdict's own rate, and unrelated pairs that read mean-reverting at some time of a day."""
    yield (
        "Unrelated pairs that read mean-reverting (p below 5 % and beta above 0): at one scheduled test; and, while "
        f"the window moves on by its own length (a day of hourly tests at {TEST_WINDOW:,} one-minute bars), at some "
        "test, and as the standing verdict after three in a row. Placebo pairs share windows, so that their intervals "
        "are too narrow."
    )
    yield ""
    yield "| walks | bars of a test | at one test | pairs | at some test | as the standing verdict | pairs |"
    yield "|---" * 7 + "|"
    for name, make, n in VERDICTS:
        rng = np.random.default_rng([seed, 7])
        windows, days = (make(rng, n) for _ in range(runs)), (make(rng, 2 * n) for _ in range(pairs))
        yield f"| {name} | {n:,} | {_verdict_cells(windows, days, n)} |"
    real, real_days = placebo(hours, PLACEBO_WINDOW), placebo(hours, 2 * PLACEBO_WINDOW)
    if real and real_days:
        yield f"| {PLACEBO} | {PLACEBO_WINDOW:,} | {_verdict_cells(real, real_days, PLACEBO_WINDOW)} |"


def _verdict_cells(windows: Iterable[Legs], days: Iterable[Legs], window: int) -> str:
    """Rates of one test of a window, and of the tests while it moves on to the end of twice as many bars."""
    words = [word_of_window(*legs) for legs in windows]
    stretches = [_words_of_day(*legs, window) for legs in days]
    tested = sum("mean-reverting" in day for day in stretches)
    stood = sum(any(_stands(day[: i + 1]) for i in range(EQUAL_TESTS - 1, len(day))) for day in stretches)
    once = share_text(words.count("mean-reverting"), len(words))
    some, standing_word = (share_text(hits, len(stretches)) for hits in (tested, stood))
    return f"{once} | {len(words):,} | {some} | {standing_word} | {len(stretches):,}"


def _words_of_day(y: Floats, x: Floats, window: int) -> list[Word]:
    ends = range(window, y.size + 1, window // TESTS_A_WINDOW)
    return [word_of_window(y[end - window : end], x[end - window : end]) for end in ends]


def _stands(words: list[Word]) -> bool:
    state = standing(words)
    return state.settled and state.word == "mean-reverting"


def power_table(runs: int, seed: int) -> Iterator[str]:
    yield f"Share of reverting pairs that the test finds; {runs:,} pairs a cell."
    yield ""
    yield "| half-life (bars) | " + " | ".join(f"n = {n:,}" for n in POWER_GRID[0]) + " |"
    yield "|---" * (len(POWER_GRID[0]) + 1) + "|"
    for bars in POWER_GRID[1]:
        cells = [share_text(*rejections(simulated(reverting_pair(bars), n, runs, seed))) for n in POWER_GRID[0]]
        yield f"| {bars} | " + " | ".join(cells) + " |"


def longest_half_life_found(n: int, runs: int, seed: int) -> float:
    """The half-life at which 80 % of reverting pairs are found, in bars, between the shares that were tried."""
    before, power_before = 0.0, 1.0
    for share in POWER_SHARES:
        hits, _ = rejections(simulated(reverting_pair(share * n), n, runs, seed))
        if hits / runs < WANTED_POWER:
            inside = (power_before - WANTED_POWER) / (power_before - hits / runs)
            return n * (before + inside * (share - before))
        before, power_before = share, hits / runs
    return n * before


def half_life_found_table(runs: int, seed: int) -> Iterator[str]:
    found = [longest_half_life_found(n, runs, seed) for n in POWER_BARS]
    yield "| bars in the window | " + " | ".join(f"{n:,}" for n in POWER_BARS) + " |"
    yield "|---" * (len(POWER_BARS) + 1) + "|"
    yield f"| half-life found in 80 % (bars; {runs} pairs a cell) | " + " | ".join(f"{f:.1f}" for f in found) + " |"


def coverage_table(runs: int, seed: int) -> Iterator[str]:
    yield f"Share of 95 % intervals of the half-life that hold the true one; {runs:,} spreads a cell."
    yield ""
    yield "| half-life, hedge | " + " | ".join(f"n = {n:,}" for n in COVERAGE_BARS) + " |"
    yield "|---" * (len(COVERAGE_BARS) + 1) + "|"
    for bars in HALF_LIVES:
        for estimated in (False, True):
            cells = [share_text(_covered(bars, n, estimated, runs, seed), runs) for n in COVERAGE_BARS]
            yield f"| {bars}, beta {'estimated' if estimated else 'given'} | " + " | ".join(cells) + " |"


def _covered(bars: float, n: int, estimated: bool, runs: int, seed: int) -> int:
    rng = np.random.default_rng([seed, n, int(bars)])
    inside = 0
    for _ in range(runs):
        spread = reverting_spread(rng, n, bars)
        if estimated:
            x = rng.standard_normal(n).cumsum()
            fit = hedge_ratio(x + spread, x)
            assert isinstance(fit, HedgeFit)
            spread = x + spread - fit.alpha - fit.beta * x
        found = half_life(spread, estimated)
        inside += isinstance(found, HalfLife) and found.low_bars <= bars <= found.high_bars
    return inside


def beta_table(runs: int, seed: int) -> Iterator[str]:
    yield f"Share of 95 % intervals of beta that hold the true one; {runs:,} reverting pairs a cell."
    yield ""
    cells = [(half_life, n) for half_life in BETA_HALF_LIVES for n in BETA_BARS]
    yield "| error | " + " | ".join(f"half-life {half_life}, n = {n:,}" for half_life, n in cells) + " |"
    yield "|---" * (len(cells) + 1) + "|"
    for name, method in INTERVALS.items():
        held = [_held(method, reverting_pair(half_life), n, runs, seed) for half_life, n in cells]
        yield f"| {name} | " + " | ".join(share_text(hits, runs) for hits in held) + " |"


def _held(
    method: Callable[[Floats, Floats], HedgeEstimate | NotEnough], make: Maker, n: int, runs: int, seed: int
) -> int:
    found = (method(y, x) for y, x in simulated(make, n, runs, seed))
    return sum(isinstance(one, HedgeEstimate) and one.beta_low <= 1.0 <= one.beta_high for one in found)


def backtest_lines(runs: int, seed: int) -> Iterator[str]:
    yield f"Backtest: enter |z| > 2, exit 0, window 240, no cost; {runs:,} pairs of 3,000 bars, steps of 5 bp."
    yield ""
    yield "| pairs | gross a trip (bp of notional) | round trips | won |"
    yield "|---|---|---|---|"
    kinds: dict[str, Maker] = {**WALKS, "reverting, half-life 15": reverting_pair(15)}
    for name, make in kinds.items():
        gross: list[float] = []
        for y, x in simulated(make, 3000, runs, seed):
            result = backtest(100 * np.exp(5e-4 * y), 100 * np.exp(5e-4 * x), 240, Rule(cost_bps=0))
            assert isinstance(result, Backtest)
            gross += [trip.net_bps for trip in result.round_trips]
        values = np.array(gross)
        reach = 1.96 * values.std(ddof=1) / math.sqrt(values.size)
        won = f"{np.mean(values > 0):.0%}".replace("%", " %")
        yield f"| {name} | {values.mean():+.2f} ± {reach:.2f} | {values.size:,} | {won} |"


PARTS: dict[str, Callable[[int, int, Path], Iterator[str]]] = {
    "level": level_table,
    "verdict": lambda runs, seed, hours: verdict_table(max(1, runs // 8), runs, seed, hours),
    "power": lambda runs, seed, _: power_table(max(1, runs // 4), seed),
    "found": lambda runs, seed, _: half_life_found_table(max(1, runs // 4), seed),
    "coverage": lambda runs, seed, _: coverage_table(runs, seed),
    "beta": lambda runs, seed, _: beta_table(runs, seed),
    # Round trips scatter by forty basis points: it takes many to tell a mean from zero.
    "backtest": lambda runs, seed, _: backtest_lines(4 * runs, seed),
    "alerts": lambda runs, seed, _: score_table(max(1, runs // 2), seed),
}


def report(part: str, runs: int, seed: int, hours: Path) -> str:
    """One part of the report, printed line by line as it comes."""
    lines = []
    for line in PARTS[part](runs, seed, hours):
        print(line, flush=True)
        lines.append(line)
    return "\n".join(lines)


def write(part: str, text: str, page: Path) -> None:
    """Replace what stands between the part's marks on the page; at once, so that a run cut short loses nothing."""
    begin, end = f"<!-- calibration: {part} -->", f"<!-- end of {part} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise SystemExit(f"{page} has no place for the part {part}: it needs the marks {begin} and {end}.")
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1600, help="simulated pairs a cell (default 1600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put each part into docs/methods.md when it is done")
    hours = PROJECT.parent / "shared" / "klines"
    parser.add_argument("--hours", type=Path, default=hours, help="folder of hourly klines, for placebo pairs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args(argv)
    for count, part in enumerate(options.parts, 1):
        print(f"\n{part}: {count} of {len(options.parts)}, seed {options.seed}, {options.runs:,} runs", flush=True)
        text = report(part, options.runs, options.seed, options.hours)
        if options.write:
            write(part, text, PROJECT / "docs" / "methods.md")


if __name__ == "__main__":
    main()

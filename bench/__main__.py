"""Run the benchmarks: a table on the terminal, and bench/results.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import coldstart, latency, memory, pair_analytics, refresh, restart, screen, size, throughput

RESULTS = Path(__file__).with_name("results.json")


PARTS = {
    "throughput": throughput,
    "refresh": refresh,
    "size": size,
    "pair_analytics": pair_analytics,
    "coldstart": coldstart,
    "latency": latency,
    "restart": restart,
    "screen": screen,
    "memory": memory,
}
BY_NAME_ONLY = ("restart", "memory")
"""The one needs 3 GB of disk and some minutes, the other half an hour."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    chosen = parser.parse_args().parts or [name for name in PARTS if name not in BY_NAME_ONLY]
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no {unknown[0]}; choose from {', '.join(PARTS)}")
    results = [result for name in chosen for result in PARTS[name].run()]
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() and len(chosen) < len(PARTS) else {}
    rows = {r.name: {"value": round(r.value, 3), **dict(list(r._asdict().items())[2:])} for r in results}
    RESULTS.write_text(json.dumps(kept | rows, indent=2) + "\n")
    for result in results:
        print(
            f"{result.name:<26} {result.value:>10.2f} {result.unit:<6} against {result.baseline}\n{'':<36} {result.how}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

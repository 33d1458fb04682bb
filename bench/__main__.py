"""Run every benchmark: a table on the terminal, and bench/results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import coldstart, pair_analytics, refresh, size, throughput

RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    results = [result for part in (throughput, refresh, size, pair_analytics, coldstart) for result in part.run()]
    RESULTS.write_text(
        json.dumps(
            {r.name: {"value": round(r.value, 3), **dict(list(r._asdict().items())[2:])} for r in results}, indent=2
        )
        + "\n"
    )
    for result in results:
        print(
            f"{result.name:<26} {result.value:>10.2f} {result.unit:<6} against {result.baseline}\n{'':<36} {result.how}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The database: every table with its purpose. Run `python db_setup.py` to create or upgrade data/ticks.db."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from statarb.errors import StatarbError
from statarb.settings import parse_settings
from statarb.store import create_database
from statarb.store.schema import PURPOSE, VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Create or upgrade the database and say what was done; 0, or 1 with one sentence."""
    options = parse_settings("db_setup.py", "Creates or upgrades the database and lists its tables.", ("db",), argv)
    try:
        done = create_database(options.db)
    except StatarbError as error:
        print(f"db_setup: {error}", file=sys.stderr)
        return 1
    print(f"{options.db} (schema {VERSION})")
    for table, purpose in PURPOSE.items():
        print(f"  {table:<10} {purpose}")
    print("\n".join(f"Done: {step}." for step in done) or "Nothing to do: it is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

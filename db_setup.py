"""The database: its tables, a backup, a check. Run `python db_setup.py` to create or upgrade data/ticks.db."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from statarb.errors import StatarbError
from statarb.settings import database_path, parse_settings
from statarb.store import back_up, check_archive, check_database, create_database
from statarb.store.schema import PURPOSE, VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Do what was asked and say what was done; 0, or 1 when it failed or a check found something wrong."""
    purpose = "Creates or upgrades the database and lists its tables; or backs it up, or checks it, beside ingest."
    options = parse_settings("db_setup.py", purpose, ("db", "archive"), argv, add_actions)
    try:
        if options.backup:
            size = back_up(options.db, options.backup)
            print(f"{options.db} is backed up to {options.backup}: {size:,} bytes, checked.")
            return 0
        return check(options.db, options.archive, options.check) if options.check else create(options.db)
    except StatarbError as error:
        print(f"db_setup: {error}", file=sys.stderr)
        return 1


def add_actions(parser: argparse.ArgumentParser) -> None:
    """What to do instead of setting up."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--backup", metavar="FILE", type=database_path, help="copy the database to a new file, checked")
    action.add_argument("--check", nargs="?", const="sample", choices=("sample", "all"),
                        help="look for damage, lost ids and wrong bars (of the newest trades, or of all), and in the "
                        "archive if one is given")  # fmt: skip


def create(db: Path) -> int:
    """Create or upgrade, and list every table with its purpose."""
    done = create_database(db)
    print(f"{db} (schema {VERSION})")
    for table, purpose in PURPOSE.items():
        print(f"  {table:<12} {purpose}")
    print("\n".join(f"Done: {step}." for step in done) or "Nothing to do: it is up to date.")
    return 0


def check(db: Path, archive: Path | None, extent: str) -> int:
    """Print each finding as it is made, and at the end what to do."""
    database = check_database(db) if extent == "sample" else check_database(db, None)
    wrong = 0
    for finding in itertools.chain(database, check_archive(archive) if archive else ()):
        print(f"{'ok   ' if finding.is_right else 'WRONG'} {finding.text}", flush=True)
        wrong += not finding.is_right
    print(f"{wrong} wrong; docs/reliability.md says how to restore." if wrong else "All is as it should be.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

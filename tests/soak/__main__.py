"""`python -m tests.soak`: soak the service, write the report, and end with 1 if something is not as it should be."""

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

from app.settings import PROJECT_FOLDER
from tests.soak import report
from tests.soak.ledger import Outcome
from tests.soak.soak import RATE, Plan, soak


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second")
    parser.add_argument("--results", type=Path, default=PROJECT_FOLDER / "build" / "soak", help="folder of the report")
    options = parser.parse_args()
    mpl.use("agg")
    with tempfile.TemporaryDirectory() as folder:
        record = soak(Plan(options.seconds, options.rate), Path(folder))
    report.write(record, options.results)
    totals = ", ".join(f"{record.ledger.total(outcome):,} {outcome}" for outcome in Outcome)
    sys.stdout.write(f"{record.ledger.sent:,} requests: {totals}. Report: {options.results / report.PAGE_FILE}\n")
    found = report.complaints(record)
    sys.stdout.writelines(f"{complaint}\n" for complaint in found)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

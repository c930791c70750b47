"""Fuzz everything that reads what clients send: `python -m tests.fuzz --seconds 3600`."""

import argparse
import faulthandler
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from tests.fuzz.targets import TARGETS, run

CASES = 500
"""Run in one go."""


def run_many(target: str, start: int) -> tuple[str, int, list[str]]:
    """Run CASES cases from `start` on; returns the target, their number, and what was found."""
    found = []
    for case in range(start, start + CASES):
        try:
            run(target, case)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            found.append(f"{target} {case}: {error!r} (from {error.__cause__!r})")
    return target, CASES, found


def prepare() -> None:
    """Let a process that crashes say where."""
    faulthandler.enable()
    logging.disable()


def main() -> int:
    """Run cases of all targets in turn until the time is over, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--start", type=int, default=0, help="number of the first case of each target")
    parser.add_argument("--only", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    found: list[str] = []
    start = options.start
    with ProcessPoolExecutor(options.processes, initializer=prepare) as pool:
        under_way = set()
        try:
            while time.monotonic() < until:
                under_way |= {pool.submit(run_many, target, start) for target in options.only}
                start += CASES
                while len(under_way) > len(options.only):
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for result in done:
                        target, cases, failures = result.result()
                        counts[target] += cases
                        found += failures
                        sys.stdout.writelines(f"{failure}\n" for failure in failures)
                        sys.stdout.flush()
            for target, cases, failures in (result.result() for result in under_way):
                counts[target] += cases
                found += failures
        except BrokenProcessPool:
            found.append(
                f"a process crashed among the {len(under_way) * CASES} cases before {start}; its stack is above"
            )
    for target, cases in counts.items():
        sys.stdout.write(f"{target:10} {cases:>12,} cases\n")
    sys.stdout.write(f"{counts.total():,} cases, {len(found)} found\n")
    sys.stdout.writelines(f"{failure}\n" for failure in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

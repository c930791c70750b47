"""Fuzz everything that reads what others send, led by coverage: `python -m tests.fuzz --seconds 3600`."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.fuzz.cases import BUILD
from tests.fuzz.targets import TARGETS


def fuzz(seconds: float, name: str) -> tuple[str, int]:
    """Fuzz a target for so many seconds, in a process of its own; returns its name and the process's exit code."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.fuzz.engine", name, f"-max_total_time={max(1, round(seconds))}"]
        return name, subprocess.run(command, stdout=log, stderr=log, check=False).returncode


def summary(name: str, code: int) -> Iterator[str]:
    """A line on what became of a target's cases, and one for each thing found."""
    report = json.loads((BUILD / f"{name}.json").read_text())
    cases = max(1, report["cases"])
    ended = ", ".join(f"{ended} {count / cases:.1%}" for ended, count in report["ended"].items())
    yield f"{name:12} {report['cases']:>12,} cases {report['cases'] / max(1.0, report['seconds']):>8,.0f}/s  {ended}"
    yield from (f"{name} found {found}; the case is in {BUILD / 'found' / name}" for found in report["found"])
    if code:
        yield f"{name} found something that ended the process ({code}); see {BUILD / f'{name}.log'}"


def main() -> int:
    """Fuzz the targets, as many at once as there are processors, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--only", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    share = options.seconds * min(options.processes, len(options.only)) / len(options.only)
    total, found = 0, 0
    with ThreadPoolExecutor(options.processes) as pool:
        for name, code in pool.map(partial(fuzz, share), options.only):
            first, *findings = summary(name, code)
            sys.stdout.writelines(f"{line}\n" for line in (first, *findings))
            sys.stdout.flush()
            total += json.loads((BUILD / f"{name}.json").read_text())["cases"]
            found += len(findings)
    sys.stdout.write(f"{total:,} cases, {found} found\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

"""Fuzzes one target, led by coverage: `python -m tests.fuzz.engine TARGET [libFuzzer's options and folders]`.

Atheris watches which lines of the service, of Pillow's and of the form parser's Python a case reaches, and goes on from
those that reach new ones. A process of its own for each target: libFuzzer ends its process when it is done.
"""

import hashlib
import json
import logging
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import atheris

# What is imported before is not watched: it takes long and is not looked for faults here.
import cv2  # noqa: F401
import fastapi  # noqa: F401
import numpy as np  # noqa: F401
from atheris.import_hook import HookManager

_WATCHED: Final = {"app", "PIL", "python_multipart"}

_OF_ARRAYS: Final = {"drawing", "pixels", "rows"}
"""Targets in which arrays are compared: Atheris, which looks at all that is, keeps two megabytes of each case."""

with HookManager(_WATCHED, set(), enable_loader_override=True, trace_dataflow=_OF_ARRAYS.isdisjoint(sys.argv[1:2])):
    from tests.fuzz.cases import BUILD, CHANGED, MOST, Target
    from tests.fuzz.targets import TARGETS

_REPORT_SECONDS: Final = 5.0

_SLOWEST_SECONDS: Final = 60
_MOST_MEMORY: Final = 3072
"""In MiB; a case that takes more of either is found too."""


class _Run:
    """One process's work at a target."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target
        self._seeds = list(target.seeds())
        self._ended: Counter[str] = Counter()
        self._found: set[str] = set()
        self._began = self._reported = time.monotonic()

    def begin(self, options: list[str]) -> None:
        """Run until libFuzzer's options say to stop; it ends the process."""
        corpus = BUILD / "corpus" / self.name
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in self._seeds:
            (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
        words = BUILD / f"{self.name}.words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in self._target.words))
        self._report()
        arguments = [
            *([f"-dict={words}"] if self._target.words else []),
            f"-max_len={MOST}",
            f"-timeout={_SLOWEST_SECONDS}",
            f"-rss_limit_mb={_MOST_MEMORY}",
            f"-artifact_prefix={self._found_folder()}/",
            *options,
            str(corpus),
        ]
        with self._target.reading() as read:
            self._read = read
            atheris.Setup([sys.argv[0], *arguments], self._one, custom_mutator=self._changed)
            atheris.Fuzz()

    def _found_folder(self) -> Path:
        folder = BUILD / "found" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _one(self, case: bytes) -> None:
        try:
            ended = self._read(case)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            ended = "FOUND"
            self._keep(case, error)
        self._ended[ended] += 1
        if time.monotonic() - self._reported > _REPORT_SECONDS:
            self._report()

    def _changed(self, case: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311  # no secrets
        changed = case
        if random.random() < CHANGED:
            changed = self._target.change(case, random)
            if changed == case:
                # It is none of what it should be.
                changed = self._target.change(random.choice(self._seeds), random)
        if changed in {case, *self._seeds}:
            changed = atheris.Mutate(case, most)
        return self._target.repair(changed, random)[:most]

    def _keep(self, case: bytes, error: Exception) -> None:
        """Keep a case that found something, one for each place."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} {Path(place.filename).name} {place.lineno}"
        if fault not in self._found:
            self._found.add(fault)
            path = self._found_folder() / hashlib.sha1(case, usedforsecurity=False).hexdigest()
            path.write_bytes(case)
            sys.stdout.write(f"{self.name} found {fault}: {path}\n{''.join(traceback.format_exception(error))}\n")

    def _report(self) -> None:
        self._reported = time.monotonic()
        report = {
            "cases": self._ended.total(),
            "seconds": round(self._reported - self._began, 1),
            "ended": dict(self._ended.most_common()),
            "found": sorted(self._found),
        }
        (BUILD / f"{self.name}.json").write_text(json.dumps(report))


def _escaped(word: bytes) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def main() -> None:
    """Fuzz the target that is named."""
    logging.disable()
    name, *options = sys.argv[1:]
    _Run(name, TARGETS[name]).begin(options)


if __name__ == "__main__":
    main()

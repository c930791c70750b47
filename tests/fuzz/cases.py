"""What a fuzzing target is, and cases made by chance alone: the same in every run."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, cast

MOST: Final = 20_000
"""Bytes of a case."""

MOST_PIECES: Final = 200
"""In which a case comes, where it comes in pieces."""

FOUND: Final = Path(__file__).with_name("found")
"""Cases that once found something, in a folder for each target; they are run for ever."""

BUILD: Final = Path("build/fuzz")
"""What a run led by coverage reached, in corpus/TARGET; what it found, in found/TARGET; and its report, TARGET.json."""

_NUMBERS: Final = (0, 1, 2, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Where counts and sizes go wrong."""

_NAMES: Final = (
    *(
        "image",
        "pixels",
        "b64",
        "instances",
        "inputs",
        "outputs",
        "name",
        "shape",
        "datatype",
        "data",
        "parameters",
        "id",
    ),
    *("binary_data_size", "binary_data", "binary_data_output", "classification", "signature_name", "\0", ""),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 28, 784, 255, 256, 0.5, -0.0, 1e308, 255.0000001, 2**31, 2**63, 10**30, [], {}, ""),
    *("image", "digit", "probabilities", "UINT8", "FP32", "BYTES", "serving_default", "AAAA", "AA==", "A", "\ud800"),
    *([1, 28, 28, 1], [1, 28, 28], [2], [0] * 784, [[0] * 28] * 28, {"b64": "AAAA"}),
)
"""What may be anywhere in JSON."""

CHANGED: Final = 0.4
"""Share of the cases that are changed as what they are."""

READ: Final = "read"
"""What a case that was not refused ends as."""


Read = Callable[[bytes], str]
"""Reads a case and tells how that ended: READ, or the documented error's name; raises what is not documented."""


Change = Callable[[bytes, Random], bytes]
"""Makes another case of one."""


def unchanged(case: bytes, _: Random) -> bytes:
    """The same case."""
    return case


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads what others send."""

    seeds: Callable[[], Sequence[bytes]]
    """Cases to begin with."""
    reading: Callable[[], AbstractContextManager[Read]]
    """What the reading takes, and the reading."""
    words: tuple[bytes, ...] = ()
    """What its cases are made of."""
    change: Change = unchanged
    """Changes a case as what it is, a line or a value, where changed bytes alone would seldom get far."""
    repair: Change = unchanged
    """Makes checksums and lengths of a changed case right, or most of them, or it would always be refused for those."""
    cases: int = 300
    """Of those made by chance, how many the tests run: fewer where one takes long."""


def simply(read: Read) -> Callable[[], AbstractContextManager[Read]]:
    """A reading that takes nothing."""
    return lambda: nullcontext(read)


def made_by_chance(name: str, target: Target, number: int) -> bytes:
    """A target's case of this number."""
    random = Random(f"{name} {number}")  # noqa: S311  # the same cases everywhere
    case = _mutated(random, _seeds(target), target.words)
    if random.random() < CHANGED:
        case = target.change(random.choice(_seeds(target)), random)
    return target.repair(case, random)[:MOST]


def with_changed_lines(case: bytes, random: Random, words: tuple[bytes, ...], end: bytes) -> bytes:
    """A case whose lines were doubled, left out, exchanged or added to."""
    lines = case.split(end)
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(lines) + 1)
        match random.randrange(4):
            case 0:
                del lines[place : place + 1]
            case 1:
                lines[place:place] = lines[place : place + random.randrange(1, 4)]
            case 2:
                lines[place : place + 3] = reversed(lines[place : place + 3])
            case _:
                lines.insert(place, random.choice(words).rstrip(b"\r\n"))
    return end.join(lines)


def with_changed_values(text: bytes, random: Random) -> bytes:
    """JSON in which values were exchanged, doubled, left out, wrapped or made unusual; other bytes as they are."""
    try:
        value = json.loads(text)
        for _ in range(random.choice((1, 1, 2, 4))):
            inner = [one for one in _containers(value) if one]
            if inner:
                _change_value(random.choice(inner), random.choice(inner), random)
        return json.dumps(value).encode()
    except (ValueError, RecursionError):
        return text


def _change_value(around: Any, other: Any, random: Random) -> None:
    """Change one of a container's values; another container may have a value to copy."""
    key: Any = random.choice(list(around)) if isinstance(around, dict) else random.randrange(len(around))
    match random.randrange(6):
        case 0:
            del around[key]
        case 1 if isinstance(around, list):
            around[key:key] = [around[key]] * random.choice((1, 1, 2, 30))
        case 2:
            around[key] = [around[key]]
        case 3:
            around[key] = deepcopy(random.choice(list(other.values()) if isinstance(other, dict) else other))
        case 4 if isinstance(around, dict):
            around[random.choice(_NAMES)] = around[key]
        case _:
            around[key] = deepcopy(random.choice(_VALUES))


def _containers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(found for one in value.values() for found in _containers(one))]
    return [value, *(found for one in value for found in _containers(one))] if isinstance(value, list) else []


def found_cases(name: str) -> list[Path]:
    """Cases of a target that once found something."""
    return sorted((FOUND / name).glob("*"))


@cache
def _seeds(target: Target) -> Sequence[bytes]:
    return target.seeds()


def _mutated(random: Random, seeds: Sequence[bytes], words: tuple[bytes, ...]) -> bytes:  # noqa: C901  # a list of ways
    """A seed with some bytes changed, taken out, put in, doubled, or taken from another seed."""
    body = bytearray(random.choice(seeds))
    for _ in range(random.choice((0, 1, 1, 2, 3, 5, 10))):
        place = random.randrange(len(body) + 1)
        match random.randrange(9 if words else 8):
            case 0:
                body[place : place + 1] = random.randbytes(1)
            case 1:
                if place < len(body):
                    body[place] ^= 1 << random.randrange(8)
            case 2:
                del body[place : place + random.choice((1, 2, 4, 16, 64))]
            case 3:
                body[place:place] = random.randbytes(random.choice((1, 2, 4, 16)))
            case 4:
                number = random.choice(_NUMBERS) + random.choice((-1, 0, 1))
                size = random.choice((1, 2, 4))
                order = random.choice(("big", "little"))
                body[place : place + size] = (number % (1 << 8 * size)).to_bytes(size, cast(Any, order))
            case 5:
                end = place + random.randrange(64)
                body[end:end] = body[place:end] * random.choice((1, 2, 50))
            case 6:
                other = random.choice(seeds)
                start = random.randrange(len(other) + 1)
                body[place : place + random.randrange(64)] = other[start : start + random.randrange(64)]
            case 7:
                if random.random() < 0.2:
                    del body[place:]
            case _:
                body[place : place + random.choice((0, 0, 1, 3))] = random.choice(words)
    return bytes(body[:MOST])

"""A load generator in a process of its own, as JSON: what to send goes in, what came of it comes out."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

import uvloop

PROJECT_FOLDER: Final = Path(__file__).parent.parent.parent


class Record(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Task(Record, Protocol):
    """What to send: a dataclass whose other fields are what JSON knows."""

    @property
    def request(self) -> bytes:
        """As it goes over the wire."""


AnyTask = TypeVar("AnyTask", bound=Task)


def start(module: str, task: Task) -> "subprocess.Popen[bytes]":
    """Begin to send from another process, whose program calls `carry_out`; `outcome` waits for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=PROJECT_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(task) | {"request": b64encode(task.request).decode()}).encode())
    process.stdin.close()
    process.stdin = None
    return process


def outcome(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The fields of what came of it."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The load generator ended with {process.returncode}.")
    fields: dict[str, Any] = json.loads(output)
    return fields


def carry_out(kind: type[AnyTask], drive: Callable[[AnyTask], Awaitable[Record]]) -> None:
    """Read a task from standard input, drive it and write what came of it."""

    async def driven() -> Record:
        told = json.load(sys.stdin)
        return await drive(replace(kind(**told), request=b64decode(told["request"])))

    sys.stdout.write(json.dumps(asdict(uvloop.run(driven()))))

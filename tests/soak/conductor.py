"""What is done to the service meanwhile: versions come and go, an instance is restarted, processes are killed."""

import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from app.artifact import current_folder
from tests.soak.ledger import History, Span
from tests.system.conftest import PATIENCE, answering
from tests.system.instances import Instance
from tests.system.publishing import publish_another, rolled_back

PROCESSES: Final = 2
"""Of the second instance: while one is killed, the other goes on."""

_LOOKS: Final = 24
"""Connections in a row over which several processes are asked the same: the system deals them out by chance."""

_LOOK_SECONDS: Final = 0.25

_KEEP: Final = 3
"""Versions: a damaged one, the one that it did not replace, and the one to roll back to."""

_STARTED: Final = "Application startup complete."


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done, from when to when."""

    name: str
    begin: float
    end: float


class Conductor:
    """Does one thing after another, each only once the one before has had its effect in all processes."""

    def __init__(self, home: Path, instances: list[Instance], history: History) -> None:
        """Take over.

        Args:
            home: the published model that the instances serve.
            instances: the first lives as long as the run; the second, if there is one, is restarted and killed.
            history: told of what bears upon the answers.
        """
        self.steps: list[Step] = []
        self.rounds = 0
        self._home = home
        self._instances = instances
        self._history = history
        self._names = (f"soak-{number}" for number in itertools.count(1))
        self._asking = httpx.Client(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))
        self._published = current_folder(home).name
        history.now_may_answer(time.monotonic(), self._published)

    def run(self, until: float, pause: float) -> None:
        """Do whole rounds, at least one, until it is time."""
        steps: list[tuple[str, Callable[[], None]]] = [("publish", self._publish)]
        if len(self._instances) > 1:
            steps += [
                ("SIGTERM", self._restart),
                ("damaged version", self._publish_damaged),
                ("kill -9, process", self._kill_process),
                ("roll back", self._roll_back),
                ("kill -9, instance", self._kill_instance),
            ]
        else:
            steps += [("damaged version", self._publish_damaged), ("roll back", self._roll_back)]
        with self._asking:
            while not self.rounds or time.monotonic() < until:
                for name, do in steps:
                    time.sleep(pause)
                    begin = time.monotonic()
                    if self.rounds and begin >= until:
                        return
                    do()
                    self.steps.append(Step(name, begin, time.monotonic()))
                self.rounds += 1

    def _publish(self) -> None:
        version = next(self._names)
        self._history.now_may_answer(time.monotonic(), self._published, version)
        publish_another(self._home, version, keep=_KEEP)
        self._wait_for_version(version)

    def _roll_back(self) -> None:
        before = self._published
        # Whichever it will be, it was there before.
        known = {folder.name for folder in self._home.iterdir() if folder.is_dir() and folder.name[0] != "."}
        self._history.now_may_answer(time.monotonic(), *known)
        version = rolled_back(self._home)
        assert version != before, "the rollback changed nothing"
        self._wait_for_version(version)

    def _publish_damaged(self) -> None:
        version = next(self._names)
        publish_another(self._home, version, damaged=True, keep=_KEEP)
        self._wait_for(lambda told: (told["versions"]["refused"] or {}).get("version") == version)
        back = rolled_back(self._home, "--to", self._published)
        assert back == self._published
        self._wait_for(lambda told: told["versions"]["refused"] is None)

    def _restart(self) -> None:
        instance = self._instances[1]
        code = instance.stop()
        assert code == 0, f"SIGTERM ended it with {code}"
        instance.start()
        self._wait_for_processes(instance)

    def _kill_process(self) -> None:
        instance = self._instances[1]
        victim, *others = answering(instance.process.pid)
        assert others, "there is no other process to go on with"
        with self._killing():
            os.kill(victim, signal.SIGKILL)
            self._wait(lambda: victim not in answering(instance.process.pid))
            self._wait_for_processes(instance)

    def _kill_instance(self) -> None:
        instance = self._instances[1]
        with self._killing():
            instance.end()
            instance.start()
            self._wait_for_processes(instance)

    @contextmanager
    def _killing(self) -> Iterator[None]:
        span = Span(time.monotonic())
        self._history.kills.append(span)
        yield
        span.end = time.monotonic()

    def _wait_for_processes(self, instance: Instance) -> None:
        """Wait until all processes of an instance serve: one that starts while versions change may be late."""

        def all_serve() -> bool:
            pids = answering(instance.process.pid)
            lines = [json.loads(line) for line in instance.log.read_text().splitlines() if _STARTED in line]
            return len(pids) == PROCESSES and set(pids) <= {line["process"] for line in lines}

        self._wait(all_serve)

    def _wait_for_version(self, version: str) -> None:
        self._wait_for(lambda told: told["metadata"]["version"] == version)
        self._published = version
        self._history.now_may_answer(time.monotonic(), version)

    def _wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until all processes tell of themselves what they shall."""

        def tells(instance: Instance) -> bool:
            # On a busy machine it may be refused, and is asked again.
            answer = self._asking.get(f"{instance.url}/model")
            return answer.status_code == httpx.codes.OK and condition(answer.json())

        def all_do() -> bool:
            return all(
                tells(instance)
                for instance in self._instances
                for _ in range(_LOOKS if len(answering(instance.process.pid)) > 1 else 1)
            )

        self._wait(all_do)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "nothing happened for two minutes"
            time.sleep(_LOOK_SECONDS)
